"""What an adjustment watches, by case, and its linear model about a point: AC sensitivities, DC where there is no AC."""

from dataclasses import dataclass, field, replace

import numpy as np

from slots.algorithms.n1.batched import batched_engine_of
from slots.algorithms.n1.cases import Cases
from slots.contracts.curative import CurativeAction
from slots.contracts.n1 import N1Result, limits
from slots.grid.admittance import Admittance, branch_flows
from slots.grid.dc import FactorOperator, angle_limits, factor_operator
from slots.grid.model import Bools, Complexes, Floats, Ints
from slots.grid.network import Network
from slots.grid.newton import DENSE_BUSES
from slots.grid.operating_point import OperatingPoint
from slots.grid.outage import without_branches
from slots.grid.sensitivity import Gradient, Sensitivity
from slots.scheduling.linear import INF

NEAR = 0.97  # loadings above this share join the working set
REACTIVE_NEAR = 0.05  # of its reactive range to a limit, and a bus joins the working set
JOIN_CASES = 40  # with something new that join the working set in a round, the worst ones
JOIN_ROWS = 12  # of each of them, flows and voltages
VOLTAGE_SCALE = 0.05  # p.u. beyond a limit that count as much as a branch loaded twice its rating
REACTIVE_BACKOFF = 5e-4  # p.u. kept from reactive limits
VOLTAGE_BACKOFF = 2e-4  # p.u. kept from voltage limits
COLLAPSE_ROWS = 12  # of each outage without a power flow, the worst ones
COLLAPSE_SHARE = 0.9  # of the ratings that DC flows after such an outage may use

INTACT = 20.0  # how often as much as after an outage a limit counts that is broken before any

Pair = tuple[int, int]  # a case (-1: intact) and a branch or bus


@dataclass
class Watched:
    """Working set: quantities watched per case, buses whose units are near a reactive limit, outages past help.

    `helpless`, `aside`, `unmended`: positions in the contingencies of those without a power flow that no curative action
    helps, of those that count no more, and of those with one whose limits none mended.
    """

    flows: set[Pair] = field(default_factory=set)
    volts: set[Pair] = field(default_factory=set)
    reactive: set[int] = field(default_factory=set)
    helpless: set[int] = field(default_factory=set)
    aside: set[int] = field(default_factory=set)
    unmended: set[int] = field(default_factory=set)

    @property
    def cases(self) -> set[int]:
        """The cases in which something is watched."""
        return {c for c, _ in self.flows | self.volts}

    def join_worst(self, found: dict[int, tuple[dict[Pair, float], dict[Pair, float]]]) -> None:
        """Take up the worst of what was found in the worst cases: a wild step breaks more than it teaches."""
        worst = {case: max([*flows.values(), *volts.values()], default=-1.0) for case, (flows, volts) in found.items()}
        for case in sorted(found, key=lambda c: (-worst[c], c))[:JOIN_CASES]:
            flows, volts = found[case]
            self.flows |= set(sorted(flows, key=lambda k: (-flows[k], k))[:JOIN_ROWS])
            self.volts |= set(sorted(volts, key=lambda k: (-volts[k], k))[:JOIN_ROWS])


@dataclass(frozen=True)
class Verified:
    """A point's worst figures by case, and the states of the cases that matter: the intact one, then `branches`.

    Cases that curative actions help count as if they broke no limit.
    """

    result: N1Result
    cases: Cases
    branches: Ints
    actions: tuple[CurativeAction, ...] = ()


@dataclass(frozen=True)
class Row:
    """low <= value + gradient . change <= high (p.u.); `weight`: how much a miss counts."""

    value: float
    low: float
    high: float
    gradient: Gradient
    weight: float = 1.0


