"""AC optimal power flow of a MATPOWER case: polar voltages, IPOPT through CasADi.

min sum of unit costs, s.t. the AC balance at every bus, apparent power at both ends of rated branches, voltage,
angle-difference and unit limits, DC lines between their limits (Zimmerman and others, MATPOWER manual, sections 6.1
and 7.6). Costs are what the case states: polynomials of any degree, convex piecewise lines.
"""

from dataclasses import dataclass
from typing import Any

import casadi as ca
import numpy as np
import scipy.sparse as sp

from bos_core.objects.errors import InfeasibleError, SolverError
from slots.grid.model import Complexes, Floats, Ints
from slots.scheduling.cases import Live, incidence, limits, links, polynomials, units
from slots.sources.matpower import Case

QUIET: dict[str, Any] = {
    "print_time": False, "error_on_fail": False, "ipopt.print_level": 0, "ipopt.sb": "yes", "ipopt.tol": 1e-8,
    "ipopt.bound_relax_factor": 0.0, "ipopt.max_iter": 1000,
}  # fmt: skip
# One after the other until one ends well: as it is, with another rule for the barrier, with everything scaled down.
WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"ipopt.mu_strategy": "adaptive"},
    {"ipopt.nlp_scaling_max_gradient": 1.0, "ipopt.mu_init": 1e-2, "ipopt.max_iter": 3000},
)


@dataclass(frozen=True)
class AcOptimum:
    """An AC optimum: USD/h; MW, MVAr per live unit; p.u. and rad per live bus; bus prices (USD/MWh); MW into DC lines."""

    cost: float
    p: Floats
    q: Floats
    vm: Floats
    va: Floats
    price: Floats
    link: Floats


def ac_optimal_power_flow(case: Case) -> AcOptimum:
    """Solve a case.

    Raises:
        InfeasibleError: its units cannot give what its loads take.
        SolverError: IPOPT finds no optimum; that is no proof that there is none.
        GridError: the case cannot be used.
    """
    live = Live.of(case)
    _enough(live)
    return _Program(live).solve()


def _enough(live: Live) -> None:
    """Raise InfeasibleError where load and shunts take more than units can give, losses aside; true if nothing gives besides."""
    bus, branch = live.case.bus[live.buses], live.case.branch[live.branches]
    if (branch[:, 2] < 0).any() or (bus[:, 4] < 0).any():
        return
    asked = float((bus[:, 2] + bus[:, 4] * bus[:, 12] ** 2).sum())
    most = float(live.case.gen[live.units, 8].sum())
    if most < asked:
        raise InfeasibleError(
            f"grid {live.case.name} cannot be supplied: loads take {asked:.1f} MW, units give {most:.1f} MW at most",
            "add units or take load off",
        )


