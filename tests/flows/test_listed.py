"""A run with a list of contingencies, and lists that cannot be read."""

import json
from pathlib import Path

import h5py
import pytest

from bos_core.objects.errors import ParameterError
from flows.contingency_list import read_contingencies
from tests.conftest import Home


@pytest.mark.slow
def test_the_final_schedule_is_verified_against_a_list_and_each_unit(home: Home, tmp_path: Path):
    path = tmp_path / "list.csv"
    path.write_text("name,elements\npair,111-113; 111-114\ncorridor and unit,111-113;101_1\n")
    home.bos(
        "run",
        "steady-state-planning",
        "--keep-kv",
        "230",
        "--hours",
        "24",
        "--contingencies",
        str(path),
        "--unit-outages",
    )
    latest = json.loads(home.bos("sets", "--json").stdout)[0]["id"]
    stages = {r["stage"]: r for r in json.loads(home.bos("tasks", latest, "--json").stdout)}
    with h5py.File(home.folder / "results" / latest / "listed" / "listed-01-000.h5") as file:
        names = [n.decode() for n in file["contingency"][:]]
        assert names[:2] == ["pair", "corridor and unit"]
        assert "101_1" in names
        assert file["loading"].shape == (24, len(names))
        assert file["converged"][:].all()
        assert (file["lost_generation"][:, names.index("pair")] == 0).all()
    assert stages["listed"]["tasks"] == 24 * len(names)
    assert "Listed contingencies, after adjustment" in (home.folder / "results" / latest / "report.html").read_text()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the first line is not name,elements"),
        ("a,b\n", "the first line is not name,elements"),
        ("name,elements\nx\n", "line 2: not a name and elements"),
        ("name,elements\n\nx,;\n", "line 3: not a name and elements"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, text: str, says: str):
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(ParameterError, match=says):
        read_contingencies(path)


def test_a_list_that_is_missing_is_refused(tmp_path: Path):
    with pytest.raises(ParameterError, match="cannot be read"):
        read_contingencies(tmp_path / "nowhere.csv")
