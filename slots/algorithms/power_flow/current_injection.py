"""Newton's method on current mismatches (da Costa, Martins and Pereira, 1999): most of its Jacobian is Y itself.

The reactive injection of a held bus joins the unknowns, its voltage the equations.
"""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from slots.algorithms.power_flow.rectangular import Rectangular
from slots.contracts.power_flow import PowerFlowRequest, PowerFlowResult, ended, mismatch

TOLERANCE, MOST = 1e-9, 50


def current_injection(request: PowerFlowRequest) -> PowerFlowResult:
    """Solve."""
    e = Rectangular(request)
    m, held, v = e.moving, np.flatnonzero(e.is_held), request.v.copy()
    y = e.ybus[m][:, m]
    s = request.injection[m].copy()
    s[held] = s[held].real + 1j * (v * np.conj(e.ybus @ v))[m].imag[held]
    n, h = len(m), len(held)
    pick = sp.csr_matrix((np.ones(h), (np.arange(h), held)), shape=(h, n))
    for k in range(MOST):
        own = v[m]
        current = (e.ybus @ v)[m] - np.conj(s / own)
        size = np.abs(own[held]) ** 2 - np.abs(request.v[m][held]) ** 2
        if (
            np.abs(mismatch(request, v, e.ybus)).max(initial=0.0) < TOLERANCE
            and np.abs(size).max(initial=0.0) < TOLERANCE
        ):
            return ended(request, v, k)
        # d conj(s / v) = -conj(s) / conj(v)^2 d conj(v); by a reactive injection -j / conj(v)
        a = np.conj(s) / np.conj(own) ** 2
        by_real, by_imag = y + sp.diags(a), 1j * (y - sp.diags(a))
        by_q = sp.diags(1j / np.conj(own)) @ pick.T
        rows = [[by_real.real, by_imag.real, by_q.real], [by_real.imag, by_imag.imag, by_q.imag],
                [pick @ sp.diags(2 * own.real), pick @ sp.diags(2 * own.imag), None]]  # fmt: skip
        try:
            x = splu(sp.csc_matrix(sp.bmat(rows))).solve(-np.concatenate([current.real, current.imag, size]))
        except RuntimeError:  # singular
            break
        v[m] += x[:n] + 1j * x[n : 2 * n]
        s[held] += 1j * x[2 * n :]
        if not np.isfinite(v).all():
            break
    return PowerFlowResult(v, False, MOST)
