"""DC network factors: PTDF and LODF (Wood and Wollenberg, chapter 7)."""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from bos_core.objects.errors import GridError
from slots.grid.model import Floats, Grid, Ints
from slots.grid.newton import dc_angles

ROW_CACHE_BYTES = 128 << 20
ANGLE_LIMIT = np.deg2rad(40.0)  # across a branch, so that a power flow exists (Dunlop, Gutman and Marchenko, 1979)


def reactances(grid: Grid) -> Floats:
    """(branch,) p.u. that stand for branches in DC models: MATPOWER's, and |r| of those with a resistance only."""
    br = grid.branches
    return np.where(br.x == 0, np.abs(br.r), br.x)


def susceptance(grid: Grid) -> tuple[sp.csr_matrix, sp.csr_matrix, Floats]:
    """Bus matrix B, branch matrix Bf (p.u.) and (branch,) phase-shifter flows (p.u.).

    A branch without reactance, which this model does not know, is as stiff as its resistance.
    """
    br, n, m = grid.branches, grid.n_bus, len(grid.branches)
    b = br.in_service / (reactances(grid) * br.tap)
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


def start_angles(grid: Grid, p: Floats) -> Floats:
    """(bus,) angles of the DC power flow of injections p (p.u.), phase shifts driven; the slack bus is at 0.

    A start for methods that solve the AC equations, however large the shifts.
    """
    return dc_angles(susceptance(grid)[0], p + shifted_injection(grid), grid.slack)


def ptdf(grid: Grid) -> Floats:
    """(branch, bus) MW on a branch per MW injected at a bus and taken out at the slack bus."""
    bbus, bf, _ = susceptance(grid)
    keep = np.setdiff1d(np.arange(grid.n_bus), [grid.slack])
    factors = splu(sp.csc_matrix(bbus[keep][:, keep]))
    out = np.zeros((len(grid.branches), grid.n_bus))
    out[:, keep] = factors.solve(bf[:, keep].T.toarray()).T
    return out


class FactorOperator:
    """The PTDF of a grid too large to write it down: products with injections, and rows on demand.

    Args:
        ends: (bus, branch) 1 where a branch begins, -1 where it ends.
        stiffness: (branch, bus) susceptance matrix of the branches.
        slack: position of the slack bus.

    Raises:
        GridError: the grid falls into islands.
    """

    def __init__(self, ends: sp.csr_matrix, stiffness: sp.csr_matrix, slack: int) -> None:
        islands, _ = connected_components(abs(ends) @ abs(ends).T, directed=False)
        if islands > 1:
            raise GridError(f"the grid falls into {islands} islands", "keep one of them, or join them")
        self.shape: tuple[int, int] = stiffness.shape
        self._keep = np.delete(np.arange(self.shape[1]), slack)
        self._bf = sp.csr_matrix(stiffness)[:, self._keep]
        self._solve = splu(sp.csc_matrix((ends @ stiffness)[self._keep][:, self._keep])).solve
        self._rows: dict[int, Floats] = {}

    def apply(self, x: Floats) -> Floats:
        """(…, branch) MW of (…, bus) MW injected, the slack bus taking them out."""
        flat = x.reshape(-1, self.shape[1])[:, self._keep]
        flow = self._bf @ self._solve(np.ascontiguousarray(flat.T))
        return np.asarray(flow.T.reshape(*x.shape[:-1], self.shape[0]))

    def moved(self, grid: Grid, outage: int) -> Floats | None:
        """(branch,) share of a branch's flow that its outage moves to each (LODF, -1 on itself); None for a split."""
        across = np.zeros(self.shape[1])
        across[grid.branches.f[outage]] += 1.0
        across[grid.branches.t[outage]] -= 1.0
        driven = self.apply(across)
        if abs(1.0 - driven[outage]) < 1e-8:
            return None
        out = driven / (1.0 - driven[outage])
        out[outage] = -1.0
        return np.asarray(out)

    def rows(self, index: Ints) -> Floats:
        """(row, bus) factors of some branches; kept as long as they fit ROW_CACHE_BYTES."""
        missing = np.array([k for k in dict.fromkeys(index.tolist()) if k not in self._rows], dtype=np.int64)
        if 8 * self.shape[1] * (len(self._rows) + len(missing)) > ROW_CACHE_BYTES:
            self._rows.clear()
            missing = np.unique(index)
        if len(missing):
            # B is symmetric, so a solve with its columns serves as one with its rows.
            found = self._solve(self._bf[missing].T.toarray())
            for k, column in zip(missing.tolist(), found.T, strict=True):
                self._rows[k] = column
        out = np.zeros((len(index), self.shape[1]))
        for place, k in enumerate(index.tolist()):
            out[place, self._keep] = self._rows[k]
        return out


class UnitFactors:
    """The PTDF with respect to units that act on several buses.

    Args:
        factors: of the buses.
        at_bus: (bus, unit) share of a unit's power that acts on a bus.
    """

    def __init__(self, factors: FactorOperator, at_bus: sp.csr_matrix) -> None:
        self.shape: tuple[int, int] = (factors.shape[0], at_bus.shape[1])
        self._factors, self._at = factors, sp.csr_matrix(at_bus)

    def apply(self, x: Floats) -> Floats:
        """(…, branch) MW of (…, unit) MW."""
        flat = x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])
        flow = self._factors.apply(np.asarray((self._at @ flat.T).T))
        return np.asarray(flow.reshape(*x.shape[:-1], self.shape[0]))

    def rows(self, index: Ints) -> Floats:
        """(row, unit) factors of some branches."""
        return np.asarray((self._at.T @ self._factors.rows(index).T).T)


def factor_operator(grid: Grid) -> FactorOperator:
    """The PTDF of a grid, as an operator."""
    _, bf, _ = susceptance(grid)
    br, n, m = grid.branches, grid.n_bus, len(grid.branches)
    on, row = br.in_service.astype(float), np.arange(m)
    ends = sp.csr_matrix(
        (np.concatenate([on, -on]), (np.concatenate([br.f, br.t]), np.concatenate([row, row]))), (n, m)
    )
    return FactorOperator(ends, bf, grid.slack)


def angle_limits(grid: Grid) -> Floats:
    """(branch,) MW at which the angle across a branch reaches ANGLE_LIMIT."""
    return np.asarray(ANGLE_LIMIT / np.abs(reactances(grid) * grid.branches.tap) * grid.base_mva)


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
    return grid.base_mva * (pshift + factors @ shifted_injection(grid))


def shifted_injection(grid: Grid) -> Floats:
    """(bus,) p.u. that stand for phase shifters in a DC power flow without them: bus angles follow from B theta = p + this."""
    _, _, pshift = susceptance(grid)
    out = np.zeros(grid.n_bus)
    np.add.at(out, grid.branches.f, -pshift)
    np.add.at(out, grid.branches.t, pshift)
    return out
