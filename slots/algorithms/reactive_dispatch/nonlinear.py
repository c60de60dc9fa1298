"""The nonlinear program of one hour's reactive dispatch, and its derivatives.

Voltages are kept as angle and logarithm of magnitude: what flows over a branch is then V_f V_t y exp(j d), all of
whose derivatives are the same two numbers with other signs. Written so they cost a quarter of what automatic
differentiation makes of them.
"""

from dataclasses import dataclass
from typing import Any

import casadi as ca
import numpy as np
import scipy.sparse as sp

from slots.grid.admittance import admittance
from slots.grid.model import Floats
from slots.grid.network import Network

LEAST_P_U = 0.1  # voltages stay above it whatever their limits, for their logarithms
TIES = 1e-4  # weight that makes the sharing of reactive power unique


@dataclass(frozen=True)
class _Symbols:
    theta: Any  # (bus,) rad
    u: Any  # (bus,) logarithm of the voltage in p.u.
    q: Any  # (bus,) p.u. of the units
    gap: Any  # p.u. that the units cover of the losses beyond schedule
    bank: Any  # (bus,) p.u. of switched susceptance
    tap: Any  # (changer,) logarithm of the ratio over the grid's own
    p_fix: Any  # (bus,) p.u. given active injection
    q_fix: Any  # (bus,) p.u. given reactive injection
    share: Any  # (bus,) of the gap
    weights: Any  # of the gap, of voltages' deviations, of voltages beyond their limits


def problem_of(net: Network) -> tuple[dict[str, Any], dict[str, Any]]:
    """The program for `casadi.nlpsol` and the functions `jac_g` and `hess_lag` of its derivatives.

    Unknown are (theta, u, q, gap, bank, tap), given (p_fix, q_fix, share, weights), zero the balance (P, Q) of each bus;
    of a bus that takes no part, its angle and the logarithm of its voltage.
    """
    n = net.grid.n_bus
    sizes = {k: n for k in _Symbols.__dataclass_fields__} | {"gap": 1, "weights": 3, "tap": len(net.grid.changers)}
    s = _Symbols(**{k: ca.SX.sym(k, m) for k, m in sizes.items()})
    x = ca.vertcat(s.theta, s.u, s.q, s.gap, s.bank, s.tap)
    given = ca.vertcat(s.p_fix, s.q_fix, s.share, s.weights)
    flow = _Flow(net, s)
    hi, lo = (ca.DM(np.log(np.maximum(limit, LEAST_P_U))) for limit in (net.grid.buses.vmax, net.grid.buses.vmin))
    over = ca.sumsqr(ca.fmax(s.u - hi, 0)) + ca.sumsqr(ca.fmax(lo - s.u, 0))
    ties = TIES * (ca.sumsqr(s.q) + ca.sumsqr(s.bank) + ca.sumsqr(s.tap))
    cost = s.weights[0] * s.gap + s.weights[1] * ca.sumsqr(s.u) + s.weights[2] * over + ties
    balance, jacobian = flow.balance(), flow.jacobian()
    live, own = _dead(net, x.shape[0])
    if own.nnz():
        balance, jacobian = live @ balance + own @ x, live @ jacobian + own
    of_cost, lam = ca.SX.sym("of_cost"), ca.SX.sym("lam", 2 * n)
    outside = ca.if_else(s.u > hi, 1, 0) + ca.if_else(s.u < lo, 1, 0)
    at_u = 2 * of_cost * (s.weights[1] + s.weights[2] * outside)
    of_balance = live @ lam
    hessian = flow.hessian(of_balance[:n], of_balance[n:], at_u, 2 * of_cost * TIES)
    functions = {
        "jac_g": ca.Function("jac_g", [x, given], [balance, jacobian], ["x", "p"], ["g", "jac_g_x"]),
        "hess_lag": ca.Function(
            "hess_lag", [x, given, of_cost, lam], [hessian], ["x", "p", "lam_f", "lam_g"], ["triu_hess_gamma_x_x"]
        ),
    }
    return {"x": x, "f": cost, "g": balance, "p": given}, functions


