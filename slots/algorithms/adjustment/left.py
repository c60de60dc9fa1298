"""What stays insecure in an hour, and why: by the linear model about the point that was found.

For each broken limit alone: how far may all that moves bring it back (outputs within their windows and balanced, held
voltages within their limits)? If far enough, other limits stand against it or the search stopped early; if not, units that
are off and load not served are asked in turn. Where there is no power flow, the case is solved without reactive limits.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bos_core.objects.errors import InfeasibleError, SolverError
from slots.algorithms.adjustment.search import Search, hour_of
from slots.algorithms.adjustment.step import step
from slots.algorithms.adjustment.working_set import VOLTAGE_SCALE, Linearised, Verified
from slots.algorithms.n1.batched import batched, batched_engine_of
from slots.contracts.adjustment import Left, Limit, Why
from slots.contracts.n1 import LOADING_TOLERANCE, VOLTAGE_TOLERANCE, N1Request, N1Result, limits
from slots.grid.admittance import branch_flows
from slots.grid.model import THERMAL, Bools, Floats
from slots.grid.operating_point import OperatingPoint
from slots.grid.outage import Hour, solve_outage
from slots.grid.sensitivity import Gradient

LOOKED_INTO = 12  # of an hour's broken limits, the worst ones
NO_EFFECT = 0.05  # of what is missing: less is none
MET = 1e-5  # p.u.
REACTIVE_TOLERANCE_MVAR = 1e-2


def what_is_left(search: Search, point: OperatingPoint, state: Verified) -> tuple[Left, ...]:
    """What a point breaks but for what actions follow; worst first."""
    net, request = search.net, search.request
    verified = len(request.contingencies) > 0
    result = batched(N1Request.of(net, [_scored(hour_of(net, point))])) if verified else state.result
    helped = np.isin(result.contingencies, [a.outage for a in state.actions])
    broken = np.flatnonzero(result.insecure()[0] & ~np.concatenate([[False], helped]))
    found = [_limit(search, point, result, k) for k in broken.tolist()]
    low, high = net.reactive_range(point.on)
    over = np.maximum(low - point.q, point.q - high)
    found += [
        Left(-1, Limit.REACTIVE, int(b), float(over[b]), Why.UNKNOWN)
        for b in np.flatnonzero(over > REACTIVE_TOLERANCE_MVAR)
    ]
    found.sort(key=lambda x: (-_badness(x, net.grid.base_mva), x.outage, x.where))
    reasons = _Reasons(search, point, state, result)
    return tuple(replace(x, why=reasons.why(x)) if k < LOOKED_INTO else x for k, x in enumerate(found))


def _scored(hour: Hour) -> Hour:
    """What the intact point gives beyond its reactive limits is a fault of its own, no outage's."""
    return replace(hour, low=np.minimum(hour.low, hour.s.imag), high=np.maximum(hour.high, hour.s.imag))


def _badness(x: Left, base_mva: float) -> float:
    scale = {Limit.VOLTAGE: VOLTAGE_SCALE, Limit.REACTIVE: base_mva}
    return x.beyond / scale.get(x.limit, 1.0)


def _limit(search: Search, point: OperatingPoint, result: N1Result, case: int) -> Left:
    """The worst limit that a case breaks."""
    outage = int(result.contingencies[case - 1]) if case else -1
    if not result.converged[0, case]:
        return Left(outage, Limit.POWER_FLOW, -1, np.inf, Why.UNKNOWN)
    over, beyond = float(result.loading[0, case] - 1.0), float(result.margin[0, case])
    if over > LOADING_TOLERANCE and (over >= beyond / VOLTAGE_SCALE or beyond <= VOLTAGE_TOLERANCE):
        return Left(outage, Limit.LOADING, int(result.branch[0, case]), over, Why.UNKNOWN)
    mag = np.abs(point.v) if not case else np.abs(_state(search, point, case)[0])
    _, lowest, highest = limits(search.net, case > 0)
    bus = int(np.where(mag > 0, np.maximum(lowest - mag, mag - highest), -np.inf).argmax())
    return Left(outage, Limit.VOLTAGE, bus, beyond, Why.UNKNOWN)


def _state(search: Search, point: OperatingPoint, case: int) -> tuple[Floats, Bools]:
    cases = batched_engine_of(search.net).cases(_scored(hour_of(search.net, point)), np.array([case - 1]))
    return cases.v[1], cases.held[1]


