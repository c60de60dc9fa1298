"""Curative actions after an outage that has a power flow but breaks limits: by AC sensitivities of its own state.

A linear program about the state after the outage gives the least run-back and shedding that brings flows and voltages
within their limits; it is solved again about the state that its actions leave, until the AC power flow agrees.
"""

from typing import TYPE_CHECKING

import numpy as np

from bos_core.objects.errors import InfeasibleError, SolverError
from slots.contracts.curative import CurativeAction, with_change
from slots.contracts.n1 import limits
from slots.grid.admittance import branch_flows, with_taps
from slots.grid.model import Bools, Complexes, Floats
from slots.grid.outage import reference, shares_within, without_branches
from slots.grid.sensitivity import Gradient, Sensitivity
from slots.scheduling.linear import INF, LinearModel

if TYPE_CHECKING:
    from slots.algorithms.adjustment.curative import Pocket

ROUNDS = 4
WATCHED = 0.9  # of its rating that a branch carries, from which its flow is watched
WATCHED_VOLTAGE = 0.01  # p.u. to a limit, from which a voltage is
KEPT = 1e-3  # of a rating, and p.u. of voltage, kept free in the first round; more in each further one
MOST_ROWS = 40  # the worst
GIVE_WEIGHT = 1e5  # MW of actions that a p.u. beyond a limit weighs as much as
HOPELESS = 0.02  # p.u. that the linear model says stays beyond a limit whatever is done: no use going on


def least_actions(pocket: "Pocket", case: int, shed_weight: float, smallest_effect: float) -> CurativeAction | None:
    """The least actions by which a case keeps its limits, as the AC power flow confirms; None where none are found.

    Args:
        pocket: the hour; `case`: position in the network's contingencies.
        shed_weight: MW of run-back that a MW of load weighs as much as.
        smallest_effect: of the largest on some watched quantity; buses below take no part.
    """
    net, outage = pocket.net, int(pocket.net.contingencies[case])
    action = CurativeAction.none(outage, net.grid.n_bus)
    for number in range(ROUNDS):
        after = pocket.engine.cases(with_change(pocket.hour, action.change), np.array([case]))
        if not after.converged[1]:
            return None
        rows = _rows(pocket, outage, after.v[1], after.held[1], KEPT * (1 + number))
        found = _solve(pocket, outage, rows, action, shed_weight, smallest_effect)
        if found is None:
            return None
        action = found
        if pocket.secure(case, action):
            return action
    return None


def _rows(
    pocket: "Pocket", outage: int, v: Complexes, held: Bools, kept_free: float
) -> list[tuple[float, float, Gradient]]:
    """(p.u. beyond which a quantity is too much, below 0 where it is not yet, and its gradient) of what is near a limit."""
    net, grid = pocket.net, pocket.net.grid
    live = pocket.engine.splitting.get(outage, grid.live) & grid.live
    adm = with_taps(grid, pocket.adm, pocket.hour.tap)
    adm_set = pocket.as_set()
    rate, low, high = limits(net, True)
    mva = np.maximum(*(np.abs(x) for x in branch_flows(grid, adm, v)))
    mva[outage] = 0.0
    per_rate, mag = mva * grid.base_mva / rate, np.abs(v)
    slack = reference(grid.slack, pocket.hour, live)
    s = Sensitivity(without_branches(net, adm_set, outage), v, slack, np.flatnonzero(held & live), np.flatnonzero(live))
    found: list[tuple[float, float, Gradient]] = []
    loaded = np.flatnonzero(per_rate > WATCHED)
    for b in loaded[np.argsort(-per_rate[loaded], kind="stable")][:MOST_ROWS].tolist():
        found.append((float(mva[b] - rate[b] / grid.base_mva * (1 - kept_free)), 1.0, s.flow(grid.branches, adm, b)))
    free = live & ~held
    for beyond, sign in ((mag - high, 1.0), (low - mag, -1.0)):
        near = np.flatnonzero(free & (beyond > -WATCHED_VOLTAGE))
        for b in near[np.argsort(-beyond[near], kind="stable")][:MOST_ROWS].tolist():
            found.append((float(beyond[b] + kept_free), sign, s.voltage(b)))
    return found


def _solve(
    pocket: "Pocket", outage: int, rows: list[tuple[float, float, Gradient]], before: CurativeAction,
    shed_weight: float, smallest_effect: float,
) -> CurativeAction | None:  # fmt: skip
    if not rows:
        return None
    net, base = pocket.net, pocket.net.grid.base_mva
    live = pocket.engine.splitting.get(outage, net.grid.live) & net.grid.live
    share = shares_within(pocket.hour, live, reference(net.grid.slack, pocket.hour, live))
    sign = np.array([r[1] for r in rows])[:, None]
    power, reactive = (np.array([getattr(r[2], k) for r in rows]) * sign for k in ("power", "reactive"))
    power = power - (power @ share)[:, None]  # what changes is shared by the units that go on
    less, cut = -power / base, (power + reactive * pocket.tangent) / base
    generation, demand = np.where(live, pocket.generation, 0.0), np.where(live, pocket.demand, 0.0)
    back, shed = (
        np.flatnonzero(_strong(x, smallest_effect) & (most > 1e-3)) for x, most in ((less, generation), (cut, demand))
    )
    if not len(back) and not len(shed):
        return None
    m, k = LinearModel(), len(rows)
    at_back = m.columns((len(back),), 0.0, generation[back], 1.0).index
    at_shed = m.columns((len(shed),), 0.0, demand[shed], shed_weight).index
    give = m.columns((k,), 0.0, INF, GIVE_WEIGHT).index
    known = np.array([r[0] for r in rows])
    # Actions are counted from none; rows from the state that those before have left.
    known = known + power @ -before.change.real + reactive @ -before.change.imag
    terms = [
        (less[:, back], np.broadcast_to(at_back, (k, len(back)))),
        (cut[:, shed], np.broadcast_to(at_shed, (k, len(shed)))), (-1.0, give[:, None]),
    ]  # fmt: skip
    m.rows(terms, -INF, -known)
    try:
        x = m.solver().run("curative actions")
    except (InfeasibleError, SolverError):
        return None
    if x[give].max(initial=0.0) > HOPELESS:
        return None
    change = np.zeros(net.grid.n_bus, complex)
    np.add.at(change, back, -x[at_back] / base)
    change[shed] += x[at_shed] / base * (1 + 1j * pocket.tangent[shed])
    return CurativeAction(outage, change, float(x[at_back].sum()), float(x[at_shed].sum()))


def _strong(effect: Floats, least: float) -> Bools:
    """(bus,) whether it lowers some row by at least a share of what the best one does."""
    best = np.maximum(-effect, 0.0).max(axis=1, keepdims=True)
    return np.asarray(((-effect > least * best) & (best > 0)).any(axis=0))
