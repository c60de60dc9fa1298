"""The order in which buses are eliminated from equations with the pattern of the admittances, and what fills in."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from slots.grid.model import Ints
from slots.grid.network import Network


def elimination_order(net: Network, ybus: sp.csr_matrix) -> tuple[Ints, Ints]:
    """Live buses in an order with little fill (minimum degree), the slack bus last; and each bus's place."""
    grid = net.grid
    others = np.flatnonzero(grid.live & (np.arange(grid.n_bus) != grid.slack))
    order = others
    if len(others):
        factors = _symbolic(ybus[others][:, others])
        order = others[np.argsort(factors.perm_c)]
    bus = np.concatenate([order, [grid.slack]]).astype(np.int64)
    place = np.full(grid.n_bus, -1, dtype=np.int64)
    place[bus] = np.arange(len(bus))
    return bus, place


def _symbolic(pattern: sp.csr_matrix, ordered: bool = False) -> Any:
    """SuperLU's factors of a matrix with a symmetric pattern that needs no pivoting."""
    m = sp.csc_matrix((np.full(pattern.nnz, -1.0), pattern.indices, pattern.indptr), shape=pattern.shape)
    m = m + m.T + sp.diags(np.full(m.shape[0], 4.0 * (1 + np.diff(pattern.indptr).max())))
    spec = "NATURAL" if ordered else "MMD_AT_PLUS_A"
    return splu(sp.csc_matrix(m), permc_spec=spec, diag_pivot_thresh=0.0, options={"SymmetricMode": True})


def fill_of(y: sp.csr_matrix) -> sp.csr_matrix:
    """Pattern of both factors of a matrix with this pattern, eliminated in the order that it has."""
    if y.shape[0] == 0:
        return sp.csr_matrix((0, 0))
    factors = _symbolic(y, ordered=True)
    pattern = sp.csr_matrix(abs(factors.L) + abs(factors.U) + abs(factors.L).T + abs(factors.U).T)
    pattern = sp.csr_matrix(pattern[factors.perm_c][:, factors.perm_c])  # SuperLU may put its own order on top
    pattern.sort_indices()
    return pattern
