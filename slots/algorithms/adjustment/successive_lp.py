"""Adjustment by successive linear programs on AC sensitivities, violated (branch, outage) pairs added as found.

Each round solves the AC power flow of the intact grid and of every outage, adds what is violated or nearly so
to a working set, linearises the whole set about the present point and solves for the least change from the
schedule: voltages first, then redispatch, then curtailment. Stops when nothing is violated, or when rounds no longer
help; the best point found is kept. What outages break even then is left to curative actions where some help. Load is shed
beforehand last: where the intact grid needs it, or where the hour is secure by it.
"""

from dataclasses import replace

import numpy as np

from slots.algorithms.adjustment.curative import Pocket
from slots.algorithms.adjustment.left import what_is_left
from slots.algorithms.adjustment.search import Search
from slots.algorithms.adjustment.working_set import Verified
from slots.contracts.adjustment import Adjusted, AdjustmentRequest
from slots.contracts.curative import CurativeAction
from slots.grid.admittance import admittance, as_set
from slots.grid.model import Ints
from slots.grid.operating_point import OperatingPoint, settle

MORE_ROUNDS = 8  # after the first search: with shedding, and without what is set aside


def successive_lp(request: AdjustmentRequest) -> Adjusted:
    """Adjust one hour."""
    net, schedule = request.network, request.point
    adm = as_set(net.grid, admittance(net.grid), schedule.shunt, schedule.tap)
    search = Search(request, adm)
    if request.lost is not None and (actions := _help_each(search.pocket(schedule), request.lost)):
        return Adjusted(schedule, 0.0, 0.0, 0, True, 0.0, "", actions)
    first, ok = settle(net, adm.ybus, schedule)
    if not ok:
        return Adjusted(schedule, 0.0, 0.0, 0, False, np.inf, "no power flow of the intact grid")
    best, state, score = _found(search, first)
    state = replace(state, actions=search.least(best, state))
    if best is first and _covered(request, state.actions):
        best = schedule
    moved = float(np.abs(best.p - schedule.p).sum() / 2)
    left = () if score <= 0 and not search.watched.aside else what_is_left(search, best, state)
    reason = "" if not left else left[0].told(net) + (f"; and {len(left) - 1} more" if len(left) > 1 else "")
    residual = np.inf if left and np.isinf(left[0].beyond) else score
    return Adjusted(best, moved, float(best.shed.sum()), search.rounds, not left, residual, reason, state.actions, left)


def _found(search: Search, first: OperatingPoint) -> tuple[OperatingPoint, Verified, float]:
    """The best point, its states and its worst violation."""
    best, state, score = search.improve(first, False)
    if search.intact(state.result, best) > 0:
        best, state, score = _fed(search, best)
    if score[0] <= 0:
        return *_cheaper(search, first, best, state), 0.0
    if search.intact(state.result, best) <= 0:
        other, state_of_it, its = search.improve(best, True, MORE_ROUNDS)
        if its[0] <= 0:
            return other, state_of_it, 0.0
    # Load is not shed beforehand for an hour that stays insecure anyway.
    if search.set_aside(state):
        best, state, score = search.improve(best, False, MORE_ROUNDS)
        if score[0] <= 0:
            best, state = _cheaper(search, first, best, state)
    return best, state, score[0]


def _cheaper(
    search: Search, first: OperatingPoint, best: OperatingPoint, state: Verified
) -> tuple[OperatingPoint, Verified]:
    """A secure point that costs less: the way to the first one may have been a detour."""
    if best is first:
        return best, state
    return search.cheaper(*search.nearer(first, best, state))


def _fed(search: Search, point: OperatingPoint) -> tuple[OperatingPoint, Verified, tuple[float, float]]:
    """The best point after the least load is shed by which the intact grid keeps its limits."""
    alone = Search(replace(search.request, contingencies=search.request.contingencies[:0]), search.adm)
    fed, _, _ = alone.improve(point, True)
    search.rounds += alone.rounds
    return search.improve(fed, False, MORE_ROUNDS)


def _covered(request: AdjustmentRequest, actions: tuple[CurativeAction, ...]) -> bool:
    """Whether actions follow every case that verification found insecure, so that the schedule may stay as it is."""
    if request.insecure is None or not len(request.insecure) or (request.insecure == 0).any():
        return False
    return bool(np.isin(request.contingencies[request.insecure - 1], [a.outage for a in actions]).all())


def _help_each(pocket: Pocket, cases: Ints) -> tuple[CurativeAction, ...] | None:
    found = []
    for k in cases.tolist():
        action = pocket.help(k)
        if action is None:
            return None
        found.append(action)
    return tuple(found)