def watch(net: Network, adm: Admittance, point: OperatingPoint, state: Verified, watched: Watched) -> None:
    """Add to the working set what is violated or nearly so."""
    base = net.grid.base_mva
    low, high = net.reactive_range(point.on)
    tight = np.minimum(point.q - low, high - point.q) < REACTIVE_NEAR * (high - low) + 1.0
    watched.reactive |= set(np.flatnonzero(tight & point.controlled).tolist())
    found = {}
    for k, v in enumerate(state.cases.v):
        case = -1 if k == 0 else int(state.branches[k - 1])
        rate, vlow, vhigh = limits(net, case >= 0)
        mva = np.maximum(*(np.abs(x) for x in branch_flows(net.grid, adm, v))) * base
        if case >= 0:
            mva[case] = 0.0
        mag = np.abs(v)
        edge = (mag > 0) & ~point.controlled & ((mag < vlow + 2e-3) | (mag > vhigh - 2e-3))
        beyond = np.maximum(vlow - mag, mag - vhigh) / VOLTAGE_SCALE
        flows = {(case, b): float(mva[b] / rate[b] - 1.0) for b in np.flatnonzero(mva > NEAR * rate).tolist()}
        volts = {(case, b): float(beyond[b]) for b in np.flatnonzero(edge).tolist()}
        new = [{k: x for k, x in a.items() if k not in b} for a, b in ((flows, watched.flows), (volts, watched.volts))]
        if new[0] or new[1]:
            found[case] = new[0], new[1]
    watched.join_worst(found)


def _by_case(pairs: set[Pair]) -> dict[int, list[int]]:
    """By case its branches or buses, in order."""
    out: dict[int, list[int]] = {}
    for case, k in sorted(pairs):
        out.setdefault(case, []).append(k)
    return out


