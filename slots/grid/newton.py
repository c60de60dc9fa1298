"""AC power flow by Newton's method in polar coordinates (Tinney and Hart, 1967)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
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


def jacobian(ybus: sp.csr_matrix, v: Complexes, pvpq: Ints, pq: Ints) -> sp.csc_matrix:
    """d(P[pvpq], Q[pq]) / d(angle[pvpq], |V|[pq])."""
    ds_da, ds_dm = power_derivatives(ybus, v)
    rows_p, rows_q = ds_da[pvpq], ds_da[pq]
    mags_p, mags_q = ds_dm[pvpq], ds_dm[pq]
    blocks = [
        [rows_p[:, pvpq].real, mags_p[:, pq].real],
        [rows_q[:, pvpq].imag, mags_q[:, pq].imag],
    ]
    return sp.csc_matrix(sp.bmat(blocks, format="csc"))


def power_derivatives(ybus: sp.csr_matrix, v: Complexes) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """dS/dangle and dS/d|V| of the bus injections, (bus, bus) complex."""
    current = sp.diags(ybus @ v)
    dv, unit = sp.diags(v), sp.diags(v / np.abs(v))
    ds_dm = dv @ (ybus @ unit).conj() + current.conj() @ unit
    ds_da = 1j * dv @ (current - ybus @ dv).conj()
    return sp.csr_matrix(ds_da), sp.csr_matrix(ds_dm)


def newton(
    ybus: sp.csr_matrix,
    s: Complexes,
    v0: Complexes,
    slack: Any,
    pv: Ints,
    *,
    tolerance: float = 1e-8,
    max_iterations: int = 20,
    active: Ints | None = None,
) -> PowerFlow:
    """Solve S = V conj(Y V).

    Args:
        ybus: (bus, bus) p.u.
        s: (bus,) scheduled injections (p.u.); its imaginary part is ignored at PV and slack buses.
        v0: (bus,) start; magnitudes at PV and slack buses are held.
        slack: position of the slack bus.
        pv: positions of PV buses.
        tolerance: largest mismatch accepted (p.u.).
        max_iterations: Newton steps before giving up.
        active: positions that take part; others keep `v0` (a de-energised island). All by default.
    """
    members = np.arange(len(s)) if active is None else active
    pv = np.setdiff1d(np.intersect1d(pv, members), [slack])
    pq = np.setdiff1d(members, np.concatenate([pv, [slack]]))
    pvpq = np.concatenate([pv, pq]).astype(int)
    v, angle, mag = v0.copy(), np.angle(v0), np.abs(v0)
    mismatch = np.inf
    for iteration in range(max_iterations + 1):
        error = v * np.conj(ybus @ v) - s
        f = np.concatenate([error[pvpq].real, error[pq].imag])
        mismatch = float(np.abs(f).max()) if len(f) else 0.0
        if mismatch < tolerance:
            return PowerFlow(v, True, iteration, mismatch)
        if not np.isfinite(mismatch) or iteration == max_iterations:
            break
        try:
            step = splu(jacobian(ybus, v, pvpq, pq)).solve(f)
        except RuntimeError:  # singular Jacobian: no solution to be found from here
            break
        angle[pvpq] -= step[: len(pvpq)]
        mag[pq] -= step[len(pvpq) :]
        v = mag * np.exp(1j * angle)
    return PowerFlow(v, False, iteration, mismatch)


def dc_angles(bbus: sp.csr_matrix, p: Floats, slack: int) -> Floats:
    """(bus,) angles of the DC power flow, a robust start for Newton."""
    keep = np.setdiff1d(np.arange(len(p)), [slack])
    out = np.zeros(len(p))
    out[keep] = splu(sp.csc_matrix(bbus[keep][:, keep])).solve(p[keep])
    return out
