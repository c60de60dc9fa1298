"""Random networks find slips of the readers: correct readers with one slip each, as `reader_mutants.toml` lists them."""

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from slots.grid.model import Grid
from tests.slots.slips import slipped

MUTANTS = tomllib.loads((Path(__file__).parent / "reader_mutants.toml").read_text()).get("mutant", [])


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m['networks']}: {m['what']}")
def test_a_mutant_is_caught(mutant):
    compare = import_module(f"tests.slots.{mutant['networks']}").compare
    with slipped(mutant["file"], mutant["old"], mutant["new"]), pytest.raises(Exception):  # noqa: B017, PT011
        compare()


def test_a_slip_is_there_and_gone_again():
    from tests.slots.grids import grid_of

    grid: Grid = grid_of([3, 1], [(1, 2)], [(1, 50, True)], links=[(1, 2, 5, 0, 0)])
    with slipped("slots/grid/model.py", "np.add.at(out, links.f[on], -p)", "np.add.at(out, links.f[on], p)"):
        assert grid.dc_injection().tolist() == [5, 5]
    assert grid.dc_injection().tolist() == [-5, 5]
