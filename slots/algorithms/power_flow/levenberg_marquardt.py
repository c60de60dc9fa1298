"""Levenberg and Marquardt's method (Lagace, Vuong and Kamwa, 2008): least squares of the mismatches, damped where steps fail."""

from typing import Annotated

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from slots.algorithms.power_flow.rectangular import Rectangular
from slots.contracts.power_flow import PowerFlowRequest, PowerFlowResult, ended
from slots.parameters import Parameter

TOLERANCE, MOST = 1e-9, 200


def levenberg_marquardt(
    request: PowerFlowRequest, *, damping: Annotated[float, Parameter("at the start", unit="1", ge=1e-9, le=1e3)] = 1e-3
) -> PowerFlowResult:
    """Solve; where there is no solution the end is a least-squares point, and told as not converged."""
    equations, v = Rectangular(request), request.v.copy()
    f = equations.residual(v)
    for k in range(MOST):
        if np.abs(f).max(initial=0.0) < TOLERANCE:
            return ended(request, v, k)
        j = equations.jacobian(v)
        normal = j.T @ j
        x = splu(sp.csc_matrix(normal + damping * sp.diags(normal.diagonal() + 1e-12))).solve(-(j.T @ f))
        tried = v + equations.step(x)
        new = equations.residual(tried)
        if new @ new < f @ f:
            v, f, damping = tried, new, max(damping / 10, 1e-14)
        elif damping > 1e12:
            break
        else:
            damping *= 10
    return PowerFlowResult(v, False, MOST)
