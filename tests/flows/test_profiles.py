"""Profiles of single devices: what they say, what all other devices and hours keep, whatever the order of imports."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bos_core.drwop import store
from bos_core.index import merging, scenarios
from bos_core.index.client import Index
from bos_core.objects.errors import OntologyError, ProfileError
from flows.edits import edit_version, effects
from flows.imported import Imported
from flows.ontology import grid_of_ontology
from flows.portable import export_version, import_version
from flows.profiles import _year_later, import_profiles
from flows.versions import lay_down_model, start_of_series
from slots.grid.network import whole
from storage.postgres import EmbeddedPostgres
from storage.settings import Settings

SITUATIONS = Path(__file__).parent.parent / "slots" / "situations"
PD, QD = np.array([0.0, 60.0, 50.0]), np.array([0.0, 15.0, 10.0])  # of plain.m
_label = (f"p{k}" for k in itertools.count())


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """An index whose result files lie in its own home."""
    patch = pytest.MonkeyPatch()
    home = Settings(tmp_path_factory.mktemp("home"), "", 0)
    patch.setenv("BOS_HOME", str(home.home))
    server = EmbeddedPostgres(home)
    server.start()
    with Index(home) as opened:
        yield opened
    server.stop()
    patch.undo()


@pytest.fixture(scope="module")
def plain(index: Index) -> int:
    return import_version(index, str(SITUATIONS / "plain.m"), "plain")


def _import(index: Index, version: int, *files: Path, array: str = "load", **more: str) -> Imported:
    return import_profiles(index, version, files, array, next(_label), **more)


def _series(index: Index, version: int) -> dict[str, np.ndarray]:
    arrays, told = store.read(lay_down_model(index, f"scenario:{version}"))
    return {k.removeprefix("series/"): v for k, v in arrays.items() if k.startswith("series/")} | {
        "first": told["series_first"]
    }


@pytest.mark.parametrize("order", list(itertools.permutations(["p2.csv", "p3.csv", "p3d.csv"])), ids="-".join)
def test_profiles_of_single_buses_leave_all_others_alone(index: Index, plain: int, order: tuple[str, ...]):
    version = plain
    for name in order:
        version = _import(index, version, SITUATIONS / name).version
    found = _series(index, version)
    assert found["first"] == 0
    expected = np.tile([0.0, 77.0, 11.0], (48, 1))
    np.testing.assert_array_equal(found["load"], expected)
    np.testing.assert_allclose(found["load_q"], expected * [0, 15 / 60, 10 / 50], rtol=1e-15)


def test_hours_that_no_profile_has_keep_the_grid_and_are_told(index: Index, plain: int):
    short = _import(index, plain, SITUATIONS / "p3d.csv")
    assert short.remarks == ("the grid's own constant load of 60 MW stays at 1 bus without a profile",)
    assert len(_series(index, short.version)["load"]) == 24
    both = _import(index, short.version, SITUATIONS / "p2.csv")
    assert both.remarks == ("bus:3 keeps the grid's 50 MW in the 24 hours that no profile has (from 24 to 47)",)
    load = _series(index, both.version)["load"]
    np.testing.assert_array_equal(load[:, 1], 77.0)
    np.testing.assert_array_equal(load[:, 2], [11.0] * 24 + [50.0] * 24)


def test_files_of_parts_of_the_devices_are_one_version(index: Index, plain: int, tmp_path: Path):
    done = _import(index, plain, SITUATIONS / "p2.csv", SITUATIONS / "p3d.csv")
    assert (done.devices, done.rows, done.first, done.hours, done.low, done.high) == (2, 72, 0, 48, 11.0, 77.0)
    load = _series(index, done.version)["load"]
    np.testing.assert_array_equal(load[:24], np.tile([0.0, 77.0, 11.0], (24, 1)))
    known = len(index.call(scenarios.listed))
    with pytest.raises(ProfileError, match=r"p3.csv and p3d.csv both give load of 3 in hour 0"):
        _import(index, plain, SITUATIONS / "p3.csv", SITUATIONS / "p3d.csv")
    assert len(index.call(scenarios.listed)) == known
    export_version(index, done.version, tmp_path / "a.bos")
    again = import_version(index, str(tmp_path / "a.bos"), next(_label))
    np.testing.assert_array_equal(_series(index, again)["load"], load)
    more = _import(index, again, SITUATIONS / "p3.csv")  # over what came back: bus 2 stays
    np.testing.assert_array_equal(_series(index, more.version)["load"], np.tile([0.0, 77.0, 11.0], (48, 1)))


def test_profiles_of_two_planners_merge(index: Index, plain: int):
    ours, theirs = (_import(index, plain, SITUATIONS / f).version for f in ("p2.csv", "p3.csv"))

    async def work(db):
        made = await merging.merge(db, ours, theirs, next(_label))
        await scenarios.commit(db, made)
        return made

    np.testing.assert_array_equal(_series(index, index.call(work))["load"], np.tile([0.0, 77.0, 11.0], (48, 1)))


stroke = st.tuples(
    st.sets(st.sampled_from(["1", "2", "3"]), min_size=1), st.integers(0, 5), st.integers(1, 6), st.integers(1, 99)
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(stroke, min_size=1, max_size=4))
def test_any_sequence_of_imports_is_what_a_dictionary_says(index: Index, plain: int, tmp_path: Path, strokes):
    version, said = plain, {}
    for buses, first, hours, value in strokes:
        path = tmp_path / "x.csv"
        rows = [f"{h}," + ",".join(f"{value + h}" for _ in buses) for h in range(first, first + hours)]
        path.write_text("\n".join([",".join(["hour", *(f"bus:{b}" for b in buses)]), *rows]))
        version = _import(index, version, path).version
        said |= {(h, b): float(value + h) for b in buses for h in range(first, first + hours)}
    found = _series(index, version)
    low, high = min(h for h, _ in said), max(h for h, _ in said)
    expected = [[said.get((h, str(b + 1)), PD[b]) for b in range(3)] for h in range(low, high + 1)]
    assert found["first"] == low
    np.testing.assert_array_equal(found["load"], expected)


def test_reactive_load_follows_and_stays_where_active_is_zero(index: Index, tmp_path: Path):
    case = (SITUATIONS / "plain.m").read_text().replace("2 1 60 15", "2 1 0 15")
    (tmp_path / "q.m").write_text(case)
    root = import_version(index, str(tmp_path / "q.m"), next(_label))
    found = _series(index, _import(index, root, SITUATIONS / "p3.csv").version)
    np.testing.assert_allclose(found["load_q"], np.tile([0.0, 15.0, 11 / 5], (48, 1)), rtol=1e-15)
    (tmp_path / "own.csv").write_text("hour,2\n0,7\n1,8\n")
    version = _import(index, root, tmp_path / "own.csv", array="load_q").version
    with pytest.raises(ProfileError, match="a profile of load_q but none of load"):
        lay_down_model(index, f"scenario:{version}")
    found = _series(index, _import(index, version, SITUATIONS / "p3.csv").version)
    np.testing.assert_array_equal(found["load_q"][:3, 1], [7, 8, 15])


def test_isolated_load_is_in_no_series(index: Index, tmp_path: Path):
    root = import_version(index, str(SITUATIONS / "isol.m"), next(_label))
    (tmp_path / "s.csv").write_text("hour,system:isol,4\n0,98,7\n1,55,7\n")
    done = _import(index, root, tmp_path / "s.csv")
    assert done.remarks == ("bus:4: isolated, no run serves its load",)
    found = _series(index, done.version)
    np.testing.assert_allclose(found["load"].sum(axis=1), [98, 55])
    np.testing.assert_array_equal(found["load"][:, 3], 0)
    np.testing.assert_array_equal(found["load_q"][:, 3], 0)


def test_dates_count_from_the_scenarios_hour_zero(index: Index, plain: int, tmp_path: Path):
    days = [f"2021-07-{d:02d} {h:02d}:00+02:00" for d in (1, 2) for h in range(24)]
    (tmp_path / "july.csv").write_text("t,2\n" + "".join(f"{t},{k}\n" for k, t in enumerate(days)))
    july = _import(index, plain, tmp_path / "july.csv")
    assert (july.first, july.hours) == (181 * 24 - 2, 48)
    assert "hours 4342 to 4389 (2021-06-30 22:00 to 2021-07-02 21:00 UTC)" in july.told
    assert start_of_series(lay_down_model(index, f"scenario:{july.version}")).isoformat() == "2021-01-01T00:00:00+00:00"
    days = [f"2022-07-01 {h:02d}:00" for h in range(24)]
    (tmp_path / "later.csv").write_text("t,2\n" + "".join(f"{t},1\n" for t in days))
    with pytest.raises(ProfileError, match=r"holds hours 13104 to 13127 from 2021-01-01 00:00 UTC on"):
        _import(index, july.version, tmp_path / "later.csv")
    times = np.arange(np.datetime64("2020-12-31T20"), np.datetime64("2021-12-31T20"), np.timedelta64(1, "h"))
    (tmp_path / "year.csv").write_text("t,2\n" + "".join(f"{t},1\n" for t in times))
    year = _import(index, plain, tmp_path / "year.csv")
    assert (year.first, year.hours) == (0, 8756)
    assert "year.csv: 4 hours outside the scenario's year were left out" in year.remarks
    times = np.arange(np.datetime64("2020-06-01T00"), np.datetime64("2021-06-01T00"), np.timedelta64(1, "h"))
    (tmp_path / "two.csv").write_text("t,2\n" + "".join(f"{t},1\n" for t in times))
    with pytest.raises(ProfileError, match="give one year at a time"):
        _import(index, plain, tmp_path / "two.csv")


@pytest.mark.parametrize(("start", "hours"), [("2020-01-01", 8784), ("2021-01-01", 8760), ("2020-07-01", 8760),
                                              ("2019-07-01", 8784), ("2020-02-29", 8784)])  # fmt: skip
def test_a_year_from_any_day_has_its_hours(start: str, hours: int):
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert 24 * (_year_later(begin) - begin).days == hours


BAD = [
    ("hour,2,bus:2\n0,1,2\n", "load", "gives bus:2 twice, in columns 2 and bus:2"),
    ("hour,2,system:plain\n0,1,2\n", "load", "gives bus:2 twice, in columns 2 and system:plain"),
    ("hour,1_1\n0,1\n", "available", "which is thermal, not variable: no run would read it"),
    ("hour,1_1\n0,1\n", "inflow", "which is thermal, not storage"),
    ("hour,bus:2\n0,1\n", "reserve", "it is of the whole system"),
    ("hour,unit:1_1\n0,1\n", "load", "has a column unit:1_1, but load is given per bus"),
    ("hour,region:7\n0,1\n", "load", "no entity is called region:7"),
    ("hour,2\n9000,1\n", "load", "the scenario's year has hours 0 to 8783"),
]


@pytest.mark.parametrize(("text", "array", "sentence"), BAD, ids=[s for *_, s in BAD])
def test_what_no_run_could_use_is_refused(index: Index, plain: int, tmp_path: Path, text, array, sentence):
    units = index.call(lambda db: scenarios.read(db, plain, ())).things
    assert "unit:1_1" in units
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(Exception, match=sentence) as caught:
        _import(index, plain, tmp_path / "x.csv", array=array)
    assert "\n" not in str(caught.value)


def test_an_edit_that_changes_nothing_is_refused_and_one_that_no_run_reads_is_told(index: Index, plain: int):
    for same in (["unit:1_1:pmax=200 MW"], ["unit:1_1:pmax=200", "bus:2:pd=60"], []):
        with pytest.raises(OntologyError, match="the edit changes nothing"):
            edit_version(index, plain, next(_label), same, [])
    edits = ["unit:1_1:pmax=200", "unit:1_1:participation=0.5", "bus:2:pd=61"]
    made = edit_version(index, plain, next(_label), edits, [])
    assert effects(index, made, edits) == [
        "no run reads participation of a unit: it is kept in static_verification and changes no result"
    ]
    profiled = _import(index, plain, SITUATIONS / "p2.csv").version
    edited = edit_version(index, profiled, next(_label), ["bus:3:pd=20"], [])
    (told,) = effects(index, edited, ["bus:3:pd=20"])
    assert told.startswith("the version holds load hour by hour: pd of bus:3 is only what")
    np.testing.assert_array_equal(_series(index, edited)["load"], np.tile([0.0, 77.0, 20.0], (48, 1)))


def test_a_branch_that_is_no_contingency_is_not_taken_out(index: Index, plain: int):
    names = index.call(lambda db: scenarios.read(db, plain, ())).things
    edit = [next(g for g in names if g.startswith("branch:")) + ":contingency=false"]
    made = edit_version(index, plain, next(_label), edit, [])
    assert effects(index, made, edit) == []
    before, after = (grid_of_ontology(index.call(lambda db, v=v: scenarios.read(db, v))) for v in (plain, made))
    assert whole(before).contingencies.tolist() == np.flatnonzero(before.branches.in_service).tolist()
    assert whole(after).contingencies.tolist() == whole(before).contingencies.tolist()[1:]


def test_a_folder_brings_its_series_and_dates_count_from_its_first_hour(index: Index, tmp_path: Path):
    root = import_version(index, str(SITUATIONS / "f_july"), next(_label))
    path = lay_down_model(index, f"scenario:{root}")
    assert start_of_series(path).isoformat() == "2020-07-01T00:00:00+00:00"
    own = _series(index, root)
    np.testing.assert_allclose(own["load"], np.tile([0, 600 / 11, 500 / 11], (48, 1)))
    np.testing.assert_array_equal(own["available"][:, 2], 20.0)
    np.testing.assert_array_equal(own["reserve"], 5.0)
    times = [f"2020-07-01 {h:02d}:{m:02d}" for h in range(6, 12) for m in (0, 30)]
    (tmp_path / "x.csv").write_text("t;bus:3\n" + "".join(f"{t};{k},5\n" for k, t in enumerate(times)))
    done = _import(index, root, tmp_path / "x.csv")
    assert (done.first, done.hours, done.rows) == (6, 6, 12)
    assert "x.csv: 2 values an hour were averaged" in done.remarks
    mixed = _series(index, done.version)
    expected = own["load"].copy()
    expected[6:12, 2] = [2 * h + 1 for h in range(6)]
    np.testing.assert_array_equal(mixed["load"], expected)
    expected_q = own["load_q"].copy()
    expected_q[6:12, 2] = expected[6:12, 2] / 5
    np.testing.assert_allclose(mixed["load_q"], expected_q, rtol=1e-14)
    np.testing.assert_array_equal(mixed["reserve"], own["reserve"])
    (tmp_path / "w.csv").write_text("t,3_W\n2020-07-02 00:00,50\n2020-07-02 01:00,30\n")
    wind = _import(index, done.version, tmp_path / "w.csv", array="available")
    assert wind.remarks[-1] == "unit:3_W is given up to 50 MW, but takes 40 MW at most"
    np.testing.assert_array_equal(_series(index, wind.version)["available"][23:27, 2], [20, 40, 30, 20])
