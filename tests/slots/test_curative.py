"""Curative actions: judged by the full Newton method, and by what less of them would do."""

from dataclasses import replace

import numpy as np
import pytest

from slots.algorithms.adjustment.curative import MOST_MW, Pocket, with_action
from slots.algorithms.n1.batched import batched_engine_of
from slots.contracts.curative import CurativeAction
from slots.grid.admittance import admittance
from slots.grid.dc import factor_operator
from slots.grid.network import Network, whole
from slots.grid.operating_point import OperatingPoint, settle
from slots.grid.outage import hour_before, solve_outage
from slots.sources.catalogue import load_source

STRESS = 2.1  # of load and generation of the 118-bus case: one line's outage then has no power flow
LOST = 7  # its position in the contingencies


@pytest.fixture(scope="module")
def stressed() -> tuple[Network, Pocket]:
    """The stressed case, its units without reactive limits, so that angles alone decide."""
    grid = load_source("case118").grid
    net, adm, on, n = whole(grid), admittance(grid), grid.units.in_service, grid.n_bus
    fixed = -STRESS * (grid.buses.pd + 1j * grid.buses.qd) / grid.base_mva
    p, vm = STRESS * np.where(on, grid.units.p, 0.0), np.ones(n, complex)
    vm[grid.units.bus] = grid.units.vset
    held = net.voltage_controlled(on)
    point, ok = settle(
        net, adm, OperatingPoint(p, on, 0 * p, p + 1e3, fixed, np.zeros(n), vm, held, np.zeros(n), np.zeros(n))
    )
    assert ok
    hour = hour_before(net, point.v, point.injection(net), point.q, on, held, point.shunt)
    hour = replace(hour, low=hour.low - 50.0, high=hour.high + 50.0)
    demand = np.maximum(-fixed.real * grid.base_mva, 0.0)
    return net, Pocket.of(net, adm, factor_operator(grid), batched_engine_of(net), hour, point, demand)


def test_an_outage_without_a_power_flow_gets_one(stressed: tuple[Network, Pocket]) -> None:
    net, pocket = stressed
    branch = int(net.contingencies[LOST])
    assert not solve_outage(net, pocket.adm, branch, pocket.hour).converged
    action = pocket.help(LOST)
    assert action is not None
    after = solve_outage(net, pocket.adm, branch, with_action(pocket.hour, action))
    assert after.converged
    assert (np.abs(after.v) > net.grid.buses.vmin - 0.05 - 1e-6).all()
    assert 0 < action.mw <= MOST_MW


def test_actions_are_what_they_say(stressed: tuple[Network, Pocket]) -> None:
    _, pocket = stressed
    action = pocket.help(LOST)
    assert action is not None
    mw = action.change.real * pocket.net.grid.base_mva
    assert -mw[mw < 0].sum() + mw[mw > 0].sum() == pytest.approx(action.mw, abs=1e-6 * action.mw)
    assert (-mw <= pocket.generation + 1e-6).all()
    assert (mw <= pocket.demand + 1e-6).all()


def test_a_tenth_of_them_is_not_enough(stressed: tuple[Network, Pocket]) -> None:
    _, pocket = stressed
    action = pocket.help(LOST)
    assert action is not None
    less = CurativeAction(action.outage, action.change / 10, action.run_back / 10, action.shed / 10)
    assert not pocket.secure(LOST, less)


def test_a_split_gets_none(stressed: tuple[Network, Pocket]) -> None:
    net, pocket = stressed
    from slots.grid.connectivity import islanding_outages

    (split, *_) = islanding_outages(net.grid, net.contingencies)
    assert pocket.help(int(np.flatnonzero(net.contingencies == split)[0])) is None
