"""Losses allocated by size, and along the flows: half to generation, half to loads, as is usual (Conejo et al., 2002)."""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

from slots.contracts.loss_allocation import Allocation, SolvedState
from slots.grid.admittance import admittance, branch_flows
from slots.grid.model import Floats


def pro_rata(request: SolvedState) -> Allocation:
    """In proportion to what each generates and takes."""
    half = request.losses() / 2
    return Allocation(half * request.generated / request.generated.sum(), half * request.taken / request.taken.sum())


def proportional_sharing(request: SolvedState) -> Allocation:
    """By tracing (Bialek, 1996): at a bus, what leaves is mixed of what comes in in equal shares.

    Generation answers for what is lost downstream of it, loads for what is lost upstream of them; each side for half.
    """
    half = request.losses() / 2
    down = _traced(request, up=False) * (request.generated > 0)
    up = _traced(request, up=True) * (request.taken > 0)
    generation, load = down * request.generated, up * request.taken
    return Allocation(_scaled(generation, request.generated, half), _scaled(load, request.taken, half))


def _scaled(weight: Floats, size: Floats, total: float) -> Floats:
    if weight.sum() <= 1e-12:
        weight = size
    return np.asarray(total * weight / weight.sum())


def _traced(request: SolvedState, up: bool) -> Floats:
    """(bus,) MW lost on the way per MW that starts (or, upwards, ends) at each bus."""
    grid = request.grid
    f, t = (x.real for x in branch_flows(grid, admittance(grid), request.v))
    forward = (f - t) / 2 >= 0
    begin, end = (
        np.where(forward, grid.branches.f, grid.branches.t),
        np.where(forward, grid.branches.t, grid.branches.f),
    )
    mean, lost = np.abs(f - t) / 2, np.maximum(f + t, 0.0)
    moving = mean > 1e-9
    begin, end, mean, lost = begin[moving], end[moving], mean[moving], lost[moving]
    n = grid.n_bus
    through = np.maximum(np.bincount(begin, mean, n), np.bincount(end, mean, n))
    through += np.where(through <= 0, 1.0, 0.0)
    own, other = (end, begin) if up else (begin, end)
    share = sp.csr_matrix((mean / through[own], (own, other)), shape=(n, n))
    here = np.bincount(own, lost / through[own], n)
    return np.asarray(spsolve(sp.csc_matrix(sp.identity(n) - share), here))
