"""Written cases are read back as they were: by our own reader, and as numbers."""

from dataclasses import fields, replace

import numpy as np
import pytest

from bos_core.objects.errors import GridError
from slots.algorithms.power_flow.newton_polar import newton_polar
from slots.contracts.power_flow import scheduled
from slots.grid.reading import ReadingLog
from slots.grid.reference import normalised
from slots.sources.catalogue import load_source
from slots.sources.matpower_export import write_case
from tests.slots.grids import grid_of

CLASS_VALUES = {
    "fuel",
    "technology",
    "source",
    "min_up",
    "min_down",
    "must_run",
    "kind",
}  # a case has no place for these


def again(grid, folder):
    """The grid after being written and read."""
    path = folder / "again.m"
    write_case(grid, path)
    return load_source(str(path)).grid


def test_numbers_of_units_and_branches_come_back(tmp_path):
    grid = load_source("case30pwl").grid
    rng = np.random.default_rng(1)
    n = len(grid.units)
    stated = {k: rng.uniform(1, 50, n) for k in ("start_cost", "stop_cost", "ramp_10min")}
    grid = grid.replace(units=replace(grid.units, ramp=60 * rng.uniform(0.1, 3, n), **stated))
    found = again(grid, tmp_path)
    for table in ("buses", "branches", "units"):
        for f in fields(getattr(grid, table)):
            mine, other = (getattr(getattr(g, table), f.name) for g in (grid, found))
            if f.name in CLASS_VALUES:
                continue
            if mine.dtype.kind == "f":
                np.testing.assert_allclose(other, mine, rtol=1e-12, atol=1e-12, err_msg=f.name)
            else:
                assert (mine == other).all(), f.name


def test_shunts_of_branches_keep_their_power_flow(tmp_path):
    grid = normalised(grid_of([3, 1, 2], [(1, 2), (2, 3), (3, 1)], [(1, 80, True), (3, 60, True)]), ReadingLog("", ""))
    shunts = {k: np.array([0.01, 0.02, 0.0]) for k in ("g_f", "b_f", "g_t", "b_t")}
    grid = grid.replace(branches=replace(grid.branches, tap=np.array([1.0, 0.95, 1.02]), **shunts))
    right, found = (newton_polar(scheduled(g)).v for g in (grid, again(grid, tmp_path)))
    assert np.abs(right - found).max() < 1e-9


def test_what_a_case_cannot_hold_is_refused(tmp_path):
    grid = grid_of([3, 1], [(1, 2)], [(1, 80, True)])
    grid = grid.replace(branches=replace(grid.branches, x_asym=np.array([0.1])))
    with pytest.raises(GridError, match="another impedance"):
        write_case(grid, tmp_path / "x.m")
