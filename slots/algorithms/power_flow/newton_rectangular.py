"""Newton's method in rectangular coordinates (Ward and Hale, 1956, with Newton's steps), with Iwamoto's multiplier if asked.

The multiplier (Iwamoto and Tamura, 1981) is the length of a step that makes the residual least: the equations are quadratic,
so it is a root of a cubic. It keeps ill-conditioned cases from diverging and finds the nearest point where there is no solution.
"""

import numpy as np
from scipy.sparse.linalg import splu

from slots.algorithms.power_flow.rectangular import Rectangular
from slots.contracts.power_flow import PowerFlowRequest, PowerFlowResult, ended
from slots.grid.model import Floats

TOLERANCE, MOST = 1e-9, 50


def newton_rectangular(request: PowerFlowRequest) -> PowerFlowResult:
    """Solve with whole steps."""
    return _solve(request, damped=False)


def iwamoto(request: PowerFlowRequest) -> PowerFlowResult:
    """Solve with steps of the best length."""
    return _solve(request, damped=True)


def _solve(request: PowerFlowRequest, damped: bool) -> PowerFlowResult:
    equations, v = Rectangular(request), request.v.copy()
    for k in range(MOST):
        f = equations.residual(v)
        if np.abs(f).max(initial=0.0) < TOLERANCE:
            return ended(request, v, k)
        try:
            dv = equations.step(splu(equations.jacobian(v)).solve(-f))
        except RuntimeError:  # singular
            break
        v = v + (_length(f, equations.quadratic(dv)) if damped else 1.0) * dv
        if not np.isfinite(v).all():
            break
    return PowerFlowResult(v, False, MOST)


def _length(f: Floats, c: Floats) -> float:
    """The multiplier m that makes |f - m f + m^2 c| least."""
    a = [2 * c @ c, -3 * c @ f, f @ f + 2 * c @ f, -f @ f]
    roots = np.roots(a) if a[0] > 0 else np.array([1.0])
    real = roots[np.abs(roots.imag) < 1e-9].real
    return float(min(real, key=lambda m: np.sum((f - m * f + m**2 * c) ** 2))) if len(real) else 1.0