class _Program:
    """The nonlinear program of a case; everything in p.u. but costs."""

    def __init__(self, live: Live) -> None:
        self._live, self._case = live, live.case
        self._base, n, g = live.case.base_mva, len(live.buses), len(live.units)
        self._link = links(live)
        self._sizes = [n, n, g, g, g, *3 * [len(self._link.f)]]
        symbols = [
            ca.MX.sym(k, m) for k, m in zip(["vm", "va", "p", "q", "y", "d", "df", "dt"], self._sizes, strict=True)
        ]
        self._vm, self._va, self._p, self._q, self._y, *self._d = symbols
        self._x = ca.vertcat(*symbols)
        self._rows: list[Any] = []
        self._low: list[Floats] = []
        self._high: list[Floats] = []
        self._balance()
        self._ratings()
        self._angles()
        self._cost = self._costs()

    def solve(self) -> AcOptimum:
        """The optimum.

        Raises:
            SolverError: none is found.
        """
        low, high = self._bounds()
        moving, rows = (
            int((high > low).sum()),
            int(sum((a == b).sum() for a, b in zip(self._low, self._high, strict=True))),
        )
        if moving < rows:
            raise SolverError(
                f"the AC optimum of grid {self._case.name} is not sought: {rows} equations must hold, and {moving} unknowns"
                " can move", "give units or voltages some room",
            )  # fmt: skip
        both = np.isfinite(low) & np.isfinite(high)
        middle = np.where(both, np.nan_to_num(low) / 2 + np.nan_to_num(high) / 2, 0.0)
        problem = {"x": self._x, "f": self._cost, "g": ca.vertcat(*self._rows)}
        told: list[str] = []
        for way in WAYS:
            solver = ca.nlpsol("acopf", "ipopt", problem, QUIET | way)
            found = solver(
                x0=np.clip(middle, low, high), lbx=low, ubx=high, lbg=np.concatenate(self._low),
                ubg=np.concatenate(self._high),
            )  # fmt: skip
            if solver.stats()["success"]:
                return self._optimum(found)
            told.append(str(solver.stats()["return_status"]).replace("_", " "))
        raise SolverError(
            f"no AC optimum of grid {self._case.name} was found, and no proof that there is none (IPOPT:"
            f" {', '.join(dict.fromkeys(told))})",
            "check limits and loads; try less load",
        )

    def _optimum(self, found: Any) -> AcOptimum:
        vm, va, p, q, _, d, *_ = np.split(np.asarray(found["x"]).ravel(), np.cumsum(self._sizes)[:-1])
        price = np.asarray(found["lam_g"]).ravel()[: len(vm)] / -self._base
        return AcOptimum(float(found["f"]), p * self._base, q * self._base, vm, va, price, d * self._base)

    def _demand(self, rows: Any, low: Floats, high: Floats) -> None:
        self._rows.append(rows)
        self._low.append(low)
        self._high.append(high)

    def _balance(self) -> None:
        """What units and DC lines inject leaves over branches, shunts and loads."""
        live, n, k = self._live, len(self._live.buses), self._link
        bus, at = self._case.bus[live.buses], _matrix(incidence(len(live.buses), live.at))
        begins, ends = (_matrix(incidence(n, place)) for place in (k.f, k.t))
        d, df, dt = self._d
        arrives = k.arriving * d - k.constant / self._base
        pi, qi = _power(self._bus_matrix(), np.arange(n), self._vm, self._va)
        none = np.zeros(n)
        self._demand(at @ self._p - begins @ d + ends @ arrives - bus[:, 2] / self._base - pi, none, none)
        self._demand(at @ self._q + begins @ df + ends @ dt - bus[:, 3] / self._base - qi, none, none)

    def _bus_matrix(self) -> sp.csr_matrix:
        live = self._live
        bus, n = self._case.bus[live.buses], len(live.buses)
        yff, yft, ytf, ytt = self._two_ports()
        rows = np.concatenate([live.f, live.f, live.t, live.t, np.arange(n)])
        columns = np.concatenate([live.f, live.t, live.f, live.t, np.arange(n)])
        data = np.concatenate([yff, yft, ytf, ytt, (bus[:, 4] + 1j * bus[:, 5]) / self._base])
        out = sp.csr_matrix((data, (rows, columns)), shape=(n, n))
        out.sum_duplicates()
        return out

    def _two_ports(self) -> tuple[Complexes, ...]:
        """(branch,) entries of the pi model behind an ideal transformer (MATPOWER manual, section 3.2)."""
        br = self._case.branch[self._live.branches]
        series, half = 1 / (br[:, 2] + 1j * br[:, 3]), 0.5j * br[:, 4]
        tap = np.where(br[:, 8] == 0, 1.0, br[:, 8]) * np.exp(1j * np.deg2rad(br[:, 9]))
        return (series + half) / np.abs(tap) ** 2, -series / tap.conj(), -series / tap, series + half

    def _ratings(self) -> None:
        """Apparent power at both ends of every rated branch."""
        live, held = self._live, limits(self._live)
        rated = np.flatnonzero(held["rated"])
        yff, yft, ytf, ytt = self._two_ports()
        for own, other, near, far in ((yff, yft, live.f, live.t), (ytt, ytf, live.t, live.f)):
            p, q = _power(_ends(live, own, other, near, far)[rated], near[rated], self._vm, self._va)
            most = (held["rate"][rated] / self._base) ** 2
            self._demand(p**2 + q**2, np.full(len(rated), -np.inf), most)

    def _angles(self) -> None:
        live, held = self._live, limits(self._live)
        at = np.flatnonzero(held["stretched"])
        across = _at(self._va, live.f[at]) - _at(self._va, live.t[at])
        self._demand(across, held["angle_low"][at], held["angle_high"][at])

    def _costs(self) -> Any:
        """USD/h: a polynomial of each unit's MW, and the most of its lines."""
        lines, mw = units(self._live, polynomial=False), self._base * self._p
        unit, line = np.nonzero(lines["lined"])
        over = _at(self._y, unit) - ca.DM(lines["line_slope"][unit, line]) * _at(mw, unit)
        self._demand(over, lines["line_start"][unit, line], np.full(len(unit), np.inf))
        total = ca.MX(0)
        for of_power in polynomials(self._live).T[::-1]:  # Horner's rule
            total = total * mw + ca.DM(of_power)
        return ca.sum1(total) + ca.sum1(self._y)

    def _bounds(self) -> tuple[Floats, Floats]:
        case, live, base, k = self._case, self._live, self._base, self._link
        bus, gen, lines = case.bus[live.buses], case.gen[live.units], units(live, polynomial=False)
        angle = np.where(bus[:, 1] == 3, np.deg2rad(bus[:, 8]), np.inf)
        free = np.where(bus[:, 1] == 3, angle, -np.inf)
        low = [bus[:, 12], free, gen[:, 9] / base, gen[:, 4] / base, lines["lowest"]]
        high = [bus[:, 11], angle, gen[:, 8] / base, gen[:, 3] / base, lines["highest"]]
        low += [k.least / base, k.qf_low / base, k.qt_low / base]
        high += [k.most / base, k.qf_high / base, k.qt_high / base]
        return np.concatenate(low), np.concatenate(high)


