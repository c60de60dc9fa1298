"""Fast decoupled power flow: two constant matrices, factorised once (Stott and Alsac, 1974; van Amerongen, 1989).

XB leaves resistances out of B', BX out of B''. Steps are cheap and many; high R/X ratios slow XB down, BX less.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from slots.contracts.power_flow import PowerFlowRequest, PowerFlowResult, ended
from slots.grid.admittance import admittance
from slots.grid.dc import start_angles
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
            return ended(request, v, k)
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
    """B' without shunts, taps and, for XB, resistances; B'' without shifts and, for BX, resistances.

    Of the shifts B' keeps what the angles of the unloaded grid do not follow. A resistance alone is never left out.
    """
    br, buses = grid.branches, grid.buses
    still, one = np.zeros(len(br)), np.ones(len(br))
    unloaded = start_angles(grid, np.zeros(grid.n_bus))
    shift, bare = br.shift - unloaded[br.f] + unloaded[br.t], np.where(br.x == 0, br.r, 0.0)
    even: dict[str, Any] = {k: still for k in ("b", "g_f", "b_f", "g_t", "b_t")}
    first = grid.replace(
        branches=replace(br, **even, tap=one, shift=shift, r=bare if xb else br.r),
        buses=replace(buses, bs=np.zeros(grid.n_bus), gs=np.zeros(grid.n_bus)),
    )
    second = grid.replace(branches=replace(br, shift=still, r=br.r if xb else bare))
    b1, b2 = (sp.csr_matrix(-_lone(admittance(g).ybus.imag, grid.live)) for g in (first, second))
    return b1, b2


def _lone(matrix: sp.csr_matrix, live: Bools) -> sp.csr_matrix:
    return sp.csr_matrix(matrix - sp.diags((~live).astype(float)))