class _Flow:
    """Power over branches in terms of the symbols.

    D takes angles to branches; A and T take logarithms of voltages and of ratios to those of V_f V_t over the ratio,
    C and -1 to those of the voltages behind changers, where their own admittance on the from side acts.
    """

    def __init__(self, net: Network, s: _Symbols) -> None:
        grid, adm, br = net.grid, admittance(net.grid), net.grid.branches
        on, moving = np.flatnonzero(br.in_service), grid.changers
        self._s, self._n = s, grid.n_bus
        own: Any = np.asarray(adm.ybus.diagonal()).copy()
        np.subtract.at(own, br.f[moving], adm.yff[moving])
        self._g, self._b = ca.DM(own.real), ca.DM(own.imag)
        self._w = ca.exp(2 * s.u)
        self._C = _constant(_rows(br.f[moving], self._n))
        self._T = _constant(-_rows(np.searchsorted(on, moving), len(on)).T)
        behind = ca.exp(2 * (self._C @ s.u - s.tap))
        self._pc, self._qc = adm.yff[moving].real * behind, -adm.yff[moving].imag * behind
        f, t = _rows(br.f[on], self._n), _rows(br.t[on], self._n)
        self._at_f, self._at_t, self._D, self._A = (_constant(m) for m in (f, t, f - t, f + t))
        delta = self._D @ s.theta
        both = ca.exp(self._A @ s.u + self._T @ s.tap)
        c, d = both * ca.cos(delta), both * ca.sin(delta)
        yft, ytf = adm.yft[on], adm.ytf[on]
        self._pf, self._qf = yft.real * c + yft.imag * d, yft.real * d - yft.imag * c
        self._pt, self._qt = ytf.real * c - ytf.imag * d, -ytf.real * d - ytf.imag * c

    def balance(self) -> Any:
        """(2 bus,) p.u. of active, then reactive power that leaves a bus beyond what is injected."""
        s = self._s
        p = self._at_f.T @ self._pf + self._at_t.T @ self._pt + self._g * self._w + self._C.T @ self._pc
        q = self._at_f.T @ self._qf + self._at_t.T @ self._qt - self._b * self._w + self._C.T @ self._qc
        return ca.vertcat(p - s.p_fix - s.share * s.gap, q - s.q_fix - s.q - s.bank * self._w)

    def jacobian(self) -> Any:
        """(2 bus, unknown) of the balance."""
        n, s = self._n, self._s

        def at(f: Any, t: Any, to: Any) -> Any:
            return self._at_f.T @ (ca.diag(f) @ to) + self._at_t.T @ (ca.diag(t) @ to)

        c_p, c_q = self._C.T @ ca.diag(2 * self._pc), self._C.T @ ca.diag(2 * self._qc)
        of_p = [
            at(-self._qf, self._qt, self._D),
            at(self._pf, self._pt, self._A) + ca.diag(2 * self._g * self._w) + c_p @ self._C,
            ca.SX(n, n),
            -s.share,
            ca.SX(n, n),
            at(self._pf, self._pt, self._T) - c_p,
        ]
        of_q = [
            at(self._pf, -self._pt, self._D),
            at(self._qf, self._qt, self._A) - ca.diag(2 * (self._b + s.bank) * self._w) + c_q @ self._C,
            -ca.SX.eye(n),
            ca.SX(n, 1),
            -ca.diag(self._w),
            at(self._qf, self._qt, self._T) - c_q,
        ]
        return ca.vertcat(ca.horzcat(*of_p), ca.horzcat(*of_q))

    def hessian(self, lp: Any, lq: Any, at_u: Any, at_ties: Any) -> Any:
        """(unknown, unknown) upper triangle of the multipliers times the balance, and the cost's diagonal."""
        n, m = self._n, self._s.tap.numel()
        lpf, lqf, lpt, lqt = (m @ x for m in (self._at_f, self._at_t) for x in (lp, lq))
        even = lpf * self._pf + lqf * self._qf + lpt * self._pt + lqt * self._qt
        odd = -lpf * self._qf + lqf * self._pf + lpt * self._qt - lqt * self._pt
        own = 4 * self._w * (lp * self._g - lq * (self._b + self._s.bank)) + at_u
        behind = ca.diag(4 * ((self._C @ lp) * self._pc + (self._C @ lq) * self._qc))
        theta2 = ca.triu(self._D.T @ (ca.diag(-even) @ self._D))
        theta_u, theta_tap = (self._D.T @ (ca.diag(odd) @ to) for to in (self._A, self._T))
        u2 = ca.triu(self._A.T @ (ca.diag(even) @ self._A) + ca.diag(own) + self._C.T @ behind @ self._C)
        u_tap = self._A.T @ (ca.diag(even) @ self._T) - self._C.T @ behind
        tap2 = ca.triu(self._T.T @ (ca.diag(even) @ self._T) + behind + ca.SX.eye(m) * at_ties)
        ties = ca.SX.eye(n) * at_ties
        u_bank = ca.diag(-2 * self._w * lq)
        sizes = (n, n, n, 1, n, m)
        blocks = [[ca.SX(a, b) for b in sizes] for a in sizes]
        blocks[0][0], blocks[0][1], blocks[0][5] = theta2, theta_u, theta_tap
        blocks[1][1], blocks[1][4], blocks[1][5] = u2, u_bank, u_tap
        blocks[2][2] = blocks[4][4] = ties
        blocks[5][5] = tap2
        return ca.blockcat(blocks)


def _dead(net: Network, unknowns: int) -> tuple[Any, Any]:
    """Which balances hold, as a diagonal, and (2 bus, unknown) what is zero in place of the others."""
    n, live = net.grid.n_bus, net.grid.live
    dead = np.flatnonzero(~live)
    at = np.concatenate([dead, n + dead])
    own = sp.csc_matrix((np.ones(len(at)), (at, at)), shape=(2 * n, unknowns))
    return _constant(sp.diags(np.tile(live, 2).astype(float))), _constant(own)


def _rows(at: Any, n: int) -> sp.csc_matrix:
    return sp.csc_matrix((np.ones(len(at)), (np.arange(len(at)), at)), shape=(len(at), n))


def _constant(matrix: Any) -> Any:
    m = sp.csc_matrix(matrix)
    m.sum_duplicates()
    m.sort_indices()
    rows, columns = m.shape
    data: Floats = m.data
    return ca.DM(ca.Sparsity(rows, columns, m.indptr.tolist(), m.indices.tolist()), data)
