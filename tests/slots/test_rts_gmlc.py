"""Folders in the RTS-GMLC format: random ones against pandas, July as July, one sentence for what is wrong."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from bos_core.objects.errors import BosError
from slots.sources.rts_gmlc import read_rts_gmlc
from tests.slots.rts_folders import compare, read_or_refused

JULY = Path(__file__).parent / "situations" / "f_july"


def test_random_folders_are_read_as_pandas_reads_them():
    refused = compare(300, first=1000)
    assert 20 < refused < 120


def test_july_is_july():
    grid, series = read_rts_gmlc(JULY)
    assert series.start.isoformat() == "2020-07-01T00:00:00+00:00"
    assert (series.first, series.hours) == (0, 48)
    np.testing.assert_allclose(series.load, np.tile([0, 100 * 60 / 110, 100 * 50 / 110], (48, 1)))
    np.testing.assert_allclose(series.load_q, np.tile([0, 15 / 1.1, 10 / 1.1], (48, 1)))
    np.testing.assert_array_equal(series.available[:, 2], 20.0)
    np.testing.assert_array_equal(series.reserve, 5.0)
    assert grid.reading.used == {"buses": 3, "branches": 3, "units": 3, "dc_links": 0, "hours": 48}
    assert grid.reading.warnings == ()


def test_an_area_without_a_series_keeps_its_load_and_that_is_told(tmp_path: Path):
    folder = _changed(
        tmp_path,
        "SourceData/bus.csv",
        "3,C,230.0,PV,50.0,10.0,1.0,0.0,0.0,0.0,1",
        "3,C,230.0,PV,50.0,10.0,1.0,0.0,0.0,0.0,2",
    )
    grid, series = read_rts_gmlc(folder)
    assert grid.reading.warnings == ("area 2 has no series of load: its buses keep their 50 MW in every hour",)
    np.testing.assert_array_equal(series.load[5], [0, 100, 50])
    np.testing.assert_allclose(series.load_q[5], [0, 25, 10])


def test_reactive_load_without_active_follows_its_area(tmp_path: Path):
    folder = _changed(tmp_path, "SourceData/bus.csv", "2,B,230.0,PQ,60.0,15.0", "2,B,230.0,PQ,0.0,15.0")
    _, series = read_rts_gmlc(folder)
    np.testing.assert_allclose(series.load[0], [0, 0, 100])
    np.testing.assert_allclose(series.load_q[0], [0, 30, 20])


def test_heat_rates_that_fall_are_replaced_by_their_envelope_and_told(tmp_path: Path):
    grid, _ = read_rts_gmlc(_changed(tmp_path, "SourceData/gen.csv", "10000.0,9000.0,9500.0", "10000.0,9000.0,8500.0"))
    ends = np.array([20 * 10.0, 20 * 10.0 + 80 * 9.0 + 100 * 8.5]) * 2.0  # MBTU/h at 2 USD each
    middle = (20 * 10.0 + 80 * 9.0) * 2.0
    chord = ends[0] + (ends[1] - ends[0]) * 80 / 180
    np.testing.assert_allclose(
        np.interp([20, 100, 200], grid.units.cost_mw[0], grid.units.cost_usd[0]), [ends[0], chord, ends[1]]
    )
    assert grid.reading.warnings == (
        "1 units have heat rates that fall with output: the convex envelope of their cost replaces it, at most "
        f"{middle - chord:.6g} USD/h below (unit 1_C)",
    )


BAD = [
    ("SourceData/bus.csv", "60.0,15.0", "sixty,15.0", "bus.csv, row 3, column 'MW Load': 'sixty' is not a number"),
    ("SourceData/bus.csv", "60.0,15.0", ",15.0", "bus.csv, row 3, column 'MW Load': the cell is empty"),
    ("SourceData/bus.csv", "MW Load", "Load", "bus.csv has no column 'MW Load'"),
    ("SourceData/bus.csv", "2,B", "1,B", "bus.csv, row 3, column 'Bus ID': '1' is there twice"),
    ("SourceData/bus.csv", "230.0,PQ", "230.0,XY", "bus.csv, row 3: 'XY' is no type of bus"),
    ("SourceData/branch.csv", "b,2,3,0.01,0.1", "b,2,7,0.01,0.1", "branch.csv, row 3: bus 7 is not in bus.csv"),
    (
        "SourceData/branch.csv",
        "b,2,3,0.01,0.1",
        "b,2,3,0,0",
        "branch.csv, row 3: the branch has neither resistance nor reactance",
    ),
    ("SourceData/gen.csv", "1_C,1,1,Coal", "1_C,9,1,Coal", "gen.csv, row 2: bus 9 is not in bus.csv"),
    ("SourceData/gen.csv", "200.0,20.0", "10.0,20.0", "gen.csv, row 2: PMax MW 10 is below PMin MW 20"),
    ("SourceData/gen.csv", "0.1,0.5,1.0,,,9000", "0.1,0.5,0.3,,,9000", "gen.csv, row 3: the heat rate curve of 3_G"),
    (
        "SourceData/gen.csv",
        "3_W,3,2,Wind",
        "3_V,3,2,Wind",
        "weather decides the output of 3_V, but no series says its PMax MW",
    ),
    ("SourceData/timeseries_pointers.csv", "Load/l.csv", "Load/m.csv", "series file Load/m.csv is not in"),
    ("SourceData/timeseries_pointers.csv", "DAY_AHEAD,Area,1,", "DAY_AHEAD,Area,1,x", "no series of load"),
    (
        "timeseries_data_files/Load/l.csv",
        "2020,7,1,5,100.0\n",
        "",
        "series Load/l.csv has no row for 2020-07-01, period 5",
    ),
    (
        "timeseries_data_files/Load/l.csv",
        "2020,7,1,5,100.0",
        "2020,7,1,5,",
        "Load/l.csv, row 6, column '1': the cell is empty",
    ),
    (
        "timeseries_data_files/Load/l.csv",
        "2020,7,1,5,100.0",
        "2020,7,1,5,inf",
        "Load/l.csv, row 6, column '1': 'inf' is not a number",
    ),
    (
        "timeseries_data_files/Load/l.csv",
        "2020,7,1,5,100.0",
        "2020,7,1,5",
        "Load/l.csv, row 6 has 4 cells, the header has 5",
    ),
    (
        "timeseries_data_files/Load/l.csv",
        "2020,7,1,5,",
        "2020,7,32,5,",
        "series Load/l.csv, row 6: 2020-7-32 is no date",
    ),
    (
        "timeseries_data_files/Load/l.csv",
        "2020,7,1,5,",
        "2020,7,1,0,",
        "series Load/l.csv, row 6: period 0 is none of a day",
    ),
    ("timeseries_data_files/Load/l.csv", "Period,1", "Period,2", "series Load/l.csv has no column '1'"),
    ("timeseries_data_files/WIND/w.csv", "2020,7,1,3,20.0", "2020,7,1,3,-1", "the PMax MW series of 3_W holds -1 MW"),
]


@pytest.mark.parametrize(("file", "old", "new", "sentence"), BAD, ids=[s for *_, s in BAD])
def test_what_is_wrong_gets_one_sentence_with_its_place(tmp_path: Path, file: str, old: str, new: str, sentence: str):
    folder = _changed(tmp_path, file, old, new)
    if sentence == "no series of load":
        grid, _ = read_rts_gmlc(folder)
        assert any(sentence in w for w in grid.reading.warnings)
        return
    with pytest.raises(BosError) as refused:
        read_rts_gmlc(folder)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("seed", range(40))
def test_any_damage_is_read_or_refused_in_one_sentence(tmp_path: Path, seed: int):
    rng = np.random.default_rng(seed)
    folder = Path(shutil.copytree(JULY, tmp_path / "f"))
    files = sorted(folder.rglob("*.csv"))
    for _ in range(5):
        path = files[rng.integers(len(files))]
        text = bytearray(path.read_bytes())
        at = int(rng.integers(len(text)))
        text[at : at + int(rng.integers(0, 4))] = rng.choice([b",", b"\n", b'"', b"9", b"-", b"\xff", b"", b"x", b"\0"])
        path.write_bytes(text)
        grid, _, sentence = read_or_refused(folder)
        assert grid is not None or (sentence and "\n" not in sentence)


def _changed(tmp_path: Path, file: str, old: str, new: str) -> Path:
    folder = Path(shutil.copytree(JULY, tmp_path / "f"))
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    return folder
