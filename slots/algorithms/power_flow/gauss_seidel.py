"""Gauss and Seidel's method with acceleration (Ward and Hale, 1956): the oldest on computers, many cheap sweeps."""

from typing import Annotated

import numpy as np

from slots.contracts.power_flow import PowerFlowRequest, PowerFlowResult, ended, mismatch
from slots.grid.admittance import admittance
from slots.parameters import Parameter

TOLERANCE, LOOK, HOPELESS = 1e-7, 20, 1e9


def gauss_seidel(
    request: PowerFlowRequest, *,
    acceleration: Annotated[float, Parameter("of each correction", unit="1", ge=0.5, le=1.9)] = 1.6,
    sweeps: Annotated[int, Parameter("at most", ge=1, le=100000)] = 5000,
) -> PowerFlowResult:  # fmt: skip
    """Solve bus by bus; the number of sweeps grows with that of buses."""
    ybus = admittance(request.grid).ybus
    v, target = request.v.copy(), np.abs(request.v)
    held = set(request.held.tolist())
    order = np.sort(np.concatenate([request.held, request.free])).astype(int).tolist()
    rows = {k: (ybus.indices[a:b], ybus.data[a:b]) for k in order for a, b in [(ybus.indptr[k], ybus.indptr[k + 1])]}
    own = ybus.diagonal()
    for sweep in range(1, sweeps + 1):
        for k in order:
            at, y = rows[k]
            current = y @ v[at]
            s = request.injection[k]
            if k in held:
                s = s.real + 1j * (v[k] * np.conj(current)).imag
            change = (np.conj(s / v[k]) - current) / own[k]
            v[k] += acceleration * change if k not in held else change
            if k in held:
                v[k] *= target[k] / abs(v[k])
        if sweep % LOOK == 0:
            with np.errstate(all="ignore"):
                worst = np.abs(mismatch(request, v, ybus)).max(initial=0.0)
            if worst < TOLERANCE:
                return ended(request, v, sweep)
            if not worst < HOPELESS:
                break
    return PowerFlowResult(v, False, sweeps)
