"""Active dispatch as a linear program with branch limits added as violated and DC losses iterated.

Losses r f² of the last flows join the demand, half at each end of a branch, until they settle.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from slots.contracts.active_dispatch import ActiveDispatch, ActiveRequest
from slots.contracts.unit_commitment import Border, Horizon
from slots.grid.model import Bools, Floats, Units
from slots.scheduling.routines.day import Day

MAX_LOSS_ROUNDS = 6
LOSS_TOLERANCE = 1e-3  # of the losses; those of the AC power flow differ by more


def loss_iterated(request: ActiveRequest) -> ActiveDispatch:
    """Dispatch a committed horizon; see the module's description."""
    h = request.horizon
    loss = _losses(request, request.planned)
    problem = Day(h, request.on).problem
    for _ in range(MAX_LOSS_ROUNDS):
        h = _with_losses(request, loss)
        day = Day(h, request.on, problem)
        problem.update(demand=h.demand, fixed_flow=h.fixed_flow)
        solved = problem.solve()
        schedule = day.schedule(solved.x, solved.cost)
        new = _losses(replace(request, horizon=h), schedule.p)
        settled = (np.abs(new.sum(axis=1) - loss.sum(axis=1)) <= LOSS_TOLERANCE * new.sum(axis=1)).all()
        if settled:
            break
        loss = new
    return ActiveDispatch(schedule, loss.sum(axis=1), h)


def _losses(request: ActiveRequest, p: Floats | None) -> Floats:
    """(hour, branch) MW lost by the flows of the units' outputs; none without any."""
    n = len(request.f)
    if p is None:
        return np.zeros((request.horizon.hours, n))
    return np.asarray(request.r_mw[None, :] * request.horizon.flow(p)[:, :n] ** 2)


def _with_losses(request: ActiveRequest, loss: Floats) -> Horizon:
    ends = np.concatenate([request.f, request.t])
    halves = sp.csr_matrix((np.full(len(ends), 0.5), (ends, np.arange(len(ends)) % len(request.f))),
                           shape=(request.ptdf.shape[1], len(request.f)))  # fmt: skip
    h = request.horizon
    moved = request.pairs.joined(-(halves @ loss.T).T @ request.ptdf.T)
    return replace(h, demand=h.demand + loss.sum(axis=1), fixed_flow=h.fixed_flow + moved)


def broken_seam(units: Units, on: tuple[Bools, Bools], p: tuple[Floats, Floats]) -> Bools:
    """(unit,) whether a unit's ramp is broken between the last hour of one day and the first of the next."""
    thermal = units.kind == "thermal"
    both = on[0][-1] & on[1][0] & thermal
    return np.asarray(both & (np.abs(p[1][0] - p[0][-1]) > units.ramp + 1e-3))


def join_days(a: ActiveRequest, b: ActiveRequest, before: Floats | None, after: Floats | None) -> ActiveDispatch:
    """Dispatch two neighbouring days as one, held within half a ramp of the outer neighbours' outputs (MW)."""
    ha, hb = a.horizon, b.horizon
    stacked: dict[str, Any] = {
        k: np.concatenate([getattr(ha, k), getattr(hb, k)])
        for k in ("demand", "available", "floor", "inflow", "reserve", "fixed_flow")
    }
    h = replace(ha, **stacked, start=_pinned(ha.start, before), end=_pinned(hb.end, after))
    return loss_iterated(replace(a, horizon=h, on=np.vstack([a.on, b.on]), planned=None))


def _pinned(border: Border | None, power: Floats | None) -> Border | None:
    return replace(border, power=power) if border is not None and power is not None else border
