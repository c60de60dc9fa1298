"""Reactive dispatch as a nonlinear program: least losses, solved by IPOPT through CasADi.

The program is built once per network; hours differ in parameters and bounds. Within a request each hour starts from
the one before, the first from DC angles, so results do not depend on who computes what.

Banks of shunts are switched in whole steps, and seldom: for each block of hours the program is solved with free
susceptances in its middle hour, they are rounded, and the block's hours are dispatched with them as they are. An hour
that has no solution so gets a switching of its own.
"""

from dataclasses import dataclass, replace
from typing import Any

import casadi as ca
import numpy as np
import scipy.sparse as sp

from slots.contracts.reactive_dispatch import ReactiveDispatch, ReactiveRequest
from slots.grid.admittance import admittance, shunted
from slots.grid.dc import susceptance
from slots.grid.model import Bools, Floats
from slots.grid.network import Network
from slots.grid.newton import dc_angles
from slots.grid.operating_point import OperatingPoint, settle

TOLERANCE = 1e-7
RELAXED_P_U = 0.10  # how far voltages may leave their limits when they cannot all be met
PENALTY = 1e3
MINIMUM_DEGREE = 0  # MUMPS' ordering that suits networks best
BLOCK_H = 12  # hours between switchings of banks
WARM_MU = 1e-3  # barrier from which an hour goes on after the one before; smaller ones stall where hours differ much
WARM_PUSH = 1e-2  # by which values and multipliers are kept from their bounds then


@dataclass(frozen=True)
class _Program:
    """The same program for a cold and for a warm start."""

    cold: Any
    warm: Any


@dataclass(frozen=True)
class _Start:
    """A solution and its multipliers, from which the next hour goes on."""

    x: Floats
    of_bounds: Any
    of_balance: Any


