"""Maintenance by levelling (Garver, 1972): large units first, each into the weeks that are left best off.

Levelled reserve counts a unit's capacity, levelled risk its effective load-carrying capability: what a unit that may fail is
worth to a system of a given size.
"""

from typing import Annotated

import numpy as np

from bos_core.objects.errors import InfeasibleError
from slots.contracts.maintenance import MaintenancePlan, MaintenanceRequest, plan_of
from slots.grid.model import Floats
from slots.parameters import Parameter


def levelled_reserve(request: MaintenanceRequest) -> MaintenancePlan:
    """Plan so that the reserve is level."""
    return _filled(request, request.capacity)


def levelled_risk(
    request: MaintenanceRequest, *,
    slope: Annotated[float, Parameter("MW by which risk grows e-fold (m); 0: estimated", unit="MW", ge=0, le=1e5)] = 0.0,
) -> MaintenancePlan:  # fmt: skip
    """Plan so that the risk is level; m is estimated as the spread of the capacity that is out by chance."""
    q, c = request.outage_rate, request.capacity
    m = slope or max(float(np.sqrt((q * (1 - q) * c**2).sum())), 1e-6)
    return _filled(request, c - m * np.log((1 - q) + q * np.exp(c / m)))


def _filled(request: MaintenanceRequest, worth: Floats) -> MaintenancePlan:
    weeks = len(request.demand)
    left, busy = worth.sum() - request.demand, np.zeros(weeks, int)
    start = np.full(len(worth), -1)
    needs = np.flatnonzero(request.duration > 0)
    room = request.latest - request.earliest - request.duration
    for g in sorted(needs.tolist(), key=lambda g: (-worth[g] * request.duration[g], room[g], g)):
        d = int(request.duration[g])
        fits = [
            (-(left[t : t + d].min()), t)
            for t in range(int(request.earliest[g]), int(request.latest[g]) - d + 2)
            if (busy[t : t + d] < request.crews).all() and t + d <= weeks
        ]
        if not fits:
            raise InfeasibleError(f"no week is left for unit {g + 1}", "widen its window, or have more crews")
        _, t = min(fits)
        start[g] = t
        left[t : t + d] -= worth[g]
        busy[t : t + d] += 1
    return plan_of(request, start)