def _ends(live: Live, own: Complexes, other: Complexes, near: Ints, far: Ints) -> sp.csr_matrix:
    """(branch, bus) admittances of the current into branches at one end."""
    m = np.arange(len(live.branches))
    entries = (np.concatenate([own, other]), (np.concatenate([m, m]), np.concatenate([near, far])))
    return sp.csr_matrix(entries, shape=(len(m), len(live.buses)))


def _matrix(table: sp.spmatrix) -> ca.DM:
    table = sp.csc_matrix(table)
    rows, columns = table.shape
    pattern = ca.Sparsity(int(rows), int(columns), table.indptr.tolist(), table.indices.tolist())
    return ca.DM(pattern, table.data.tolist())


def _at(x: ca.MX, places: Ints) -> ca.MX:
    """The entries of a column at places; CasADi takes those of a single entry for a row."""
    return x[places.tolist()] if x.numel() > 1 else ca.repmat(x, len(places), 1)


def _power(table: sp.spmatrix, ends: Ints, vm: ca.MX, va: ca.MX) -> tuple[ca.MX, ca.MX]:
    """Active and reactive power that flows from `ends` into the admittance rows of `table` (p.u.)."""
    t = sp.coo_matrix(table)
    own, far = ends[t.row], t.col
    angle = _at(va, own) - _at(va, far)
    size = _at(vm, own) * _at(vm, far)
    g, b = ca.DM(t.data.real.tolist()), ca.DM(t.data.imag.tolist())
    gather = _matrix(
        sp.csr_matrix((np.ones(len(t.row)), (t.row, np.arange(len(t.row)))), shape=(table.shape[0], len(t.row)))
    )
    p = gather @ (size * (g * ca.cos(angle) + b * ca.sin(angle)))
    q = gather @ (size * (g * ca.sin(angle) - b * ca.cos(angle)))
    return p, q