def interior_point(request: ReactiveRequest) -> ReactiveDispatch:
    """Dispatch every hour of the request."""
    net, grid = request.network, request.network.grid
    hours, n = len(request.p), grid.n_bus
    adm, day = admittance(grid), _Day(request)
    v, q, shunt = np.zeros((hours, n), complex), np.zeros((hours, n)), np.zeros((hours, n))
    p, loss = np.zeros_like(request.p), np.zeros(hours)
    feasible, residual = np.zeros(hours, bool), np.zeros(hours)
    for h in range(hours):
        if h % BLOCK_H == 0:
            day.switch(min(h + BLOCK_H // 2, hours - 1))
        point, ok = day.hour(h)
        settled, converged = settle(net, adm, point)
        point = settled if converged else point
        v[h], q[h], p[h], shunt[h] = point.v, point.q, point.p, point.shunt
        ybus = shunted(adm.ybus, point.shunt)
        loss[h] = ((point.v * np.conj(ybus @ point.v)).real.sum()) * grid.base_mva
        mag, live = np.abs(point.v), grid.live
        residual[h] = max(0.0, (grid.buses.vmin - mag)[live].max(), (mag - grid.buses.vmax)[live].max())
        feasible[h] = ok and converged and residual[h] < 1e-6 and _reactive_held(net, request.on[h], q[h])
    return ReactiveDispatch(v, q, p, loss, feasible, residual, shunt)


def _reactive_held(net: Network, on: Bools, q: Floats) -> bool:
    low, high = net.reactive_range(on)
    return bool((q >= low - 1e-3).all() and (q <= high + 1e-3).all())


class _Day:
    """A request under way: what the last hour left, and how the banks stand."""

    def __init__(self, request: ReactiveRequest) -> None:
        self._request, self._net = request, request.network
        self._program = program_of(self._net)
        self._down, self._up, self._step = self._net.shunt_range()
        self._switched = np.zeros(self._net.grid.n_bus)
        self._start: _Start | None = None
        self._guess: Floats | None = None

    def switch(self, hour: int) -> None:
        """Set the banks as the hour wants them, in whole steps."""
        if not self._step.any():
            return
        found = self._solve(hour, self._down, self._up, self._start)
        if found is not None:
            n = self._net.grid.n_bus
            self._switched = self._whole(found.x[3 * n + 1 :])
            # Whole banks are far from the multipliers of free ones: the next hour begins at the point, but cold.
            self._start, self._guess = None, found.x

    def _whole(self, wanted: Floats) -> Floats:
        step = np.where(self._step > 0, self._step, 1.0)
        return np.asarray(np.clip(np.round(wanted / step) * step, self._down, self._up))

    def hour(self, h: int) -> tuple[OperatingPoint, bool]:
        """The hour's point and whether voltages keep their limits."""
        found = self._solve(h, self._switched, self._switched, self._start)
        if found is None and self._step.any():
            before = self._switched
            self.switch(h)
            found = self._solve(h, self._switched, self._switched, self._start)
            self._switched = before if found is None else self._switched
        if found is not None:
            self._start = found
            return self._point(h, found.x), True
        self._start = None
        soft = self._solve(h, self._switched, self._switched, None, soft=True)
        return self._point(h, None if soft is None else soft.x), False

    def _first_point(self, h: int) -> OperatingPoint:
        r, n = self._request, self._net.grid.n_bus
        return OperatingPoint(
            r.p[h], r.on[h], r.low[h], r.high[h], r.fixed[h], np.zeros(n), np.ones(n, complex),
            self._net.voltage_controlled(r.on[h]), np.zeros(n), self._switched,
        )  # fmt: skip

    def _solve(self, h: int, least: Floats, most: Floats, start: _Start | None, soft: bool = False) -> _Start | None:
        """The hour's program with banks between two susceptances; None without a solution."""
        net, grid, r = self._net, self._net.grid, self._request
        base, n, point = grid.base_mva, grid.n_bus, self._first_point(h)
        shares = point.shares()
        with np.errstate(divide="ignore", invalid="ignore"):
            down = np.where(shares > 0, (point.p - point.low) / shares, np.inf).min() / base
            up = np.where(shares > 0, (point.high - point.p) / shares, np.inf).min() / base
        low, high = (x / base for x in net.reactive_range(r.on[h]))
        given = r.fixed[h].real + net.unit_map @ point.p / base
        at_bus = net.unit_map @ shares
        parameters = np.concatenate([given, r.fixed[h].imag, at_bus, [PENALTY if soft else 0.0]])
        angle, margin = np.full(n, np.pi), RELAXED_P_U if soft else 0.0
        angle[grid.slack] = 0.0
        lb = np.concatenate([-angle, grid.buses.vmin - margin, low, [-max(down, 0.0)], least])
        ub = np.concatenate([angle, grid.buses.vmax + margin, high, [max(up, 0.0)], most])
        if start is not None:
            found = _run(self._program.warm, parameters, lb, ub, start.x, start)
            if found is not None:
                return found
        if self._guess is None or soft:
            bbus, _, _ = susceptance(grid)
            flat = dc_angles(bbus, given - given.sum() * at_bus, grid.slack)
            x0 = np.concatenate([flat, np.ones(n), np.clip(0.0, low, high), [0.0], np.clip(0.0, least, most)])
        else:
            x0 = self._guess
        return _run(self._program.cold, parameters, lb, ub, x0)

    def _point(self, h: int, x: Floats | None) -> OperatingPoint:
        """The hour's point at a solution; as scheduled where there is none."""
        point, n = self._first_point(h), self._net.grid.n_bus
        if x is None:
            return point
        base = self._net.grid.base_mva
        v = x[n : 2 * n] * np.exp(1j * x[:n])
        return replace(point, v=v, q=x[2 * n : 3 * n] * base, p=point.p + point.shares() * x[3 * n] * base)


def _run(
    solver: Any, parameters: Floats, lb: Floats, ub: Floats, x0: Floats, start: _Start | None = None
) -> _Start | None:
    more = {} if start is None else {"lam_x0": start.of_bounds, "lam_g0": start.of_balance}
    out = solver(x0=np.clip(x0, lb, ub), p=parameters, lbx=lb, ubx=ub, lbg=0, ubg=0, **more)
    if not solver.stats()["success"]:
        return None
    return _Start(np.asarray(out["x"]).ravel(), out["lam_x"], out["lam_g"])


_programs: dict[int, tuple[Network, _Program]] = {}


def program_of(net: Network) -> _Program:
    """The program of a network, built once per process."""
    held = _programs.get(id(net))
    if held is None or held[0] is not net:
        _programs.clear()
        _programs[id(net)] = (net, _build(net))
    return _programs[id(net)][1]


def _build(net: Network) -> _Program:
    grid, n = net.grid, net.grid.n_bus
    theta, v, q, gap, bank = (ca.SX.sym(k, m) for k, m in (("theta", n), ("v", n), ("q", n), ("gap", 1), ("bank", n)))
    p_fix, q_fix, share, soft = (ca.SX.sym(k, m) for k, m in (("p_fix", n), ("q_fix", n), ("share", n), ("soft", 1)))
    p_calc, q_calc = _injections(net, theta, v)
    balance = ca.vertcat(p_calc - p_fix - share * gap, q_calc - q_fix - q - bank * v**2)
    lo, hi = ca.DM(grid.buses.vmin), ca.DM(grid.buses.vmax)
    over = ca.sumsqr(ca.fmax(v - hi, 0)) + ca.sumsqr(ca.fmax(lo - v, 0))
    # Least losses; the small terms make the sharing of reactive power unique.
    cost = 100 * gap + 1e-3 * ca.sumsqr(v - 1.0) + 1e-4 * ca.sumsqr(q) + 1e-4 * ca.sumsqr(bank) + soft * over
    problem = {
        "x": ca.vertcat(theta, v, q, gap, bank), "f": cost, "g": balance, "p": ca.vertcat(p_fix, q_fix, share, soft),
    }  # fmt: skip
    ipopt: Any = {
        "print_level": 0,
        "sb": "yes",
        "tol": TOLERANCE,
        "max_iter": 200,
        "linear_solver": "mumps",
        "mumps_pivot_order": MINIMUM_DEGREE,
    }
    cold = ca.nlpsol("rpd", "ipopt", problem, {"print_time": 0, "ipopt": ipopt})
    going_on: Any = {
        "warm_start_init_point": "yes", "mu_init": WARM_MU, "warm_start_bound_push": WARM_PUSH, "max_iter": 60,
        "warm_start_mult_bound_push": WARM_PUSH, "warm_start_slack_bound_push": WARM_PUSH,
    }  # fmt: skip
    derived: Any = {"hess_lag": cold.get_function("nlp_hess_l"), "jac_g": cold.get_function("nlp_jac_g")}
    warm = ca.nlpsol("rpd_warm", "ipopt", problem, {"print_time": 0, "ipopt": {**ipopt, **going_on}, **derived})
    return _Program(cold, warm)


def _injections(net: Network, theta: Any, v: Any) -> tuple[Any, Any]:
    """Symbolic (bus,) active and reactive injections of the network."""
    grid = net.grid
    adm, br, n = admittance(grid), grid.branches, grid.n_bus
    on = np.flatnonzero(br.in_service)
    f, t = br.f[on], br.t[on]
    delta = theta[f.tolist()] - theta[t.tolist()]
    c, s = ca.cos(delta), ca.sin(delta)
    vf, vt = v[f.tolist()], v[t.tolist()]
    vv = vf * vt
    yff, yft, ytf, ytt = (y[on] for y in (adm.yff, adm.yft, adm.ytf, adm.ytt))
    pf = yff.real * vf**2 + vv * (yft.real * c + yft.imag * s)
    qf = -yff.imag * vf**2 + vv * (yft.real * s - yft.imag * c)
    pt = ytt.real * vt**2 + vv * (ytf.real * c - ytf.imag * s)
    qt = -ytt.imag * vt**2 + vv * (-ytf.real * s - ytf.imag * c)
    at_f, at_t = _incidence(f, n), _incidence(t, n)
    gs, bs = grid.buses.gs / grid.base_mva, grid.buses.bs / grid.base_mva
    return at_f @ pf + at_t @ pt + gs * v**2, at_f @ qf + at_t @ qt - bs * v**2


def _incidence(at: Any, n: int) -> Any:
    m = sp.csc_matrix((np.ones(len(at)), (at, np.arange(len(at)))), shape=(n, len(at)))
    m.sort_indices()
    return ca.DM(ca.Sparsity(n, len(at), m.indptr.tolist(), m.indices.tolist()), m.data)
