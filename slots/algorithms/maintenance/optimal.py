"""Maintenance as one mixed-integer program: the least reserve of any week is made as large as it can be."""

from typing import Annotated

import numpy as np

from slots.contracts.maintenance import MaintenancePlan, MaintenanceRequest, plan_of
from slots.parameters import Parameter
from slots.scheduling.linear import INF, LinearModel


def optimal(
    request: MaintenanceRequest, *,
    gap: Annotated[float, Parameter("between reserve and proven bound", unit="share", ge=0, le=0.5)] = 1e-3,
    seconds: Annotated[float, Parameter("to search at most", unit="s", ge=1, le=36000)] = 60.0,
) -> MaintenancePlan:  # fmt: skip
    """Plan.

    Raises:
        InfeasibleError: windows and crews leave no plan.
    """
    weeks, needs = len(request.demand), np.flatnonzero(request.duration > 0)
    pairs = [
        (int(g), t) for g in needs for t in range(int(request.earliest[g]), int(request.latest[g] - request.duration[g]) + 2)
        if t + request.duration[g] <= weeks
    ]  # fmt: skip
    if not pairs:
        return plan_of(request, np.full(len(request.capacity), -1))
    m = LinearModel()
    x = m.columns((len(pairs),), 0.0, 1.0, integer=True).index
    least = m.columns((1,), -INF, INF, cost=-1.0).index
    unit, first = (np.array(c) for c in zip(*pairs, strict=True))
    for g in needs:
        mine = x[unit == g]
        m.rows([(1.0, mine[None, :])], 1.0, 1.0)
    for week in range(weeks):
        here = (first <= week) & (week < first + request.duration[unit])
        taken = x[here][None, :]
        if here.any():
            m.rows([(1.0, taken)], -INF, float(request.crews))
            capacity = request.capacity[unit[here]][None, :]
            m.rows([(capacity, taken), (1.0, least)], -INF, request.capacity.sum() - request.demand[week])
        else:
            m.rows([(1.0, least)], -INF, request.capacity.sum() - request.demand[week])
    solver = m.solver()
    solver.option("mip_rel_gap", gap)
    solver.option("time_limit", seconds)
    found = solver.run("maintenance")
    start = np.full(len(request.capacity), -1)
    chosen = found[x] > 0.5
    start[unit[chosen]] = first[chosen]
    return plan_of(request, start)
