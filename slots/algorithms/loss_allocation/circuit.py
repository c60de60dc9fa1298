"""Losses allocated by the circuit: through the bus impedance matrix, and by what one more MW costs."""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from bos_core.objects.errors import GridError
from slots.contracts.loss_allocation import Allocation, SolvedState
from slots.grid.admittance import admittance
from slots.grid.model import Floats
from slots.grid.newton import power_derivatives


def z_bus(request: SolvedState) -> Allocation:
    """By Z-bus (Conejo, Galiana and Kockar, 2001): bus k answers for Re(I_k* sum_j R_kj I_j), R the real part of the inverse of Y.

    Raises:
        GridError: Y has no inverse, for want of shunts.
    """
    y = admittance(request.grid).ybus
    live = np.flatnonzero(request.grid.live)
    current = (y @ request.v)[live]
    try:
        z = splu(sp.csc_matrix(y[live][:, live])).solve(np.eye(len(live), dtype=complex))
    except RuntimeError:
        raise GridError(
            "the bus admittance matrix has no inverse", "choose another program; branches lack charging"
        ) from None
    weight = np.zeros(request.grid.n_bus)
    weight[live] = (np.conj(current) * (z.real @ current)).real
    return _split(request, weight)


def incremental(request: SolvedState) -> Allocation:
    """By incremental losses, scaled so that they add to what is lost (Galiana, Conejo and Kockar, 2002)."""
    grid = request.grid
    a, m = (sp.csr_matrix(x) for x in power_derivatives(admittance(grid).ybus, request.v))
    keep = np.setdiff1d(np.flatnonzero(grid.live), [grid.slack])
    free = np.setdiff1d(keep, np.flatnonzero(request.generated > 0))
    rows = [[a[keep][:, keep].real, m[keep][:, free].real], [a[free][:, keep].imag, m[free][:, free].imag]]
    total = [np.asarray(x.real.sum(axis=0)).ravel()[k] for x, k in ((a, keep), (m, free))]
    rate = np.zeros(grid.n_bus)
    rate[keep] = splu(sp.csc_matrix(sp.bmat(rows))).solve(np.concatenate(total), trans="T")[: len(keep)]
    return _split(request, rate * (request.generated - request.taken))


def _split(request: SolvedState, weight: Floats) -> Allocation:
    """What buses answer for, given to generation and load there by size, and scaled to the losses."""
    size = request.generated + request.taken
    weight = np.where(size > 0, weight, 0.0)
    part = request.losses() * weight / weight.sum()
    share = np.divide(request.generated, size, out=np.zeros_like(size), where=size > 0)
    return Allocation(np.asarray(part * share), np.asarray(part * (1 - share)))
