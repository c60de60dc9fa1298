"""Newton's method in polar coordinates (Tinney and Hart, 1967)."""

from slots.contracts.power_flow import PowerFlowRequest, PowerFlowResult
from slots.grid.admittance import admittance
from slots.grid.newton import newton


def newton_polar(request: PowerFlowRequest) -> PowerFlowResult:
    """Solve; quadratic convergence near a solution."""
    grid = request.grid
    live = request.grid.live.nonzero()[0]
    found = newton(
        admittance(grid).ybus, request.injection, request.v, grid.slack, request.held, active=live, max_iterations=30
    )
    return PowerFlowResult(found.v, found.converged, found.iterations)
