"""Newton's method with a Jacobian that is kept ("dishonest"): factorised anew only where the residual falls slowly."""

from typing import Annotated

import numpy as np
from scipy.sparse.linalg import splu

from slots.algorithms.power_flow.rectangular import Rectangular
from slots.contracts.power_flow import PowerFlowRequest, PowerFlowResult, ended
from slots.parameters import Parameter

TOLERANCE, MOST = 1e-9, 200


def kept_jacobian(
    request: PowerFlowRequest, *,
    slow: Annotated[float, Parameter("ratio of residuals above which it is made anew", unit="1", ge=0.01, le=1)] = 0.3,
) -> PowerFlowResult:  # fmt: skip
    """Solve; linear convergence, with few factorisations."""
    equations, v = Rectangular(request), request.v.copy()
    f, factors = equations.residual(v), None
    for k in range(MOST):
        size = np.abs(f).max(initial=0.0)
        if size < TOLERANCE:
            return ended(request, v, k)
        try:
            factors = factors or splu(equations.jacobian(v))
        except RuntimeError:  # singular
            break
        v = v + equations.step(factors.solve(-f))
        f = equations.residual(v)
        if not np.isfinite(f).all():
            break
        if np.abs(f).max() > slow * size:
            factors = None
    return PowerFlowResult(v, False, MOST)
