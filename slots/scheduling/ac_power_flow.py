"""AC optimal power flow of a MATPOWER case: polar voltages, IPOPT through CasADi.

min sum of unit costs, s.t. the AC balance at every bus, apparent power at both ends of rated branches, voltage,
angle-difference and unit limits (Zimmerman and others, MATPOWER manual, section 6.1).
"""

from dataclasses import dataclass
from typing import Any

import casadi as ca
import numpy as np
import scipy.sparse as sp

from bos_core.objects.errors import InfeasibleError
from slots.grid.admittance import admittance
from slots.grid.model import Complexes, Floats, Ints
from slots.scheduling.cases import Live, incidence, network, units
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import Case


@dataclass(frozen=True)
class AcOptimum:
    """An AC optimum: USD/h; MW, MVAr per live unit; p.u. and rad per live bus; bus prices (USD/MWh)."""

    cost: float
    p: Floats
    q: Floats
    vm: Floats
    va: Floats
    price: Floats


def ac_optimal_power_flow(case: Case) -> AcOptimum:
    """Solve a case.

    Raises:
        InfeasibleError: IPOPT finds no solution.
        GridError: the case cannot be used.
    """
    live = Live.of(case)
    base, n, bus = case.base_mva, len(live.buses), case.bus[live.buses]
    gen, dc, costs = case.gen[live.units], network(live), units(live)
    adm = admittance(grid_from_case(case))
    ybus = adm.ybus[live.buses][:, live.buses]
    yf, yt = (
        _ends(live, getattr(adm, own)[live.branches], getattr(adm, other)[live.branches], flip)
        for own, other, flip in (("yff", "yft", False), ("ytt", "ytf", True))
    )
    vm, va = ca.MX.sym("vm", n), ca.MX.sym("va", n)
    p, q = ca.MX.sym("p", len(gen)), ca.MX.sym("q", len(gen))
    y = ca.MX.sym("y", len(gen))
    at = _matrix(incidence(n, live.at))
    pi, qi = _power(ybus, np.arange(n), vm, va)
    rows, low, high = (
        [at @ p - bus[:, 2] / base - pi, at @ q - bus[:, 3] / base - qi],
        [np.zeros(2 * n)],
        [np.zeros(2 * n)],
    )
    rated = np.flatnonzero(dc["rated"])
    for table, ends in ((yf, live.f), (yt, live.t)):
        pf, qf = _power(table[rated], ends[rated], vm, va)
        rows.append(pf**2 + qf**2)
        low.append(np.full(len(rated), -np.inf))
        high.append((dc["rate"][rated] / base) ** 2)
    held = np.flatnonzero(dc["stretched"])
    rows.append(va[live.f[held].tolist()] - va[live.t[held].tolist()])
    low.append(dc["angle_low"][held])
    high.append(dc["angle_high"][held])
    unit, line = np.nonzero(costs["lined"])
    rows.append(y[unit.tolist()] - costs["line_slope"][unit, line] * base * p[unit.tolist()])
    low.append(costs["line_start"][unit, line])
    high.append(np.full(len(unit), np.inf))
    cost = (
        ca.sum1(ca.DM(costs["c2"] * base**2) * p**2 + ca.DM(costs["c1"] * base) * p)
        + float(costs["c0"].sum())
        + ca.sum1(y)
    )
    slack = bus[:, 1] == 3
    x_low = np.concatenate(
        [
            bus[:, 12],
            np.where(slack, np.deg2rad(bus[:, 8]), -np.inf),
            gen[:, 9] / base,
            gen[:, 4] / base,
            costs["lowest"],
        ]
    )
    x_high = np.concatenate(
        [
            bus[:, 11],
            np.where(slack, np.deg2rad(bus[:, 8]), np.inf),
            gen[:, 8] / base,
            gen[:, 3] / base,
            costs["highest"],
        ]
    )
    middle = np.where(
        np.isfinite(x_low) & np.isfinite(x_high), np.nan_to_num(x_low) / 2 + np.nan_to_num(x_high) / 2, 0.0
    )
    problem = {"x": ca.vertcat(vm, va, p, q, y), "f": cost, "g": ca.vertcat(*rows)}
    quiet: dict[str, Any] = {
        "print_time": False,
        "error_on_fail": False,
        "ipopt.print_level": 0,
        "ipopt.sb": "yes",
        "ipopt.tol": 1e-8,
        "ipopt.bound_relax_factor": 0,
    }
    solver = ca.nlpsol("acopf", "ipopt", problem, quiet)
    found = solver(x0=middle, lbx=x_low, ubx=x_high, lbg=np.concatenate(low), ubg=np.concatenate(high))
    if not solver.stats()["success"]:
        raise InfeasibleError(
            f"AC optimal power flow of {case.name} has no solution ({solver.stats()['return_status']})",
            "check limits and loads",
        )
    x = np.asarray(found["x"]).ravel()
    parts = np.split(x, np.cumsum([n, n, len(gen), len(gen)]))
    price = np.asarray(found["lam_g"]).ravel()[:n] / -base
    return AcOptimum(float(found["f"]), parts[2] * base, parts[3] * base, parts[0], parts[1], price)


def _ends(live: Live, own: Complexes, other: Complexes, flip: bool) -> sp.csr_matrix:
    """(branch, bus) admittances of the current into branches at one end."""
    near, far = (live.t, live.f) if flip else (live.f, live.t)
    m = np.arange(len(live.branches))
    entries = (np.concatenate([own, other]), (np.concatenate([m, m]), np.concatenate([near, far])))
    return sp.csr_matrix(entries, shape=(len(m), len(live.buses)))


def _matrix(table: sp.spmatrix) -> ca.DM:
    table = sp.csc_matrix(table)
    rows, columns = table.shape
    pattern = ca.Sparsity(int(rows), int(columns), table.indptr.tolist(), table.indices.tolist())
    return ca.DM(pattern, table.data.tolist())


def _power(table: sp.spmatrix, ends: Ints, vm: ca.MX, va: ca.MX) -> tuple[ca.MX, ca.MX]:
    """Active and reactive power that flows from `ends` into the admittance rows of `table` (p.u.)."""
    t = sp.coo_matrix(table)
    own, far = np.asarray(ends)[t.row].tolist(), t.col.tolist()
    angle = va[own] - va[far]
    size = vm[own] * vm[far]
    g, b = ca.DM(t.data.real.tolist()), ca.DM(t.data.imag.tolist())
    gather = _matrix(
        sp.csr_matrix((np.ones(len(t.row)), (t.row, np.arange(len(t.row)))), shape=(table.shape[0], len(t.row)))
    )
    p = gather @ (size * (g * ca.cos(angle) + b * ca.sin(angle)))
    q = gather @ (size * (g * ca.sin(angle) - b * ca.cos(angle)))
    return p, q
