"""Fast decoupled power flow: two constant matrices, factorised once (Stott and Alsac, 1974; van Amerongen, 1989).

XB leaves resistances out of B', BX out of B''. Steps are cheap and many; high R/X ratios slow XB down, BX less.
"""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from slots.contracts.power_flow import PowerFlowRequest, PowerFlowResult
from slots.grid.admittance import admittance
from slots.grid.model import Bools, Grid

TOLERANCE, MOST = 1e-8, 200


def fast_decoupled_xb(request: PowerFlowRequest) -> PowerFlowResult:
    """Solve with Stott and Alsac's matrices."""
    return _solve(request, xb=True)


def fast_decoupled_bx(request: PowerFlowRequest) -> PowerFlowResult:
    """Solve with van Amerongen's matrices."""
    return _solve(request, xb=False)


def _solve(request: PowerFlowRequest, xb: bool) -> PowerFlowResult:
    grid, free = request.grid, request.free
    moving = np.concatenate([request.held, free]).astype(int)
    ybus = admittance(grid).ybus
    b1, b2 = _matrices(grid, xb)
    angles, sizes = splu(b1[moving][:, moving].tocsc()), splu(b2[free][:, free].tocsc()) if len(free) else None
    angle, size = np.angle(request.v), np.abs(request.v)
    v = request.v
    for k in range(MOST):
        missing = (v * np.conj(ybus @ v) - request.injection) / np.abs(v)
        worst = max(np.abs(missing[moving].real).max(initial=0.0), np.abs(missing[free].imag).max(initial=0.0))
        if worst < TOLERANCE:
            return PowerFlowResult(v, True, k)
        if not np.isfinite(worst) or worst > 1e6:
            break
        angle[moving] -= angles.solve(missing[moving].real)
        v = size * np.exp(1j * angle)
        if sizes is not None:
            missing = (v * np.conj(ybus @ v) - request.injection) / np.abs(v)
            size[free] -= sizes.solve(missing[free].imag)
            v = size * np.exp(1j * angle)
    return PowerFlowResult(v, False, MOST)


def _matrices(grid: Grid, xb: bool) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """B' without shunts, taps and, for XB, resistances; B'' without shifts and, for BX, resistances."""
    br, buses = grid.branches, grid.buses
    still, one = np.zeros(len(br)), np.ones(len(br))
    first = grid.replace(
        branches=br.__class__(**{**vars(br), "b": still, "tap": one, "r": still if xb else br.r}),
        buses=buses.__class__(**{**vars(buses), "bs": np.zeros(grid.n_bus), "gs": np.zeros(grid.n_bus)}),
    )
    second = grid.replace(branches=br.__class__(**{**vars(br), "shift": still, "r": br.r if xb else still}))
    b1, b2 = (sp.csr_matrix(-_lone(admittance(g).ybus.imag, grid.live)) for g in (first, second))
    return b1, b2


def _lone(matrix: sp.csr_matrix, live: Bools) -> sp.csr_matrix:
    return sp.csr_matrix(matrix - sp.diags((~live).astype(float)))
