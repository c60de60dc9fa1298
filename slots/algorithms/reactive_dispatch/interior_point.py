"""Reactive dispatch as a nonlinear program: least losses, solved by IPOPT through CasADi.

The program is built once per network; hours differ in parameters and bounds. Within a request each hour
starts from the one before, the first from a flat profile, so results do not depend on who computes what.
"""

from dataclasses import dataclass
from typing import Any

import casadi as ca
import numpy as np
import scipy.sparse as sp

from slots.contracts.reactive_dispatch import ReactiveDispatch, ReactiveRequest
from slots.grid.admittance import admittance
from slots.grid.model import Bools, Floats
from slots.grid.network import Network
from slots.grid.operating_point import OperatingPoint, settle

TOLERANCE = 1e-8
RELAXED_P_U = 0.10  # how far voltages may leave their limits when they cannot all be met
PENALTY = 1e3


@dataclass(frozen=True)
class _Program:
    solve: Any
    relaxed: Any
    n: int


def interior_point(request: ReactiveRequest) -> ReactiveDispatch:
    """Dispatch every hour of the request."""
    net, grid = request.network, request.network.grid
    program, adm = program_of(net), admittance(grid)
    hours, n = len(request.p), grid.n_bus
    v, q = np.zeros((hours, n), complex), np.zeros((hours, n))
    p, loss = np.zeros_like(request.p), np.zeros(hours)
    feasible, residual = np.zeros(hours, bool), np.zeros(hours)
    start: Floats | None = None
    for h in range(hours):
        point, ok, start = _hour(net, program, request, h, start)
        settled, converged = settle(net, adm, point)
        point = settled if converged else point
        v[h], q[h], p[h] = point.v, point.q, point.p
        loss[h] = ((point.v * np.conj(adm.ybus @ point.v)).real.sum()) * grid.base_mva
        mag = np.abs(point.v)
        residual[h] = max(0.0, (grid.buses.vmin - mag).max(), (mag - grid.buses.vmax).max())
        feasible[h] = ok and converged and residual[h] < 1e-6 and _reactive_held(net, request.on[h], q[h])
    return ReactiveDispatch(v, q, p, loss, feasible, residual)


def _reactive_held(net: Network, on: Bools, q: Floats) -> bool:
    low, high = net.reactive_range(on)
    return bool((q >= low - 1e-3).all() and (q <= high + 1e-3).all())


def _hour(
    net: Network, program: _Program, r: ReactiveRequest, h: int, start: Floats | None
) -> tuple[OperatingPoint, bool, Floats | None]:
    grid, n = net.grid, net.grid.n_bus
    base = grid.base_mva
    point = OperatingPoint(
        r.p[h], r.on[h], r.low[h], r.high[h], r.fixed[h], np.zeros(n), np.ones(n, complex),
        net.voltage_controlled(r.on[h]), np.zeros(n),
    )  # fmt: skip
    shares = point.shares()
    with np.errstate(divide="ignore", invalid="ignore"):
        down = np.where(shares > 0, (point.p - point.low) / shares, np.inf).min() / base
        up = np.where(shares > 0, (point.high - point.p) / shares, np.inf).min() / base
    low, high = (x / base for x in net.reactive_range(r.on[h]))
    parameters = np.concatenate(
        [r.fixed[h].real + net.unit_map @ point.p / base, r.fixed[h].imag, net.unit_map @ shares]
    )
    angle = np.full(n, np.pi)
    angle[grid.slack] = 0.0
    for solver, margin in ((program.solve, 0.0), (program.relaxed, RELAXED_P_U)):
        lb = np.concatenate([-angle, grid.buses.vmin - margin, low, [-max(down, 0.0)]])
        ub = np.concatenate([angle, grid.buses.vmax + margin, high, [max(up, 0.0)]])
        flat = np.concatenate([np.zeros(n), np.full(n, 1.0), np.clip(0.0, low, high), [0.0]])
        for x0 in (start, flat) if start is not None else (flat,):
            out = solver(x0=x0, p=parameters, lbx=lb, ubx=ub, lbg=0, ubg=0)
            if solver.stats()["success"]:
                x = np.asarray(out["x"]).ravel()
                return _point(point, x, n, base, shares), solver is program.solve, x
    return _point(point, np.asarray(out["x"]).ravel(), n, base, shares), False, None


def _point(point: OperatingPoint, x: Floats, n: int, base: float, shares: Floats) -> OperatingPoint:
    from dataclasses import replace

    v = x[n : 2 * n] * np.exp(1j * x[:n])
    return replace(point, v=v, q=x[2 * n : 3 * n] * base, p=point.p + shares * x[3 * n] * base)


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
    theta, v = ca.SX.sym("theta", n), ca.SX.sym("v", n)
    q, gap = ca.SX.sym("q", n), ca.SX.sym("gap")
    p_fix, q_fix, share = ca.SX.sym("p_fix", n), ca.SX.sym("q_fix", n), ca.SX.sym("share", n)
    p_calc, q_calc = _injections(net, theta, v)
    balance = ca.vertcat(p_calc - p_fix - share * gap, q_calc - q_fix - q)
    # Least losses; the small second term makes the sharing of reactive power unique.
    cost = 100 * gap + 1e-3 * ca.sumsqr(v - 1.0) + 1e-4 * ca.sumsqr(q)
    lo, hi = ca.DM(grid.buses.vmin), ca.DM(grid.buses.vmax)
    over = ca.sumsqr(ca.fmax(v - hi, 0)) + ca.sumsqr(ca.fmax(lo - v, 0))
    x, parameters = ca.vertcat(theta, v, q, gap), ca.vertcat(p_fix, q_fix, share)
    ipopt = {"print_level": 0, "sb": "yes", "tol": TOLERANCE, "max_iter": 200, "linear_solver": "mumps"}
    options: Any = {"print_time": 0, "ipopt": ipopt}
    plain = ca.nlpsol("rpd", "ipopt", {"x": x, "f": cost, "g": balance, "p": parameters}, options)
    soft = ca.nlpsol("rpd_soft", "ipopt", {"x": x, "f": cost + PENALTY * over, "g": balance, "p": parameters}, options)
    return _Program(plain, soft, n)


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
