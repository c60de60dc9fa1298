"""Continuation from an unloaded grid: injections grow to what is scheduled, each solved from the one before.

Where a step does not converge it is halved, so the way ends at the solution on the upper branch, or at the nose before it
(Ajjarapu and Christy, 1992, without their corrector).
"""

from typing import Annotated

from slots.contracts.power_flow import PowerFlowRequest, PowerFlowResult, ended
from slots.grid.admittance import admittance
from slots.grid.newton import newton
from slots.parameters import Parameter

SHORTEST = 1e-4


def homotopy(
    request: PowerFlowRequest, *,
    step: Annotated[float, Parameter("of the injections at first", unit="share", ge=0.01, le=1)] = 0.5,
) -> PowerFlowResult:  # fmt: skip
    """Solve; slower than one Newton, and robust against poor starts."""
    grid, v = request.grid, request.v.copy()
    ybus, live = admittance(grid).ybus, request.grid.live.nonzero()[0]
    share, taken = 0.0, 0
    while share < 1.0:
        to = min(1.0, share + step)
        found = newton(ybus, to * request.injection, v, grid.slack, request.held, active=live)
        taken += found.iterations
        if found.converged:
            share, v = to, found.v
        else:
            step /= 2
            if step < SHORTEST:
                return PowerFlowResult(v, False, taken)
    return ended(request, v, taken)
