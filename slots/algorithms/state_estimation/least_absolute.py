"""State estimation by least absolute values (Kotiuga and Vidyasagar, 1982): a linear program a step; bad data fall out."""

from typing import Annotated

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from slots.contracts.state_estimation import Estimate, Measurements, Model
from slots.parameters import Parameter

TOLERANCE, MOST = 1e-7, 40


def least_absolute_values(
    request: Measurements, *,
    threshold: Annotated[float, Parameter("of residuals called bad, in standard deviations", unit="1", ge=1, le=100)] = 6.0,
) -> Estimate:  # fmt: skip
    """Estimate."""
    model, m = Model(request), len(request.kind)
    v, ok = np.ones(request.grid.n_bus, complex), False
    scale = sp.diags(1 / request.sigma)
    for _ in range(MOST):
        h = scale @ model.jacobian(v)
        n = h.shape[1]
        left = sp.hstack([h, sp.identity(m), -sp.identity(m)])
        cost = np.concatenate([np.zeros(n), np.ones(2 * m)])
        bounds = [(-1.0, 1.0)] * n + [(0.0, None)] * (2 * m)
        found = linprog(cost, A_eq=left, b_eq=scale @ (request.value - model.value(v)), bounds=bounds, method="highs")
        if found.x is None:
            break
        v = model.state(v, found.x[:n])
        if np.abs(found.x[:n]).max() < TOLERANCE:
            ok = True
            break
    return Estimate(v, np.abs(request.value - model.value(v)) > threshold * request.sigma, ok)
