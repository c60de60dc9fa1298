"""Warnings of the reading report: each where it is due, with the right number, and none on a sound grid."""

from dataclasses import replace

import numpy as np
import pandapower as pp
import pandapower.networks
import pytest

from slots.grid.model import STORAGE
from slots.sources.catalogue import load_source
from slots.sources.inspection import facts, inspected
from slots.sources.own_state import compared
from slots.sources.source import Source
from slots.suites.states import grid as rts
from slots.suites.states import series
from tests.slots.grids import grid_of


def _sound():
    """Three buses, 200 MW of capacity for 30 MW of load, unlike prices."""
    g = grid_of([3, 1, 2], [(1, 2), (2, 3), (3, 1)], [(1, 100.0, True), (3, 100.0, True)])
    usd = g.units.cost_mw * np.array([[20.0], [30.0]])
    br = replace(g.branches, rate=g.branches.rate * 1.0)
    return g.replace(units=replace(g.units, cost_usd=usd), branches=br)


def _told(grid, own=None):
    return list(inspected(Source(grid, own), "x").grid.reading.warnings)


def _units(g, **columns):
    return g.replace(units=replace(g.units, **columns))


def _buses(g, **columns):
    return g.replace(buses=replace(g.buses, **columns))


def _branches(g, **columns):
    return g.replace(branches=replace(g.branches, **columns))


def test_a_sound_grid_has_nothing_to_heed():
    assert _told(_sound()) == []


