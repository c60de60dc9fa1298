"""An AC security-constrained optimum by IPOPT: one hour, its intact grid and some outages, in plain polar equations.

It shares nothing with adjustment but the data and the rules of `slots.grid.outage`. Units' outputs and the voltages that
buses hold are the same in all cases; after an outage running thermal units share what is missing by capacity, and a bus
holds its voltage while its units' reactive range allows: beyond, it gives the limit, and its voltage sags or rises
(complementarity, relaxed to `SLIP`). Limits are elastic at a price per p.u., so that what cannot be met is told, by how much.
Outages that split the grid are not modelled.
"""

from dataclasses import dataclass
from typing import Any

import casadi as ca
import numpy as np

from slots.contracts.adjustment import AdjustmentRequest
from slots.contracts.n1 import POST_OUTAGE_VOLTAGE_MARGIN
from slots.grid.model import THERMAL, Complexes, Floats, Ints

SLIP = 1e-6  # p.u. squared of voltage times reactive power
ROUGH = 1e-3  # the first one, from which the search goes on
SHED_USD_MWH = 10_000.0
BEYOND_USD = 1e8  # per p.u. beyond a limit


@dataclass(frozen=True)
class Secured:
    """The optimum found.

    Attributes:
        p: (unit,) MW; shed: (bus,) MW; v: (case, bus) complex voltages, the intact grid first.
        cost: of the thermal units (USD/h); beyond: the most that any limit is exceeded (p.u.).
        found: whether the solver calls it a local optimum.
    """

    p: Floats
    shed: Floats
    v: Complexes
    cost: float
    beyond: float
    found: bool


def secured_optimum(
    request: AdjustmentRequest, outages: Ints, shed: bool = True, free: bool = False, only_mend: bool = False
) -> Secured:
    """The least cost at which the intact grid and some outages (positions of branches) keep their limits.

    `free`: units in service that are off may run too, each anywhere up to its capacity, ramps left aside. `only_mend`: the
    cost counts for nothing, what is beyond limits alone does.
    """
    return _Model(request, outages, shed, free, only_mend).solve()


