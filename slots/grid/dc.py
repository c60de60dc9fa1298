"""DC network factors: PTDF and LODF (Wood and Wollenberg, chapter 7)."""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from slots.grid.model import Floats, Grid


def susceptance(grid: Grid) -> tuple[sp.csr_matrix, sp.csr_matrix, Floats]:
    """Bus matrix B, branch matrix Bf (p.u.) and (branch,) phase-shifter flows (p.u.)."""
    br, n, m = grid.branches, grid.n_bus, len(grid.branches)
    b = br.in_service / (br.x * br.tap)
    row = np.arange(m)
    bf = sp.csr_matrix(
        (np.concatenate([b, -b]), (np.concatenate([row, row]), np.concatenate([br.f, br.t]))), shape=(m, n)
    )
    incidence = sp.csr_matrix(
        (
            np.concatenate([np.ones(m), -np.ones(m)]),
            (np.concatenate([row, row]), np.concatenate([br.f, br.t])),
        ),
        shape=(m, n),
    )
    return sp.csr_matrix(incidence.T @ bf), bf, -b * br.shift


def ptdf(grid: Grid) -> Floats:
    """(branch, bus) MW on a branch per MW injected at a bus and taken out at the slack bus."""
    bbus, bf, _ = susceptance(grid)
    keep = np.setdiff1d(np.arange(grid.n_bus), [grid.slack])
    factors = splu(sp.csc_matrix(bbus[keep][:, keep]))
    out = np.zeros((len(grid.branches), grid.n_bus))
    out[:, keep] = factors.solve(bf[:, keep].T.toarray()).T
    return out


def lodf(grid: Grid, factors: Floats) -> Floats:
    """(branch, outage) share of the outaged branch's flow that moves to a branch.

    NaN for outages that split the grid. `factors`: the PTDF.
    """
    br = grid.branches
    h = factors[:, br.f] - factors[:, br.t]
    own = np.diagonal(h)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = h / (1.0 - own)[None, :]
    out[:, np.abs(1.0 - own) < 1e-8] = np.nan
    np.fill_diagonal(out, -1.0)
    return out


def shift_flows(grid: Grid, factors: Floats) -> Floats:
    """(branch,) MW that phase shifters drive with no injections."""
    _, _, pshift = susceptance(grid)
    br = grid.branches
    injected = np.zeros(grid.n_bus)
    np.add.at(injected, br.f, -pshift)
    np.add.at(injected, br.t, pshift)
    return grid.base_mva * (pshift + factors @ injected)
