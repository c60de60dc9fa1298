"""Scenario versions as users work with them: taken out whole, brought back, changed, given profiles, run."""

import csv
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bos_core.drwop.costs import CostModel
from bos_core.drwop.writing import COPY, GRAPH, INSERT, Update, plan
from bos_core.index import scenarios
from bos_core.index.client import Index
from bos_core.index.hourly_state import StateSource
from bos_core.index.scenarios import Changes, table_entity
from bos_core.objects.errors import OntologyError, ParameterError, ProfileError
from flows.edits import edit_version
from flows.hourly import read_hours, sources_of
from flows.portable import export_version, import_version
from flows.profiles import import_profiles
from flows.versions import lay_down_model, version_of
from storage.settings import Settings
from tests.conftest import Home


@given(st.integers(0, 200_000), st.booleans(), st.booleans())
def test_a_write_keeps_its_order_whatever_it_costs(rows, hourly, close):
    changes = Changes(hourly=[("p", StateSource("set", "adjust", 0, 24))] if hourly else [])
    found = plan(Update(1, changes, close=close), {"entities": {table_entity(): [{}] * rows}}, CostModel())
    written = ["checked"]
    for e in found.edges:
        assert e.source in written
        assert {x.source for x in GRAPH.usable({"hourly"} if hourly else ()).edges if x.target == e.target} <= {
            x.source for x in found.edges if x.target == e.target
        }
        written.append(e.target)
    assert ("version" in written) == close
    route = next(e.route for e in found.edges if e.target == "entities")
    assert route == (COPY if rows > 500 else INSERT) or 10 < rows <= 500


@pytest.fixture(scope="module")
def installed(home: Home, two_days: str) -> Iterator[tuple[Index, int]]:
    """The index, and the version that holds all results of the two days."""
    patch = pytest.MonkeyPatch()
    patch.setenv("BOS_HOME", str(home.folder))
    with Index(Settings(home.folder, "", 0)) as index:
        yield index, index.call(lambda db: scenarios.version_named(db, two_days, "adjust/01"))
    patch.undo()


@pytest.mark.slow
def test_a_scenario_comes_back_with_its_hourly_arrays(installed, tmp_path: Path):
    index, version = installed
    export_version(index, version, tmp_path / "a.bos")
    with zipfile.ZipFile(tmp_path / "a.bos") as archive:
        told = json.loads(archive.read("scenario.json"))["hourly"]
    assert {t["dataset"] for t in told} >= {"load", "load_q", "available", "on", "p", "q", "vm", "va", "energy", "shed"}
    again = import_version(index, str(tmp_path / "a.bos"), "come back")
    export_version(index, again, tmp_path / "b.bos")
    assert (tmp_path / "a.bos").read_bytes() == (tmp_path / "b.bos").read_bytes()
    before, after = sources_of(index, version), sources_of(index, again)
    assert list(before) == list(after)
    assert all({s.task_set for s in after[n]}.isdisjoint({s.task_set for s in before[n]}) for n in before)
    assert [(s.first_hour, s.hours) for s in after["vm"]] == [(0, 48)]


@pytest.mark.slow
def test_a_damaged_scenario_file_leaves_nothing(installed, tmp_path: Path):
    index, version = installed
    path = tmp_path / "a.bos"
    export_version(index, version, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 255
    path.write_bytes(content)
    known = [v.id for v in index.call(scenarios.listed)]
    with pytest.raises(OntologyError, match="damaged or no scenario"):
        import_version(index, str(path), "damaged")
    assert [v.id for v in index.call(scenarios.listed)] == known


def _profile(path: Path, first: int, columns: dict[str, list[float]]) -> Path:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["hour", *columns])
        rows.writerows([first + k, *values] for k, values in enumerate(zip(*columns.values(), strict=True)))
    return path