class _Model:
    def __init__(self, request: AdjustmentRequest, outages: Ints, shed: bool, free: bool, only_mend: bool) -> None:
        self._r, self._net, self._grid = request, request.network, request.network.grid
        self._x: list[Any] = []
        self._x0: list[Floats] = []
        self._low: list[Floats] = []
        self._high: list[Floats] = []
        self._g: list[Any] = []
        self._g_low: list[Floats] = []
        self._g_high: list[Floats] = []
        self._slip = ca.SX.sym("slip")
        self._ends: list[tuple[Any, Any]] = []
        grid, units, point, base = self._grid, self._grid.units, request.point, self._grid.base_mva
        low, high, on = point.low, point.high, point.on
        if free:
            on = units.in_service
            low, high = (
                np.where(on & (units.kind == THERMAL), 0.0, low),
                np.where(on & (units.kind == THERMAL), units.pmax, high),
            )
        self._on = on
        self.p = self._new("p", point.p / base, low / base, high / base)
        most = np.maximum(request.demand, 0.0) * (1.0 if shed else 0.0)
        self.shed = self._new("shed", point.shed / base, 0 * most, most / base)
        share = np.divide(1.0, -point.fixed.real, out=np.zeros(grid.n_bus), where=point.fixed.real < -1e-9)
        unit_map = ca.DM(self._net.unit_map.toarray())
        self._active = unit_map @ self.p + point.fixed.real + self.shed
        self._reactive = point.fixed.imag * (1 - ca.DM(share) * self.shed)
        beyond = self._intact(outages)
        usd, total = 0.0, 0.0
        for g in np.flatnonzero((units.kind == THERMAL) & on).tolist():
            usd = usd + self._cost(g)
        if not only_mend:
            total = usd + SHED_USD_MWH * base * ca.sum1(self.shed)
        self._usd, self._beyond = usd, beyond
        self._objective = (total + BEYOND_USD * beyond) / 1e3 + 1e-6 * ca.sumsqr(self.p - point.p / base)

    def _new(self, name: str, start: Any, low: Any, high: Any) -> Any:
        x0, lo, hi = (np.atleast_1d(np.asarray(a, float)) for a in (start, low, high))
        x = ca.SX.sym(name, len(lo))
        self._x.append(x)
        self._x0.append(np.clip(x0, lo, hi))
        self._low.append(lo)
        self._high.append(hi)
        return x

    def _rows(self, g: Any, low: Any, high: Any) -> None:
        n = g.shape[0]
        self._g.append(g)
        self._g_low.append(np.broadcast_to(np.asarray(low, float), n))
        self._g_high.append(np.broadcast_to(np.asarray(high, float), n))

    def _cost(self, g: int) -> Any:
        """USD/h of a unit, above every piece of its curve."""
        units, base = self._grid.units, self._grid.base_mva
        mw, usd = units.cost_mw[g], units.cost_usd[g]
        real = np.diff(mw) > 1e-9
        if not real.any():
            return 0.0
        slope, at = np.diff(usd)[real] / np.diff(mw)[real], np.flatnonzero(real)
        cost = self._new("cost", np.interp(self._r.point.p[g], mw, usd) / 1e3, -np.inf, np.inf)
        for s, k in zip(slope, at, strict=True):
            self._rows(cost - (usd[k] + s * (self.p[g] * base - mw[k])) / 1e3, 0.0, np.inf)
        return 1e3 * cost

    def _intact(self, outages: Ints) -> Any:
        """All cases; returns how far they are beyond limits (p.u., summed)."""
        v0 = self._r.point.v
        held = self._r.point.controlled & self._grid.live
        angle, mag = self._state("0", v0)
        q = self._given("0", held)
        self._balance(angle, mag, self._active, q, None)
        low, high = (x / self._grid.base_mva for x in self._net.reactive_range(self._on))
        at = np.flatnonzero(held).tolist()
        beyond = self._soft(q[at], low[at], high[at]) + self._limits(angle, mag, None, 0.0)
        self._ends.append((angle, mag))
        droop = self._net.unit_map @ np.where(self._on & (self._grid.units.kind == THERMAL), self._grid.units.pmax, 0.0)
        droop = np.where(held, droop, 0.0)
        for k in outages.tolist():
            a, m = self._state(str(k), v0)
            given = self._given(str(k), held)
            gap = self._new("gap", 0.0, -np.inf, np.inf)
            self._balance(a, m, self._active + ca.DM(droop / droop.sum()) * gap, given, k)
            beyond = beyond + self._limits(a, m, k, POST_OUTAGE_VOLTAGE_MARGIN)
            for b in at:
                if b == self._grid.slack:
                    self._rows(m[b] - mag[b], 0.0, 0.0)
                    continue
                rise, sag = (self._new(w, 0.0, 0.0, 1.0) for w in ("rise", "sag"))
                self._rows(m[b] - mag[b] - rise + sag, 0.0, 0.0)
                self._rows(given[b], low[b], high[b])
                self._rows(rise * (given[b] - low[b]) - self._slip, -np.inf, 0.0)
                self._rows(sag * (high[b] - given[b]) - self._slip, -np.inf, 0.0)
            self._ends.append((a, m))
        return beyond

    def _state(self, name: str, v: Complexes) -> tuple[Any, Any]:
        live, slack = self._grid.live, self._grid.slack
        reach = np.where(live & (np.arange(len(v)) != slack), 6.3, 0.0)
        angle = self._new("a" + name, np.angle(v), np.angle(v) - reach, np.angle(v) + reach)
        low, high = np.where(live, 0.3, 1.0), np.where(live, 1.8, 1.0)
        return angle, self._new("m" + name, np.abs(v), low, high)

    def _given(self, name: str, held: Any) -> Any:
        """(bus,) p.u. of reactive power of the units, free where a voltage is held."""
        reach = np.where(held, np.inf, 0.0)
        q = self._r.point.q / self._grid.base_mva
        return self._new("q" + name, q, np.where(held, -reach, q), np.where(held, reach, q))

    def _flows(self, angle: Any, mag: Any, out: int | None) -> tuple[Any, ...]:
        """P and Q into each branch at both ends, by the pi model (MATPOWER manual, 3.2), in polar coordinates."""
        br, grid = self._grid.branches, self._grid
        on = br.in_service.astype(float)
        if out is not None:
            on[out] = 0.0
        tap = br.tap.copy()
        tap[grid.changers] += self._r.point.tap
        y = on / (br.r + 1j * br.x)
        back = on / (br.r + br.r_asym + 1j * (br.x + br.x_asym))
        own_f = (y + on * (br.g_f + 1j * (br.b_f + br.b / 2))) / tap**2
        own_t = back + on * (br.g_t + 1j * (br.b_t + br.b / 2))
        f, t = br.f.tolist(), br.t.tolist()
        vf, vt, d = mag[f], mag[t], angle[f] - angle[t] - ca.DM(br.shift)
        c, s = vf * vt * ca.cos(d) / tap, vf * vt * ca.sin(d) / tap
        return (
            own_f.real * vf**2 - y.real * c - y.imag * s, -own_f.imag * vf**2 + y.imag * c - y.real * s,
            own_t.real * vt**2 - back.real * c + back.imag * s, -own_t.imag * vt**2 + back.imag * c + back.real * s,
        )  # fmt: skip

    def _balance(self, angle: Any, mag: Any, active: Any, q: Any, out: int | None) -> None:
        grid, br, base = self._grid, self._grid.branches, self._grid.base_mva
        pf, qf, pt, qt = self._flows(angle, mag, out)
        n, m = grid.n_bus, len(br)
        at_f, at_t = (ca.DM(ca.Sparsity.triplet(n, m, e.tolist(), list(range(m))), 1.0) for e in (br.f, br.t))
        shunt = grid.buses.bs / base + self._r.point.shunt
        leaves_p = at_f @ pf + at_t @ pt + grid.buses.gs / base * mag**2
        leaves_q = at_f @ qf + at_t @ qt - shunt * mag**2
        live = np.flatnonzero(grid.live).tolist()
        self._rows((leaves_p - active)[live], 0.0, 0.0)
        self._rows((leaves_q - self._reactive - q)[live], 0.0, 0.0)

    def _limits(self, angle: Any, mag: Any, out: int | None, margin: float) -> Any:
        buses, br = self._grid.buses, self._grid.branches
        live = np.flatnonzero(self._grid.live).tolist()
        beyond = self._soft(mag[live], (buses.vmin - margin)[live], (buses.vmax + margin)[live])
        rate = (br.rate if out is None else br.rate_emergency) / self._grid.base_mva
        watched = np.flatnonzero(np.isfinite(rate) & br.in_service).tolist()
        if not watched:
            return beyond
        pf, qf, pt, qt = self._flows(angle, mag, out)
        over = self._new("over", np.zeros(len(watched)), 0.0 * rate[watched], np.full(len(watched), np.inf))
        for p, q in ((pf, qf), (pt, qt)):
            self._rows((p**2 + q**2)[watched] / rate[watched] ** 2 - (1 + over) ** 2, -np.inf, 0.0)
        return beyond + ca.sum1(over)

    def _soft(self, value: Any, low: Any, high: Any) -> Any:
        n = value.shape[0]
        up, down = (self._new(w, np.zeros(n), np.zeros(n), np.full(n, np.inf)) for w in ("up", "down"))
        self._rows(value - up, -np.inf, high)
        self._rows(value + down, low, np.inf)
        return ca.sum1(up) + ca.sum1(down)

    def solve(self) -> Secured:
        """From the request's point, first with much slip."""
        x = ca.vertcat(*self._x)
        problem = {"x": x, "f": self._objective, "g": ca.vertcat(*self._g), "p": self._slip}
        low, high = np.concatenate(self._low), np.concatenate(self._high)
        rows = {"lbg": np.concatenate(self._g_low), "ubg": np.concatenate(self._g_high)}
        at, found = np.concatenate(self._x0), False
        for slip, mu in ((ROUGH, 1e-1), (SLIP, 1e-4)):
            options = {"print_level": 0, "sb": "yes", "max_iter": 1500, "tol": 1e-7, "mu_init": mu,
                       "mu_strategy": "adaptive"}  # fmt: skip
            solver = ca.nlpsol("secured", "ipopt", problem, {"ipopt": options, "print_time": 0})
            out = solver(x0=at, p=slip, lbx=low, ubx=high, **rows)
            at, found = np.asarray(out["x"]).ravel(), bool(solver.stats()["success"])
        tell = ca.Function(
            "tell", [x], [self.p, self.shed, self._usd, self._beyond, *(e for k in self._ends for e in k)]
        )
        p, shed, usd, beyond, *ends = (np.asarray(a).ravel() for a in tell(at))
        v = np.array([m * np.exp(1j * a) for a, m in zip(ends[::2], ends[1::2], strict=True)])
        base = self._grid.base_mva
        return Secured(p * base, shed * base, v, float(usd[0]), float(beyond[0]), found)
