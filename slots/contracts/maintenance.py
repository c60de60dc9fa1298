"""Slot `maintenance`: the weeks in which units are taken out for maintenance."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slots.grid.model import Floats, Ints


@dataclass(frozen=True)
class MaintenanceRequest:
    """What has to be done.

    Attributes:
        capacity: (unit,) MW; outage_rate: (unit,) share of time in which each is out by chance.
        duration: (unit,) weeks in a row; 0 for a unit that needs none.
        earliest, latest: (unit,) first week and last week (inclusive) of its work.
        demand: (week,) peak load (MW).
        crews: units that can be worked on at once.
        seed: of everything random.
    """

    capacity: Floats
    outage_rate: Floats
    duration: Ints
    earliest: Ints
    latest: Ints
    demand: Floats
    crews: int
    seed: int = 1


@dataclass(frozen=True)
class MaintenancePlan:
    """The plan: (unit,) first week of each, -1 for none; (week,) MW above the peak that are left."""

    start: Ints
    reserve: Floats


class MaintenanceAlgorithm(Protocol):
    """Plans the weeks, with as much reserve in the worst of them as it can."""

    def __call__(self, request: MaintenanceRequest) -> MaintenancePlan:
        """Plan.

        Raises:
            InfeasibleError: windows and crews leave no plan.
        """
        ...


def plan_of(request: MaintenanceRequest, start: Ints) -> MaintenancePlan:
    """A plan with its reserve counted."""
    week = np.arange(len(request.demand))[:, None]
    out = (start >= 0) & (week >= start) & (week < start + request.duration)
    return MaintenancePlan(start, np.asarray((~out) @ request.capacity - request.demand))


def check_maintenance(request: MaintenanceRequest, plan: MaintenancePlan) -> None:
    """Invariants: all work done in its window, crews not exceeded, the reserve as it is."""
    needs = request.duration > 0
    assert (plan.start[~needs] == -1).all(), "work on a unit that needs none"
    assert (plan.start[needs] >= request.earliest[needs]).all(), "work before its window"
    last = (plan.start + request.duration - 1)[needs]
    assert (last <= request.latest[needs]).all(), "work beyond its window"
    week = np.arange(len(request.demand))[:, None]
    busy = ((plan.start >= 0) & (week >= plan.start) & (week < plan.start + request.duration)).sum(axis=1)
    assert (busy <= request.crews).all(), f"{busy.max()} units are worked on at once by {request.crews} crews"
    assert np.allclose(plan.reserve, plan_of(request, plan.start).reserve, atol=1e-6), "the reserve is not what is left"