@pytest.mark.slow
def test_an_edited_scenario_with_a_profile_is_run(installed, home: Home, tmp_path: Path):
    index, version = installed
    edited = edit_version(index, version, "smaller unit", ["unit:121_1:pmax=398 MW", "bus:101:pd=120"], [])
    asked = 1500 + 300 * np.sin(np.arange(24) / 4)
    path = _profile(tmp_path / "load.csv", 24, {"region:1": asked.tolist(), "bus:201": [50.0] * 24})
    import_profiles(index, edited, [path], "load", "own load")
    home.bos("run", "steady-state-planning", "--grid", "scenario:own load", "--start", "24", "--hours", "24")
    run = json.loads(home.bos("sets", "--json").stdout)[0]["id"]
    names = [str(n) for n in _read(home, run, "sequence", "bus")]
    load = _read(home, run, "sequence", "load")
    area1 = [k for k, n in enumerate(names) if n.startswith("1")]
    half = 2.0**-11  # MW by which a stored load may be rounded
    np.testing.assert_allclose(load[:, area1].sum(axis=1), asked, rtol=0, atol=len(area1) * half)
    np.testing.assert_array_equal(load[:, names.index("201")], 50.0)
    ratio = load[:, names.index("101")] / load[:, names.index("102")]  # spread like the edited loads
    np.testing.assert_allclose(ratio, 120 / 97, rtol=4 * half / load[:, names.index("102")].min())
    units = [str(n) for n in _read(home, run, "apd-check", "unit")]
    assert 0 < _read(home, run, "apd-check", "p")[:, units.index("121_1")].max() <= 398 + 1e-6
    trace = json.loads(home.bos("results", "--trace", f"{run}/adjust/adjust-01-000.h5", "--json").stdout)[0]
    labels = [v["label"] for v in trace["scenario"]]
    at = labels.index("modelling/00")  # newest first: the run's model is a child of what the user made
    assert labels[at : at + 4] == ["modelling/00", "own load", "smaller unit", "adjust/01"]


def _read(home: Home, run: str, stage: str, name: str):
    parts = []
    for path in sorted((home.folder / "results" / run / stage).glob("*.h5")):
        with h5py.File(path) as file:
            parts.append(file[name].asstr()[()] if file[name].dtype.kind == "O" else file[name][()])
    return parts[0] if name in ("bus", "unit") else np.concatenate(parts)


@pytest.mark.slow
def test_parquet_with_timestamps_is_read_like_csv(installed, tmp_path: Path):
    index, version = installed
    hours = pd.date_range("2016-01-02", periods=24, freq="h", tz="UTC")
    frame = pd.DataFrame({"bus:101": np.arange(24.0), "102": 7.0}, index=hours)
    frame.to_parquet(tmp_path / "load.parquet")
    child = import_profiles(index, version, [tmp_path / "load.parquet"], "load", "from parquet").version
    first, found = read_hours(index, "load", sources_of(index, child)["load"], ["101", "102"])
    assert first == 0
    np.testing.assert_array_equal(found[24:], np.column_stack([np.arange(24.0), np.full(24, 7.0)]))
    _, before = read_hours(index, "load", sources_of(index, version)["load"], ["101", "102"])
    np.testing.assert_array_equal(found[:24], before[:24])
    other = ["103", "325"]
    kept, was = (read_hours(index, "load", sources_of(index, v)["load"], other)[1] for v in (child, version))
    np.testing.assert_array_equal(kept, was)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "array", "sentence"),
    [
        ("hour,bus:101\n0,1\n2,1\n", "load", "jumps from hour 0 to 2"),
        ("hour,bus:999\n0,1\n1,1\n", "load", "has no bus:999"),
        ("hour,bus:101\n0,1\n1,x\n", "load", "row 3, column bus:101: 'x' is not a number"),
        ("hour,bus:101\n0,1\n1,\n", "load", "row 3, column bus:101: the cell is empty"),
        ("when,bus:101\nnoon,1\n", "load", "neither hours nor timestamps"),
        ("hour,unit:101_1\n0,0.5\n", "on", None),
        ("hour,bus:101\n0,-1\n", "vm", "outside the range of vm"),
        ("hour\n0\n", "load", "holds no series"),
        ("", "load", "holds no series"),
    ],
)
def test_a_bad_profile_gets_one_sentence_and_leaves_nothing(installed, tmp_path: Path, text, array, sentence):
    index, version = installed
    path = tmp_path / "x.csv"
    path.write_text(text)
    known = [v.id for v in index.call(scenarios.listed)]
    if sentence is None:
        done = import_profiles(index, version, [path], array, f"good {tmp_path.name}")
        assert done.version > version
        assert done.remarks == ("no run reads on of a scenario version",)
        return
    with pytest.raises(ProfileError, match=sentence) as caught:
        import_profiles(index, version, [path], array, "never")
    assert "\n" not in str(caught.value)
    assert [v.id for v in index.call(scenarios.listed)] == known


