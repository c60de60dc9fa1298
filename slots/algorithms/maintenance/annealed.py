"""Maintenance by simulated annealing (Satoh and Nara, 1991) from a levelled plan: works move, worse plans pass now and then."""

from typing import Annotated

import numpy as np

from slots.algorithms.maintenance.levelled import levelled_reserve
from slots.contracts.maintenance import MaintenancePlan, MaintenanceRequest, plan_of
from slots.grid.model import Floats, Ints
from slots.parameters import Parameter


def annealed(
    request: MaintenanceRequest, *,
    moves: Annotated[int, Parameter("tried", ge=1, le=10_000_000)] = 20_000,
    warmth: Annotated[float, Parameter("at first, of the mean capacity", unit="share", ge=1e-6, le=10)] = 0.3,
) -> MaintenancePlan:  # fmt: skip
    """Plan; never worse than levelling."""
    rng = np.random.default_rng(request.seed)
    start = levelled_reserve(request).start.copy()
    needs = np.flatnonzero(request.duration > 0)
    best, least = start.copy(), plan_of(request, start).reserve
    value = most = _value(least)
    if not len(needs):
        return plan_of(request, start)
    hot = warmth * float(request.capacity[needs].mean())
    for k in range(moves):
        g = int(rng.choice(needs))
        t = int(rng.integers(request.earliest[g], request.latest[g] - request.duration[g] + 2))
        tried = start.copy()
        tried[g] = t
        if not _fits(request, tried):
            continue
        new = _value(plan_of(request, tried).reserve)
        heat = hot * (1 - k / moves) + 1e-9
        if new >= value or rng.random() < np.exp((new - value) / heat):
            start, value = tried, new
            if value > most:
                best, most = start.copy(), value
    return plan_of(request, best)


def _value(reserve: Floats) -> float:
    """The least reserve, and a little of the next ones so that there is a way to go."""
    low = np.sort(reserve)[:4]
    return float(low[0] + 0.05 * low[1:].mean())


def _fits(request: MaintenanceRequest, start: Ints) -> bool:
    week = np.arange(len(request.demand))[:, None]
    out = (start >= 0) & (week >= start) & (week < start + request.duration)
    return bool((out.sum(axis=1) <= request.crews).all())
