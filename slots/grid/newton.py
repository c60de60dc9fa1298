"""AC power flow by Newton's method in polar coordinates (Tinney and Hart, 1967)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg.lapack import dgetrf, dgetrs
from scipy.sparse.linalg import splu

from slots.grid.model import Complexes, Floats, Ints


@dataclass(frozen=True)
class PowerFlow:
    """A power flow's end.

    Attributes:
        v: (bus,) complex voltages (p.u.).
        converged: whether the largest mismatch is below the tolerance.
        iterations: Newton steps taken.
        mismatch: largest power mismatch (p.u.).
    """

    v: Complexes
    converged: bool
    iterations: int
    mismatch: float


# Below this size dense algebra beats the overhead of sparse objects several times over.
DENSE_BUSES = 250
ROUNDING = 4 * float(np.finfo(float).eps)  # of the largest admittance: a mismatch below is lost in its sums
LEAST = 1e-300  # p.u. of voltage, so that none at all divides nothing by zero


def power_derivatives(ybus: Any, v: Complexes) -> tuple[Any, Any]:
    """dS/dangle and dS/d|V| of the bus injections, (bus, bus) complex; dense in, dense out."""
    if isinstance(ybus, np.ndarray):
        current, unit = ybus @ v, v / np.maximum(np.abs(v), LEAST)
        ds_da = -1j * v[:, None] * np.conj(ybus * v[None, :])
        ds_dm = v[:, None] * np.conj(ybus * unit[None, :])
        diagonal = np.arange(len(v))
        ds_da[diagonal, diagonal] += 1j * v * np.conj(current)
        ds_dm[diagonal, diagonal] += np.conj(current) * unit
        return ds_da, ds_dm
    y = sp.csr_matrix(ybus)
    row, mag = np.repeat(np.arange(len(v)), np.diff(y.indptr)), np.maximum(np.abs(v), LEAST)
    own, between = np.conj(y @ v), v[row] * np.conj(y.data * v[y.indices])
    ds_da = sp.csr_matrix((-1j * between, y.indices, y.indptr), y.shape)
    ds_dm = sp.csr_matrix((between / mag[y.indices], y.indices, y.indptr), y.shape)
    return _plus_diagonal(ds_da, row, 1j * v * own), _plus_diagonal(ds_dm, row, own * v / mag)


def _plus_diagonal(a: sp.csr_matrix, row: Ints, diagonal: Complexes) -> sp.csr_matrix:
    """A matrix and a diagonal, in place where every diagonal entry is there once."""
    at = np.flatnonzero(a.indices == row)
    if len(at) == a.shape[0]:
        a.data[at] += diagonal
        return a
    return sp.csr_matrix(a + sp.diags(diagonal))


class Factors:
    """A factorised Jacobian d(P[pvpq], Q[pq]) / d(angle[pvpq], |V|[pq]), dense or sparse.

    With `shared` = (slack bus, (bus,) shares), it is bordered by P of the slack bus and by the deficit that all buses
    share.

    Raises:
        RuntimeError: it is singular.
    """

    def __init__(self, ds_da: Any, ds_dm: Any, pvpq: Ints, pq: Ints, shared: tuple[int, Floats] | None = None) -> None:
        self._sparse: Any = None
        extra = [] if shared is None else [shared[0]]
        p_rows = np.concatenate([pvpq, extra]).astype(int)
        if isinstance(ds_da, np.ndarray):
            n, m = len(pvpq), len(pvpq) + len(pq)
            j = np.zeros((m + len(extra), m + len(extra)))
            p_at = np.concatenate([np.arange(n), np.full(len(extra), m)])
            j[p_at, :n], j[p_at, n:m] = ds_da[np.ix_(p_rows, pvpq)].real, ds_dm[np.ix_(p_rows, pq)].real
            j[n:m, :n], j[n:m, n:m] = ds_da[np.ix_(pq, pvpq)].imag, ds_dm[np.ix_(pq, pq)].imag
            if shared is not None:
                j[p_at, m] = -shared[1][p_rows]
            lu, pivots, info = dgetrf(j)
            if info:
                raise RuntimeError("the Jacobian is singular")
            self._dense = (lu, pivots)
        else:
            self._sparse = splu(_jacobian(ds_da, ds_dm, pvpq, pq, p_rows, None if shared is None else shared[1]))

    def solve(self, rhs: Floats, transposed: bool = False) -> Floats:
        """x of J x = rhs, or of its transpose."""
        if self._sparse is not None:
            return np.asarray(self._sparse.solve(rhs, trans="T" if transposed else "N"))
        x, _ = dgetrs(*self._dense, rhs, trans=int(transposed))
        return np.asarray(x)


def _jacobian(
    ds_da: sp.csr_matrix, ds_dm: sp.csr_matrix, pvpq: Ints, pq: Ints, p_rows: Ints, share: Floats | None
) -> sp.csc_matrix:
    """The sparse Jacobian: P of `pvpq`, Q of `pq`, then P of what else is in `p_rows`; a column of shares at the end."""
    n, size = ds_da.shape[0], len(pvpq) + len(pq)
    p_at, q_at, angle_at, mag_at = (np.full(n, -1) for _ in range(4))
    p_at[p_rows] = np.where(np.arange(len(p_rows)) < len(pvpq), np.arange(len(p_rows)), size)
    q_at[pq] = mag_at[pq] = len(pvpq) + np.arange(len(pq))
    angle_at[pvpq] = np.arange(len(pvpq))
    parts = []
    for matrix, column in ((ds_da, angle_at), (ds_dm, mag_at)):
        row, col = np.repeat(np.arange(n), np.diff(matrix.indptr)), column[matrix.indices]
        for place, values in ((p_at, matrix.data.real), (q_at, matrix.data.imag)):
            inside = (place[row] >= 0) & (col >= 0)
            parts.append((values[inside], place[row][inside], col[inside]))
    if share is not None:
        parts.append((-share[p_rows], p_at[p_rows], np.full(len(p_rows), size)))
        size += 1
    data, rows, cols = (np.concatenate(x) for x in zip(*parts, strict=True))
    return sp.csc_matrix((data, (rows, cols)), shape=(size, size))


def newton(
    ybus: Any,
    s: Complexes,
    v0: Complexes,
    slack: Any,
    pv: Ints,
    *,
    tolerance: float = 1e-8,
    max_iterations: int = 20,
    active: Ints | None = None,
    share: Floats | None = None,
) -> PowerFlow:
    """Solve S = V conj(Y V).

    Args:
        ybus: (bus, bus) p.u., dense or sparse.
        s: (bus,) scheduled injections (p.u.); its imaginary part is ignored at PV and slack buses.
        v0: (bus,) start; magnitudes at PV and slack buses are held.
        slack: position of the slack bus.
        pv: positions of PV buses.
        tolerance: largest mismatch accepted (p.u.), or what rounding leaves beside the largest admittance.
        max_iterations: Newton steps before giving up.
        active: positions that take part; others keep `v0` (a de-energised island). All by default.
        share: (bus,) share of a deficit that each bus takes; by default the slack bus takes it all.
    """
    if not isinstance(ybus, np.ndarray) and len(s) <= DENSE_BUSES:
        ybus = ybus.toarray()
    entries = ybus if isinstance(ybus, np.ndarray) else ybus.data
    tolerance = max(tolerance, ROUNDING * float(np.abs(entries).max(initial=0.0)))
    members = np.arange(len(s)) if active is None else active
    pv = np.setdiff1d(np.intersect1d(pv, members), [slack])
    pq = np.setdiff1d(members, np.concatenate([pv, [slack]]))
    pvpq = np.concatenate([pv, pq]).astype(int)
    v, angle, mag = v0.copy(), np.angle(v0), np.abs(v0)
    mismatch, deficit = np.inf, 0.0
    shared = None if share is None else (int(slack), share)
    rows = pvpq if share is None else np.concatenate([pvpq, [slack]]).astype(int)
    for iteration in range(max_iterations + 1):
        error = v * np.conj(ybus @ v) - s
        if share is not None:
            error -= deficit * share
        f = np.concatenate([error[pvpq].real, error[pq].imag, error[rows[len(pvpq) :]].real])
        mismatch = float(np.abs(f).max()) if len(f) else 0.0
        if mismatch < tolerance:
            return PowerFlow(v, True, iteration, mismatch)
        if not np.isfinite(mismatch) or iteration == max_iterations:
            break
        try:
            step = Factors(*power_derivatives(ybus, v), pvpq, pq, shared).solve(f)
        except RuntimeError:  # singular Jacobian: no solution to be found from here
            break
        angle[pvpq] -= step[: len(pvpq)]
        mag[pq] -= step[len(pvpq) : len(pvpq) + len(pq)]
        deficit -= float(step[-1]) if share is not None else 0.0
        v = mag * np.exp(1j * angle)
    return PowerFlow(v, False, iteration, mismatch)


def dc_angles(bbus: sp.csr_matrix, p: Floats, slack: int) -> Floats:
    """(bus,) angles of the DC power flow, a robust start for Newton; zero where part of the grid hangs on no slack bus."""
    keep = np.setdiff1d(np.flatnonzero(bbus.diagonal()), [slack])  # an isolated bus has nothing on its diagonal
    out = np.zeros(len(p))
    if not len(keep):
        return out
    try:
        found = splu(sp.csc_matrix(bbus[keep][:, keep])).solve(p[keep])
    except RuntimeError:  # singular: an island of its own
        return out
    out[keep] = np.where(np.isfinite(found), found, 0.0)
    return out