@pytest.mark.slow
def test_what_does_not_exist_is_named(installed, tmp_path: Path):
    index, version = installed
    path = _profile(tmp_path / "x.csv", 0, {"bus:101": [1.0]})
    with pytest.raises(ParameterError, match="no hourly array is called 'lod'"):
        import_profiles(index, version, [path], "lod", "never")
    with pytest.raises(ProfileError, match="does not exist"):
        import_profiles(index, version, [tmp_path / "no.csv"], "load", "never")
    with pytest.raises(OntologyError, match="version 99999 does not exist"):
        edit_version(index, 99999, "never", ["unit:101_1:pmax=1"], [])
    for text, sentence in (
        ("unit:101_1:pmaxx=1", "no attribute 'pmaxx'"), ("unit:999_1:pmax=1", "has no unit:999_1"),
        ("unit:101_1:pmax=1 kW", "is given in kW"), ("bus:101:vmin=-1", "keep it"),
    ):  # fmt: skip
        with pytest.raises(OntologyError, match=sentence):
            edit_version(index, version, "never", [text], [])
    with pytest.raises(ParameterError, match="is not GID:ATTRIBUTE=VALUE"):
        edit_version(index, version, "never", ["pmax"], [])
    for name in ("scenario:never", "scenario:nothing"):
        with pytest.raises(OntologyError, match="no scenario version is called"):
            version_of(index, name)


@pytest.mark.slow
def test_what_a_run_needs_and_a_version_lacks_is_named(installed):
    index, version = installed
    model = index.call(lambda db: scenarios.read(db, version))
    wind = next(g for g, t in model.things.items() if t.kind == "unit" and t.name == "122_1")
    bare = edit_version(index, version, "bare", [f"{wind}:in_service=true"], ["unit:101_1"])
    path = lay_down_model(index, f"scenario:{bare}")
    assert lay_down_model(index, f"scenario:{bare}") == path  # once is enough
    root = import_version(index, "case_RTS_GMLC", "no series but load")
    with pytest.raises(ProfileError, match="weather decides the output of unit:"):
        lay_down_model(index, f"scenario:{_with_load(index, root)}")


def _with_load(index: Index, version: int) -> int:
    folder = index.settings.home
    path = _profile(folder / "load.csv", 0, {"system:case_RTS_GMLC": [4000.0] * 24})
    return import_profiles(index, version, [path], "load", "with load").version


@pytest.mark.slow
def test_a_folder_that_begins_in_july_is_planned_in_july(home: Home):
    july = Path(__file__).parent.parent / "slots" / "situations" / "f_july"
    home.bos("run", "steady-state-planning", "--grid", str(july), "--hours", "24")
    run = json.loads(home.bos("sets", "--json").stdout)[0]["id"]
    load = _read(home, run, "sequence", "load")
    np.testing.assert_allclose(load, np.tile([0, 600 / 11, 500 / 11], (24, 1)), rtol=0, atol=2.0**-11)
    with h5py.File(home.folder / "results" / run / "sequence" / "sequence-07-000.h5") as file:
        assert file.attrs["start"] == "2020-07-01T00:00:00+00:00"
        np.testing.assert_array_equal(file["hour"], np.arange(24))
    assert "from 2020-07-01 00:00 UTC" in (home.folder / "results" / run / "report.html").read_text()


ALONE = """
import json, sys
sys.modules["console"] = None  # a summary needs no console
from dataclasses import asdict
from pathlib import Path
import h5py
from bos_core.index import tasks
from bos_core.index.client import Index
from flows.report.build import build_report
from storage.settings import settings
with h5py.File(sys.argv[1]) as file:
    set_id = str(file.attrs["task_set"])
with Index(settings()) as index:
    stages = [asdict(s) for s in index.call(lambda db: tasks.stage_counts(db, set_id))]
    state = index.call(lambda db: tasks.find_task_set(db, set_id)).state
    exceptions = index.call(lambda db: tasks.exceptions_of(db, set_id))
    report = build_report(index, set_id).read_text()
print(json.dumps({"set": set_id, "state": state, "stages": stages, "exceptions": len(exceptions), "report": report}))
"""


@pytest.mark.slow
def test_a_file_alone_leads_to_its_task_set_and_that_to_its_summary(installed, home: Home, two_days: str):
    report = home.folder / "results" / two_days / "report.html"
    before = report.read_text()
    report.unlink()
    path = home.folder / "results" / two_days / "n1" / "n1-01-000.h5"
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(path)], env=home.env, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["set"], told["state"]) == (two_days, "success")
    assert told["report"] == before == report.read_text()
    shown = json.loads(home.bos("tasks", two_days, "--json").stdout)
    assert {(s["stage"], s["tasks"]) for s in told["stages"]} == {(r["stage"], r["tasks"]) for r in shown}
