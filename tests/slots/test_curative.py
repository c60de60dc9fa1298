"""Curative actions: judged by the full Newton method, and by what less of them would do."""

import numpy as np
import pytest

from slots.algorithms.adjustment.curative import MOST_MW
from slots.contracts.curative import CurativeAction, with_change
from slots.grid.connectivity import islanding_outages
from slots.grid.outage import solve_outage
from tests.slots.stressed import LOST, stressed


def test_an_outage_without_a_power_flow_gets_one() -> None:
    net, pocket = stressed()
    branch = int(net.contingencies[LOST])
    assert not solve_outage(net, pocket.adm, branch, pocket.hour).converged
    action = pocket.help(LOST)
    assert action is not None
    after = solve_outage(net, pocket.adm, branch, with_change(pocket.hour, action.change))
    assert after.converged
    assert (np.abs(after.v) > net.grid.buses.vmin - 0.05 - 1e-6).all()
    assert 0 < action.mw <= MOST_MW


def test_actions_are_what_they_say() -> None:
    _, pocket = stressed()
    action = pocket.help(LOST)
    assert action is not None
    mw = action.change.real * pocket.net.grid.base_mva
    assert -mw[mw < 0].sum() + mw[mw > 0].sum() == pytest.approx(action.mw, abs=1e-6 * action.mw)
    assert (-mw <= pocket.generation + 1e-6).all()
    assert (mw <= pocket.demand + 1e-6).all()


def test_a_tenth_of_them_is_not_enough() -> None:
    _, pocket = stressed()
    action = pocket.help(LOST)
    assert action is not None
    less = CurativeAction(action.outage, action.change / 10, action.run_back / 10, action.shed / 10)
    assert not pocket.secure(LOST, less)


def test_a_split_gets_none() -> None:
    net, pocket = stressed()
    (split, *_) = islanding_outages(net.grid, net.contingencies)
    assert pocket.help(int(np.flatnonzero(net.contingencies == split)[0])) is None
