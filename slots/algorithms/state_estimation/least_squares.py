"""State estimation by weighted least squares (Schweppe, 1970): plain, with bad data removed, and with weights that shrink.

Removal takes the measurement with the largest normalised residual, one after the other, while it lies above a threshold
(Handschin et al., 1975). Huber's estimator gives what lies far off less weight instead (Mili et al., 1996).
"""

from typing import Annotated, Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from slots.contracts.state_estimation import Estimate, Measurements, Model
from slots.grid.model import Bools, Complexes, Floats
from slots.parameters import Parameter

TOLERANCE, MOST = 1e-9, 40
Threshold = Annotated[float, Parameter("of residuals, in standard deviations", unit="1", ge=1, le=100)]


def weighted_least_squares(request: Measurements) -> Estimate:
    """Estimate from all measurements."""
    v, ok, _ = _solved(Model(request), np.ones(len(request.kind)))
    return Estimate(v, np.zeros(len(request.kind), bool), ok)


def bad_data_removed(request: Measurements, *, threshold: Threshold = 4.0) -> Estimate:
    """Estimate without what does not fit."""
    model, good = Model(request), np.ones(len(request.kind), bool)
    for _ in range(len(good) // 4 + 1):
        v, ok, gain = _solved(model, good.astype(float))
        normalised = np.where(good, _normalised(model, v, gain), 0.0)
        worst = int(normalised.argmax())
        if not ok or normalised[worst] <= threshold:
            break
        good[worst] = False
    return Estimate(v, ~good, ok)


def huber(request: Measurements, *, threshold: Threshold = 2.0) -> Estimate:
    """Estimate with weights that fall with residuals above a threshold."""
    model, weight = Model(request), np.ones(len(request.kind))
    for _ in range(MOST):
        v, ok, _ = _solved(model, weight)
        off = np.abs(request.value - model.value(v)) / request.sigma
        new = np.minimum(1.0, threshold / np.maximum(off, 1e-12))
        if np.abs(new - weight).max() < 1e-6:
            break
        weight = new
    bad: Bools = np.asarray(off > 3 * threshold)
    return Estimate(v, bad, ok)


def _solved(model: Model, weight: Floats) -> tuple[Complexes, bool, Any]:
    """Gauss and Newton's steps from a flat start; the factors of the gain matrix at the end."""
    request = model.request
    v = np.ones(request.grid.n_bus, complex)
    w = sp.diags(weight / request.sigma**2)
    for _ in range(MOST):
        h = model.jacobian(v)
        gain = splu(sp.csc_matrix(h.T @ w @ h))
        step = gain.solve(h.T @ (w @ (request.value - model.value(v))))
        v = model.state(v, step)
        if np.abs(step).max() < TOLERANCE:
            return v, True, gain
    return v, False, gain


def _normalised(model: Model, v: Complexes, gain: Any) -> Floats:
    """(measurement,) residuals in their own standard deviations."""
    h, sigma = model.jacobian(v), model.request.sigma
    known = np.einsum("ij,ji->i", h.toarray(), gain.solve(h.T.toarray()))
    spread = np.maximum(sigma**2 - known, 1e-12 * sigma**2)
    return np.asarray(np.abs(model.request.value - model.value(v)) / np.sqrt(spread))