CASES = {
    "beyond capacity": (lambda g: _buses(g, pd=g.buses.pd + 70), "the load of 240 MW is 40 MW beyond the capacity of 200 MW"),
    "no reserve": (lambda g: _buses(g, pd=g.buses.pd + 56), "takes 99.0 % of the capacity"),
    "must run": (lambda g: _units(g, must_run=np.array([True, True]), pmin=np.array([50.0, 50.0]), p=np.array([50.0, 50])),
                 "units that must run give at least 100 MW, more than the load of 30 MW"),
    "no rating": (lambda g: _branches(g, rate=np.full(3, np.inf)), "no branch has a rating"),
    "a rating missing": (lambda g: _branches(g, rate=np.array([100.0, np.inf, 100.0])), "1 of 3 branches have no rating"),
    "no costs": (lambda g: _units(g, cost_usd=0 * g.units.cost_usd), "all 2 thermal units cost nothing"),
    "equal costs": (lambda g: _units(g, cost_usd=25 * g.units.cost_mw), "all 2 thermal units cost the same (25 USD/MWh)"),
    "negative price": (lambda g: _units(g, cost_usd=g.units.cost_mw * [[-5.0], [9.0]]), "1 thermal units have a negative price (unit 0)"),
    "no range": (lambda g: _units(g, pmin=np.array([100.0, 0]), p=np.array([100.0, 50])), "1 thermal units have no range"),
    "no power": (lambda g: _units(g, pmax=np.array([0.0, 100]), p=np.array([0.0, 50])), "1 units can give no active power (unit 0)"),
    "no reactive range": (lambda g: _units(g, qmin=g.units.qmax), "buses that are to hold a voltage have no range of reactive power"),
    "reactive range crossed": (lambda g: _units(g, qmin=g.units.qmax + 1), "qmin is above qmax at 2 units"),
    "no ramp": (lambda g: _units(g, ramp=np.array([0.0, 100])), "1 thermal units cannot ramp"),
    "no energy": (lambda g: _units(g, kind=np.array(["thermal", STORAGE])), "1 stores have no energy content"),
    "one unit": (lambda g: _units(g, in_service=np.array([True, False])), "one thermal unit carries everything"),
    "state beyond": (lambda g: _buses(g, vm=np.array([1.0, 1.13, 1.12])), "outside its limits at 2 buses, most at bus 2: by 0.03 p.u."),
    "output beyond": (lambda g: _units(g, p=np.array([50.0, 112.5])), "the file's active power is outside its limits at 1 units, most at unit 1: by 12.5 MW"),
    "reactive beyond": (lambda g: _units(g, q=np.array([-103.0, 0])), "the file's reactive power is outside its limits at 1 units, most at unit 0: by 3 MVAr"),
    "set point beyond": (lambda g: _units(g, vset=np.array([1.0, 1.15])), "the set point of the voltage is outside the limits of the bus at 1 units, most at unit 1: by 0.05 p.u."),
    "no voltages": (lambda g: _buses(g, kv=np.array([0.0, 0, 230])), "2 buses have no nominal voltage"),
    "radial": (lambda g: _branches(g, in_service=np.array([True, True, False])), "the grid is radial"),
    "resistive": (lambda g: _branches(g, r=np.array([0.2, 0.2, 0.01])), "resistance exceeds reactance in 2 of 3 branches"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_a_planner_would_want_to_know_is_told_with_its_number(case):
    change, says = CASES[case]
    told = _told(change(_sound()))
    assert any(says in t for t in told), told


def test_units_that_disagree_about_a_voltage():
    g = grid_of([3, 1], [(1, 2)], [(1, 50.0, True), (1, 50.0, True)])
    told = _told(_units(g, vset=np.array([1.01, 1.04])))
    assert any(
        "units disagree about the voltage that they hold (the last one counts) at 1 buses, most at bus 1: by 0.03 p.u."
        in t
        for t in told
    )


def test_the_peak_of_the_series_counts():
    whole, grid = series(), rts()
    own = replace(
        whole, **{k: getattr(whole, k)[:48] for k in ("load", "load_q", "available", "floor", "inflow", "reserve")}
    )
    assert not any("beyond the capacity" in t for t in _told(grid, own))
    factor = 3.0 * grid.units.pmax.sum() / own.load.sum(axis=1).max()
    told = _told(grid, replace(own, load=factor * own.load))
    assert any(t.startswith("the peak of the series") and "beyond the capacity" in t for t in told)
    beyond = own.available.copy()
    wind = int(np.flatnonzero(~np.isnan(beyond[0]))[0])
    beyond[5, wind] = grid.units.pmax[wind] + 1
    told = _told(grid, replace(own, available=beyond))
    assert any(f"series of 1 units exceed their capacity ({grid.units.name[wind]})" in t for t in told)


def test_facts_count_what_takes_part():
    g = load_source("case30").grid
    told = dict(facts(g, None))
    assert told["buses"].startswith("30; ")
    assert told["branches"].startswith("41; ")
    assert "189" in told["load"]
    assert "6 thermal" in told["units"]


@pytest.fixture
def solved():
    """case39 with pandapower's own solution as the state that the file states."""
    net = pandapower.networks.case39()
    pp.runpp(net, calculate_voltage_angles=True, tolerance_mva=1e-9)
    g = load_source("pandapower:case39").grid
    assert np.isclose(net.bus.vn_kv.to_numpy(), g.buses.kv).all()
    return _buses(g, vm=net.res_bus.vm_pu.to_numpy(), va=np.deg2rad(net.res_bus.va_degree.to_numpy()))


def test_a_solved_state_is_the_power_flow_of_what_was_read(solved):
    state = compared(solved)
    assert state.dv < 1e-8
    assert state.dangle < 1e-6
    assert state.dloss < 1e-5
    assert state.told == "the file's own state is the power flow of what was read"


def test_a_state_that_is_no_solution_is_told_with_its_bus(solved):
    grid = solved
    vm = grid.buses.vm.copy()
    free = int(np.flatnonzero(grid.buses.kind == 1)[4])
    vm[free] += 0.02
    state = compared(_buses(grid, vm=vm))
    assert state.dv == pytest.approx(0.02, abs=1e-6)
    assert f"at bus {grid.buses.number[free]}" in state.told
    assert state.dloss > 1


def test_a_flat_state_is_none_and_a_hopeless_one_is_told():
    flat = _sound()
    assert compared(flat) is None
    angles = _buses(flat, va=np.array([0.0, 0.1, 0.1]), pd=np.full(3, 9e4))
    assert "no power flow was found" in compared(angles).told