@dataclass
class _Reasons:
    """Finds why limits stay broken at a point; `result`: its true figures."""

    search: Search
    point: OperatingPoint
    state: Verified
    result: N1Result

    def why(self, left: Left) -> Why:
        """The kind of reason."""
        if self._too_small(left):
            return Why.CAPACITY
        if left.limit is Limit.POWER_FLOW:
            return self._without_power_flow(left)
        request, grid = self.search.request, self.search.net.grid
        gradient, missing = self._gradient(left)
        net, p = self.search.net, self.point.p
        by_unit = np.asarray(net.unit_map.T @ gradient.power) / grid.base_mva
        running = _Room(by_unit, np.clip(p - self.point.low, 0, None), np.clip(self.point.high - p, 0, None))
        held = self.point.controlled
        mag = np.abs(self.point.v)
        ways = np.where(gradient.voltage > 0, grid.buses.vmax - mag, mag - grid.buses.vmin)
        by_voltage = float((np.abs(gradient.voltage) * np.clip(ways, 0, None))[held].sum())
        by_voltage = min(by_voltage, self._reactive_part(left))
        alone = running.most() + by_voltage
        if alone >= missing:
            return self._not_alone
        off = ~self.point.on & (grid.units.kind == THERMAL) & grid.units.in_service
        reactive = np.asarray(net.unit_map.T @ gradient.reactive) / grid.base_mva
        gives = np.maximum(reactive * grid.units.qmin, reactive * grid.units.qmax)[off]
        more = running.and_more(by_unit[off], grid.units.pmax[off]).most()
        if more + by_voltage + float(np.clip(gives, 0, None).sum()) >= missing or self._silent(left, off):
            return Why.COMMITMENT
        relief = (gradient.power + gradient.reactive * self.point.relief()) / grid.base_mva
        if running.and_more(relief, np.maximum(request.demand - self.point.shed, 0.0)).most() + by_voltage >= missing:
            return Why.LOAD
        return Why.NOTHING if alone < NO_EFFECT * missing else Why.USED_UP

    def _reactive_part(self, left: Left) -> float:
        """What voltages can take from a limit at most: of a loading the part that reactive power makes (p.u.)."""
        if left.limit is not Limit.LOADING:
            return np.inf
        v = self.point.v if left.outage < 0 else self._about(left).voltages(left.outage)
        ends = [x[left.where] for x in branch_flows(self.search.net.grid, self.search.adm, v)]
        return float(max(map(abs, ends)) - min(abs(x.real) for x in ends))

    def _too_small(self, left: Left) -> bool:
        """Whether what an outage cuts off leaves less capacity than load, whatever was redispatched before."""
        net, point, units = self.search.net, self.point, self.search.net.grid.units
        kept = batched_engine_of(net).splitting.get(left.outage)
        if kept is None:
            return False
        most = np.where(point.on & (units.kind == THERMAL), units.pmax, np.where(point.on, point.p, 0.0))
        capacity = np.asarray(net.unit_map @ most)
        fixed = point.fixed.real * net.grid.base_mva + point.shed
        return bool((capacity + fixed)[kept & net.grid.live].sum() < 0.0)

    def _silent(self, left: Left, off: Bools) -> bool:
        """Whether a voltage is that of a bus whose units are all off, so that nothing there holds it."""
        if left.limit is not Limit.VOLTAGE or self.point.controlled[left.where]:
            return False
        return bool(self.search.net.unit_map[left.where, np.flatnonzero(off)].sum() > 0)

    def _gradient(self, left: Left) -> tuple[Gradient, float]:
        """Of the broken quantity, positive where it gets better; and what is missing (p.u.)."""
        about, grid = self._about(left), self.search.net.grid
        if left.limit is Limit.LOADING:
            rate = limits(self.search.net, left.outage >= 0)[0][left.where] / grid.base_mva
            return _times(about.gradient("flow", left.outage, left.where), -1.0), left.beyond * float(rate)
        if left.limit is Limit.REACTIVE:
            too_much = self.point.q[left.where] > self.search.net.reactive_range(self.point.on)[1][left.where]
            return _times(about.of_units(left.where), -1.0 if too_much else 1.0), left.beyond / grid.base_mva
        v = self.point.v if left.outage < 0 else about.voltages(left.outage)
        too_high = abs(v[left.where]) > limits(self.search.net, left.outage >= 0)[2][left.where]
        return _times(about.gradient("voltage", left.outage, left.where), -1.0 if too_high else 1.0), left.beyond

    def _about(self, left: Left) -> Linearised:
        net, cases, branches = self.search.net, self.state.cases, self.state.branches
        if left.outage >= 0:
            at = np.flatnonzero(self.result.contingencies == left.outage)
            hour = _scored(hour_of(net, self.point))
            cases, branches = batched_engine_of(net).cases(hour, at), np.array([left.outage])
        return Linearised(net, self.search.adm, self.point, Verified(self.result, cases, branches))

    @cached_property
    def _not_alone(self) -> Why:
        """Of what could be met alone: do other limits stand against it, by a program of full length?"""
        search = self.search
        about = Linearised(search.net, search.adm, self.point, self.state)
        try:
            missed = step(search.request, self.point, about.rows(search.watched, 0.0), 1.0, False).missed
        except (InfeasibleError, SolverError):
            return Why.STEPS
        return Why.OTHERS if missed.max(initial=0.0) > MET else Why.STEPS

    def _without_power_flow(self, left: Left) -> Why:
        net, hour = self.search.net, hour_of(self.search.net, self.point)
        if left.outage < 0:
            return Why.UNKNOWN
        kept = batched_engine_of(net).splitting.get(left.outage)
        free = replace(hour, low=np.full(len(hour.low), -np.inf), high=np.full(len(hour.high), np.inf))
        return Why.REACTIVE if solve_outage(net, self.search.own, left.outage, free, kept).converged else Why.GRID


@dataclass(frozen=True)
class _Room:
    """MW by which injections may fall and rise, and what a MW of each does for a limit."""

    effect: Floats
    down: Floats
    up: Floats

    def and_more(self, effect: Floats, up: Floats) -> "_Room":
        """With injections that may rise from nothing."""
        return _Room(
            np.concatenate([self.effect, effect]), np.concatenate([self.down, 0 * up]), np.concatenate([self.up, up])
        )

    def most(self) -> float:
        """The most that a change does whose sum is zero: what helps most rises for all that helps least to fall."""
        order = np.argsort(-self.effect, kind="stable")
        room, owed = (self.down + self.up)[order], float(self.down.sum())
        rises = np.clip(owed - np.concatenate([[0.0], np.cumsum(room)[:-1]]), 0.0, room)
        return float(self.effect[order] @ rises - self.effect @ self.down)


def _times(gradient: Gradient, factor: float) -> Gradient:
    return Gradient(factor * gradient.power, factor * gradient.voltage, factor * gradient.reactive)
