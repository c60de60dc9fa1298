"""One reference, one island: what becomes of grids that state none or several."""

import numpy as np
import pytest

from bos_core.objects.errors import GridError
from slots.grid.model import ISOLATED, PQ, PV, SLACK
from slots.grid.reading import ReadingLog
from slots.grid.reference import normalised
from slots.grid.validate import check_grid
from tests.slots.grids import grid_of

RING = [(1, 2), (2, 3), (3, 4), (4, 1)]


def settled(*args, **kwargs):
    """The grid and its reading report."""
    log = ReadingLog("by hand", "arrays")
    grid = normalised(grid_of(*args, **kwargs), log)
    return grid, log.done({})


def test_a_grid_with_one_reference_is_left_alone():
    grid, told = settled([SLACK, PQ, PV, PQ], RING, [(1, 50, True), (3, 50, True)])
    assert grid.buses.kind.tolist() == [SLACK, PQ, PV, PQ]
    assert told.warnings == ()
    assert told.left_out == ()


def test_of_several_references_the_one_with_most_capacity_in_service_stays():
    units = [(1, 50, True), (2, 40, True), (2, 40, True), (3, 900, False), (3, 10, True)]
    grid, told = settled([SLACK, SLACK, SLACK, PQ], RING, units)
    assert grid.buses.kind.tolist() == [PV, SLACK, PV, PQ]
    assert "3 reference buses (1, 2, 3)" in told.warnings[0]
    assert "bus 2" in told.warnings[0]


def test_of_equal_references_the_first_stays():
    grid, _ = settled([PQ, SLACK, SLACK, PQ], RING, [(2, 50, True), (3, 50, True)])
    assert grid.buses.kind.tolist() == [PQ, SLACK, PV, PQ]


def test_a_reference_whose_units_are_off_gives_way_to_a_bus_that_holds_its_voltage():
    grid, told = settled([SLACK, PV, PV, PQ], RING, [(1, 99, False), (2, 10, True), (3, 50, True), (4, 900, True)])
    assert grid.buses.kind.tolist() == [PQ, PV, SLACK, PQ]
    assert any("no reference bus with a unit in service" in w for w in told.warnings)


def test_without_a_bus_that_holds_its_voltage_any_unit_in_service_will_do():
    grid, _ = settled([PQ, PQ, PQ, PQ], RING, [(4, 10, True), (2, 50, True)])
    assert grid.buses.kind.tolist() == [PQ, SLACK, PQ, PQ]


def test_a_bus_held_by_a_unit_that_is_off_floats():
    grid, told = settled([SLACK, PV, PQ, PQ], RING, [(1, 50, True), (2, 50, False)])
    assert grid.buses.kind.tolist() == [SLACK, PQ, PQ, PQ]
    assert told.warnings[0].startswith("bus 2: ")
    assert "floats" in told.warnings[0]


def test_the_island_with_the_largest_load_is_kept_and_the_other_told():
    grid, told = settled([SLACK, PQ, SLACK, PQ], [(1, 2), (3, 4)], [(1, 500, True), (3, 50, True)], load=[5, 5, 20, 20])
    assert grid.buses.kind.tolist() == [ISOLATED, ISOLATED, SLACK, PQ]
    assert grid.buses.pd.sum() == 40
    assert grid.units.in_service.tolist() == [False, True]
    assert told.left_out[0].names == ("1", "2")
    assert "own supply and 10 MW" in told.left_out[0].why
    check_grid(grid)


def test_an_island_without_supply_is_dead_and_its_load_counted_nowhere():
    grid, told = settled([SLACK, PQ, PQ, PQ], [(1, 2), (3, 4)], [(1, 50, True), (3, 50, False)], load=[5, 5, 200, 20])
    assert grid.buses.kind.tolist() == [SLACK, PQ, ISOLATED, ISOLATED]
    assert grid.buses.pd.tolist() == [5, 5, 0, 0]
    assert grid.buses.qd.sum() == 2.5
    assert not grid.branches.in_service[1]
    assert told.left_out[0].names == ("3", "4")
    assert any(w.startswith("220 MW of load at 2 buses (3, 4) is not served") for w in told.warnings)


def test_what_stands_at_an_isolated_bus_is_out_of_service():
    grid, _ = settled([SLACK, PQ, ISOLATED, PQ], RING, [(1, 50, True), (3, 50, True)])
    assert grid.units.in_service.tolist() == [True, False]
    assert grid.branches.in_service.tolist() == [True, False, False, True]
    assert grid.buses.pd.sum() == 30


def test_links_into_dead_ends_are_told():
    grid, told = settled(
        [SLACK, PQ, ISOLATED, ISOLATED], [(1, 2)], [(1, 50, True)], links=[(1, 3, 7, 0, 0), (3, 4, 9, 0, 0)]
    )
    assert grid.dc_links.in_service.tolist() == [True, False]
    assert grid.dc_injection().tolist() == [-7, 0, 0, 0]
    assert any("link 0 leads to a bus that takes no part" in w for w in told.warnings)
    assert told.left_out[-1].names == ("link 1",)


@pytest.mark.parametrize(("p", "at_f", "at_t"), [(100, -100, 97), (-100, 100, -103), (0, 0, -1)])
def test_a_link_loses_power_either_way(p, at_f, at_t):
    grid, _ = settled([SLACK, PQ, PQ, PQ], RING, [(1, 50, True)], links=[(2, 3, p, 1, 0.02)])
    assert np.allclose(grid.dc_injection(), [0, at_f, at_t, 0])


def test_a_grid_without_any_unit_in_service_is_refused():
    grid, _ = settled([SLACK, PQ, PQ, PQ], RING, [(1, 50, False)])
    with pytest.raises(GridError, match="no unit in service"):
        check_grid(grid)