class Linearised:
    """The working set's linear model about a point; what is asked for again is not made again."""

    def __init__(self, net: Network, adm: Admittance, point: OperatingPoint, state: Verified) -> None:
        self._net, self._adm, self._point, self._state = net, adm, point, state
        self._at = {int(b): k for k, b in enumerate(state.branches, start=1)}
        self._cases: dict[int, Sensitivity] = {}
        self._gradients: dict[tuple[str, int, int], Gradient] = {}

    def rows(self, watched: Watched, backoff: float) -> list[Row]:
        """The working set's rows; `backoff`: share of each rating that is kept free."""
        flows, volts = _by_case(watched.flows), _by_case(watched.volts)
        rows = self._case_rows(-1, flows.get(-1, []), volts.get(-1, []), backoff)
        rows += self._reactive_rows(sorted(watched.reactive))
        rows = [replace(r, weight=INTACT) for r in rows]
        rows += self._collapse_rows()
        for branch in sorted(
            c for c in flows.keys() | volts.keys() if c in self._at
        ):  # those that have a power flow now
            rows += self._case_rows(branch, flows.get(branch, []), volts.get(branch, []), backoff)
        return rows

    def voltages(self, case: int) -> Complexes:
        """(bus,) p.u. of a case."""
        return self._state_of(case)[0]

    def _kept(self, case: int) -> Bools:
        live = self._net.grid.live
        return live if case < 0 else batched_engine_of(self._net).splitting.get(case, live) & live

    def _state_of(self, case: int) -> tuple[Complexes, Bools]:
        """(bus,) voltages of a case and which buses hold theirs."""
        if case < 0:
            return self._point.v, self._point.controlled
        k = self._at[case]
        return self._state.cases.v[k], self._state.cases.held[k] & self._kept(case)

    def _sensitivity(self, case: int) -> Sensitivity:
        if case not in self._cases:
            kept, (v, held) = self._kept(case), self._state_of(case)
            slack = self._net.grid.slack
            slack = slack if kept[slack] else int(np.flatnonzero(held)[0])
            matrix = self._matrix(case)
            self._cases[case] = Sensitivity(matrix, v, slack, np.flatnonzero(held), np.flatnonzero(kept))
        return self._cases[case]

    def _matrix(self, case: int) -> object:
        if case >= 0:
            return without_branches(self._net, self._adm, case)
        return self._adm.ybus.toarray() if self._net.grid.n_bus <= DENSE_BUSES else self._adm.ybus

    def gradient(self, of: str, case: int, k: int) -> Gradient:
        key = (of, case, k)
        if key not in self._gradients:
            s = self._sensitivity(case)
            if of == "flow":
                self._gradients[key] = s.flow(self._net.grid.branches, self._adm, k)
            else:
                self._gradients[key] = s.voltage(k) if of == "voltage" else s.reactive(k)
        return self._gradients[key]

    def _case_rows(self, case: int, flows: list[int], volts: list[int], backoff: float) -> list[Row]:
        kept = self._kept(case)
        volts = [b for b in volts if kept[b]]
        if not flows and not volts:
            return []
        base, (v, _) = self._net.grid.base_mva, self._state_of(case)
        rate, low, high = limits(self._net, case >= 0)
        keep = np.minimum(VOLTAGE_BACKOFF, (high - low) / 2)  # limits may be one value
        mva, mag = np.maximum(*(np.abs(x) for x in branch_flows(self._net.grid, self._adm, v))), np.abs(v)
        rows = [Row(float(mva[b]), -INF, rate[b] / base * (1 - backoff), self.gradient("flow", case, b)) for b in flows]
        return rows + [
            Row(float(mag[b]), low[b] + keep[b], high[b] - keep[b], self.gradient("voltage", case, b)) for b in volts
        ]

    def _reactive_rows(self, buses: list[int]) -> list[Row]:
        """Reactive ranges of the units at some voltage-controlled buses, and the balance at the slack bus.

        Balance: what the slack bus must give stays what is scheduled there, losses included.
        """
        slack, base, q = self._net.grid.slack, self._net.grid.base_mva, self._point.q
        low, high = (x / base for x in self._net.reactive_range(self._point.on))
        keep = np.minimum(REACTIVE_BACKOFF, (high - low) / 4)
        rows = [Row(float(q[b] / base), low[b] + keep[b], high[b] - keep[b], self.of_units(b)) for b in buses]
        balance = self._sensitivity(-1).active(slack)
        balance.power[slack] = -1.0
        return [*rows, Row(0.0, 0.0, 0.0, balance)]

    def of_units(self, bus: int) -> Gradient:
        """Of what the units at a bus that holds its voltage must give: what is injected there and not by them relieves them."""
        injected = self.gradient("reactive", -1, bus)
        others = injected.reactive.copy()
        others[bus] -= 1.0
        return replace(injected, reactive=others)

    def _collapse_rows(self) -> list[Row]:
        """DC limits, of ratings and angles, after outages without a power flow: nothing AC can be linearised there."""
        lost = ~self._state.result.converged[0, 1:]
        if not lost.any():
            return []
        grid, factors = self._net.grid, factors_of(self._net)
        flow = branch_flows(grid, self._adm, self._point.v)[0].real
        most = COLLAPSE_SHARE * np.minimum(limits(self._net, True)[0], angle_limits(grid)) / grid.base_mva
        rows, still = [], np.zeros(grid.n_bus)
        for o in self._state.result.contingencies[lost]:
            moved = factors.moved(grid, int(o))
            if moved is None:  # a split
                continue
            after = flow + moved * flow[o]
            beyond = np.flatnonzero(np.abs(after) > NEAR * most)
            beyond = beyond[np.argsort(-np.abs(after[beyond]) / most[beyond], kind="stable")[:COLLAPSE_ROWS]]
            own = factors.rows(np.array([o]))[0]
            for b, row in zip(beyond.tolist(), factors.rows(beyond), strict=True):
                rows.append(Row(float(after[b]), -most[b], most[b], Gradient(row + moved[b] * own, still, still)))
        return rows


_operators: list[tuple[Network, FactorOperator]] = []


def factors_of(net: Network) -> FactorOperator:
    """The network's distribution factors, made once per process."""
    if not _operators or _operators[0][0] is not net:
        _operators[:] = [(net, factor_operator(net.grid))]
    return _operators[0][1]


def strong(gradients: Floats, negligible: float) -> Floats:
    """(row, bus) gradients without what is negligible beside the row's largest; far buses are many."""
    largest = np.abs(gradients).max(axis=1, keepdims=True)
    return np.where(np.abs(gradients) < negligible * largest, 0.0, gradients)
