"""Newton's method in polar coordinates (Tinney and Hart, 1967)."""

import numpy as np

from slots.contracts.power_flow import PowerFlowRequest, PowerFlowResult, ended
from slots.grid.admittance import admittance
from slots.grid.dc import start_angles
from slots.grid.model import Complexes
from slots.grid.newton import newton


def newton_polar(request: PowerFlowRequest) -> PowerFlowResult:
    """Solve; quadratic convergence near a solution.

    Where the start leads nowhere, the angles of the DC model are another, and the grid's own voltages a third.
    """
    grid, ybus = request.grid, admittance(request.grid).ybus
    live, taken = grid.live.nonzero()[0], 0
    last = PowerFlowResult(request.v, False, 0)
    for start in _starts(request):
        found = newton(ybus, request.injection, start, grid.slack, request.held, active=live, max_iterations=30)
        taken += found.iterations
        last = (
            ended(request, found.v, taken) if found.converged else PowerFlowResult(found.v, False, taken, last.reason)
        )
        if last.converged:
            break
    return last


def _starts(request: PowerFlowRequest) -> list[Complexes]:
    grid, free = request.grid, np.isin(np.arange(len(request.v)), request.free)
    buses, own = grid.buses, np.angle(request.v[grid.slack])
    angles = start_angles(grid, request.injection.real), np.nan_to_num(buses.va - buses.va[grid.slack])
    sizes = np.ones(grid.n_bus), np.where(buses.vm > 0, buses.vm, 1.0)
    more = [np.where(free, m, np.abs(request.v)) * np.exp(1j * (a + own)) for m, a in zip(sizes, angles, strict=True)]
    return [request.v, *(np.asarray(v, complex) for v in more)]
