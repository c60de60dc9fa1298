"""Holomorphic embedding (Trias, 2012; voltage-controlled buses as in Rao, Feng, Tylavsky and Subramanian, 2016).

Voltages are power series of a parameter that leads from an unloaded grid (0) to the one asked for (1). Coefficients follow
from a linear system that is factorised once; the series are continued to 1 by Pade approximants. Needs no start.
"""

from typing import Annotated

import numpy as np
import scipy.sparse as sp
from scipy.linalg import lu_factor, lu_solve

from slots.algorithms.power_flow.rectangular import Rectangular
from slots.contracts.power_flow import PowerFlowRequest, PowerFlowResult, ended, mismatch
from slots.grid.dc import start_angles
from slots.grid.model import Complexes
from slots.parameters import Parameter

TOLERANCE, LOOK = 1e-7, 4


def holomorphic(
    request: PowerFlowRequest, *, terms: Annotated[int, Parameter("of the series, at most", ge=8, le=80)] = 48
) -> PowerFlowResult:
    """Solve without a start."""
    e = Rectangular(request)
    n, m, slack, held = len(request.v), e.moving, request.grid.slack, request.held
    turn = np.exp(
        1j * (np.angle(request.v[slack]) + start_angles(request.grid, np.zeros(n)))
    )  # what shifts do to an unloaded grid
    full = sp.csr_matrix(sp.diags(turn.conj()) @ e.ybus @ sp.diags(turn))
    shunt = np.asarray(full.sum(axis=1)).ravel()  # what flows with all voltages equal
    series = full - sp.diags(shunt)
    h = len(held)
    # Unknown: real and imaginary parts of V[k], of all moving buses, then the reactive injections of held ones.
    a = series[m][:, m].toarray()
    pick = np.zeros((len(m), h))
    pick[np.searchsorted(m, held), np.arange(h)] = 1.0
    zero = np.zeros((h, len(m)))
    matrix = np.block(
        [[a.real, -a.imag, np.zeros((len(m), h))], [a.imag, a.real, pick], [pick.T, zero, np.zeros((h, h))]]
    )
    # at 0 every voltage is 1, so sum(series) = 0 holds and the coefficient of -j Q conj(W) is j Q
    factors = lu_factor(matrix)
    v = np.zeros((terms, n), complex)
    w = np.zeros((terms, n), complex)  # the series of 1 / V
    q = np.zeros((terms, n))
    v[0] = w[0] = 1.0
    size2 = np.abs(request.v[held]) ** 2 - 1.0
    power = request.injection.copy()
    power[held] = power[held].real
    for k in range(1, terms):
        known = np.conj(power * w[k - 1]) - shunt * v[k - 1]
        known = known - 1j * sum((q[j] * np.conj(w[k - j]) for j in range(1, k)), start=np.zeros(n))
        v[k, slack] = abs(request.v[slack]) - 1.0 if k == 1 else 0.0
        right = (known - np.asarray(series[:, [slack]].toarray()).ravel() * v[k, slack])[m]
        inner = sum((v[j, held] * np.conj(v[k - j, held]) for j in range(1, k)), start=np.zeros(h)).real
        real = ((size2 if k == 1 else 0.0) - inner) / 2
        x = lu_solve(factors, np.concatenate([right.real, right.imag, real]))
        v[k, m] = x[: len(m)] + 1j * x[len(m) : 2 * len(m)]
        q[k, held] = x[2 * len(m) :]
        w[k] = -sum((v[j] * w[k - j] for j in range(1, k + 1)), start=np.zeros(n, complex))
        if k % LOOK == 0:
            found = turn * _at_one(v[: k + 1])
            found[~request.grid.live] = request.v[~request.grid.live]
            found[held] *= np.abs(request.v[held]) / np.abs(found[held])
            if np.abs(mismatch(request, found, e.ybus)).max(initial=0.0) < TOLERANCE:
                return ended(request, found, k)
    return PowerFlowResult(request.v, False, terms)


def _at_one(c: Complexes) -> Complexes:
    """(bus,) values at 1 of the series (term, bus), by Wynn's epsilon algorithm (the diagonal of the Pade table).

    Of its even columns the one that differs least from the one before counts: later ones are noise.
    """
    before, now = np.zeros((len(c) + 1, c.shape[1]), complex), np.cumsum(c, axis=0)
    best, last = now[-1].copy(), now[-1]
    least = np.abs(now[-1] - now[-2])
    for column in range(1, len(c)):
        with np.errstate(all="ignore"):
            before, now = now, before[1:-1] + 1 / (now[1:] - now[:-1])
            change = np.abs(now[-1] - last) if column % 2 == 0 else np.full(c.shape[1], np.inf)
        better = change < least
        best[better], least[better] = now[-1][better], change[better]
        last = now[-1] if column % 2 == 0 else last
    return np.asarray(best)
