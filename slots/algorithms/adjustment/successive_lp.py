"""Adjustment by successive linear programs on AC sensitivities, violated (branch, outage) pairs added as found.

Each round solves the AC power flow of the intact grid and of every outage, adds what is violated or nearly so
to a working set, linearises the whole set about the present point and solves for the least change from the
schedule: voltages first, then redispatch, then curtailment, load shedding last. Stops when nothing is
violated, or when rounds no longer help; the best point found is kept.

Outages without a power flow are left to curative actions where some help; so is, once a round has not helped, what
the best point so far still breaks.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from bos_core.objects.errors import InfeasibleError, SolverError
from slots.algorithms.adjustment.curative import Pocket
from slots.algorithms.n1.batched import batched, batched_engine_of
from slots.algorithms.n1.cases import Cases
from slots.algorithms.n1.worst import Collector
from slots.contracts.adjustment import SHED_WEIGHT, Adjusted, AdjustmentRequest
from slots.contracts.curative import CurativeAction
from slots.contracts.n1 import LOADING_TOLERANCE, VOLTAGE_TOLERANCE, N1Request, N1Result, limits
from slots.grid.admittance import Admittance, admittance, as_set, branch_flows
from slots.grid.dc import FactorOperator, angle_limits, factor_operator
from slots.grid.model import Bools, Complexes, Floats, Ints
from slots.grid.network import Network
from slots.grid.newton import DENSE_BUSES
from slots.grid.operating_point import OperatingPoint, settle, settle_in_range
from slots.grid.outage import Hour, hour_before, without_branches
from slots.grid.sensitivity import Gradient, Sensitivity
from slots.scheduling.linear import INF, LinearModel

MAX_ROUNDS = 24
SHRINK = 0.5  # of the step's length after a round that did not help
SMALLEST_RADIUS = 5e-3
POWER_STEP = 400.0  # MW a unit may move in a round once steps are being shortened
NEAR = 0.97  # loadings above this share join the working set
REACTIVE_NEAR = 0.05  # of its reactive range to a limit, and a bus joins the working set
VOLTAGE_STEP = 0.02  # p.u. a held voltage may move per round
VOLTAGE_WEIGHT = 200.0  # MW of redispatch that a p.u. of held voltage weighs as much as
CURTAIL_WEIGHT = 2.0
VIOLATION_WEIGHT = 1e6  # per p.u.: constraints give way only where nothing can meet them
BACKOFF = 2.5e-3  # of each rating kept free, so that a linear step lands inside
BACKOFF_GROWTH = 1.5  # after a round that did not help
LARGEST_BACKOFF = 0.02
COLLAPSE_WEIGHT = 1e6  # an outage without a power flow is worse than any violation
COLLAPSE_ROWS = 12  # of each such outage, the worst ones
COLLAPSE_SHARE = 0.9  # of the ratings that DC flows after such an outage may use
NEGLIGIBLE = 1e-3  # share of a row's largest gradient below which others are left out
VOLTAGE_BACKOFF = 2e-4  # p.u. kept from voltage limits


@dataclass
class _Watched:
    """Working set: quantities watched per case (-1: intact), and buses whose units are near a reactive limit."""

    flows: set[tuple[int, int]] = field(default_factory=set)
    volts: set[tuple[int, int]] = field(default_factory=set)
    reactive: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _Row:
    """low <= value + gradient . change <= high (p.u.)."""

    value: float
    low: float
    high: float
    gradient: Gradient


def successive_lp(request: AdjustmentRequest) -> Adjusted:
    """Adjust one hour."""
    net, schedule = request.network, request.point
    adm = as_set(net.grid, admittance(net.grid), schedule.shunt, schedule.tap)
    if request.lost is not None and (actions := _help_each(_pocket(net, request, schedule), request.lost)):
        return Adjusted(schedule, 0.0, 0.0, 0, True, 0.0, "", actions)
    first, ok = settle(net, adm.ybus, schedule)
    if not ok:
        return Adjusted(schedule, 0.0, 0.0, 0, False, np.inf, "no power flow of the intact grid")
    best, state, score, rounds = _improve(net, adm, request, first)
    actions = state.actions
    if best is first and _covered(request, actions):
        best = schedule
    moved = float(np.abs(best.p - schedule.p).sum() / 2)
    reason = "" if score <= 0 else "no point that meets every limit was found with the units that run"
    return Adjusted(best, moved, float(best.shed.sum()), rounds, score <= 0, score, reason, actions)


def _improve(
    net: Network, adm: Admittance, request: AdjustmentRequest, point: OperatingPoint
) -> tuple[OperatingPoint, "_Verified", float, int]:
    """The best point that rounds of linear programs find, its states, its worst violation and the number of rounds."""
    watched, best, best_score, radius, backoff, helped = _Watched(), point, (np.inf, np.inf), 1.0, BACKOFF, True
    for rounds in range(MAX_ROUNDS + 1):
        state = _verify(net, request, point, watched)
        score = _score(net, state.result, point)
        _watch(net, adm, point, state, watched)
        if rounds == 0 or score[1] < best_score[1]:
            best, best_score, best_state, helped = point, score, state, False
        else:
            # The step was too long for the linear model: go back, watch what it broke too, step shorter.
            radius *= SHRINK
            backoff = min(backoff * BACKOFF_GROWTH, LARGEST_BACKOFF)
        last = rounds == MAX_ROUNDS or radius < SMALLEST_RADIUS
        if best_score[0] > 0 and not helped and (last or point is not best):
            helped = True
            if (cured := _cured(net, request, best, best_state)) is not None:
                return best, cured, 0.0, rounds
        if best_score[0] <= 0 or last:
            break
        rows = _rows(net, adm, best, best_state, watched, backoff)
        try:
            changed = _step(net, request, request.point, best, rows, radius)
        except (InfeasibleError, SolverError):  # next to a voltage collapse the linear program may be beyond the solver
            break
        point, ok = settle_in_range(net, adm.ybus, changed)
        if not ok:
            point, radius = best, radius * SHRINK
    return best, best_state, best_score[0], rounds


def _cured(net: Network, request: AdjustmentRequest, point: OperatingPoint, state: "_Verified") -> "_Verified | None":
    """A point's states with curative actions for all that rounds have not mended; None where some has none."""
    if _intact_score(net, state.result, point) > 0:
        return None
    left = np.flatnonzero(state.result.insecure()[0, 1:])
    more = _help_each(_pocket(net, request, point), left)
    return None if more is None else replace(state, actions=(*state.actions, *more))


def _covered(request: AdjustmentRequest, actions: tuple[CurativeAction, ...]) -> bool:
    """Whether actions follow every case that verification found insecure, so that the schedule may stay as it is."""
    if request.insecure is None or not len(request.insecure) or (request.insecure == 0).any():
        return False
    return bool(np.isin(request.contingencies[request.insecure - 1], [a.outage for a in actions]).all())


@dataclass(frozen=True)
class _Verified:
    """A point's worst figures by case, and the states of the cases that matter: the intact one, then `branches`.

    Cases that curative actions help count as if they broke no limit.
    """

    result: N1Result
    cases: Cases
    branches: Ints
    actions: tuple[CurativeAction, ...] = ()


def _hour(net: Network, point: OperatingPoint) -> Hour:
    return hour_before(net, point.v, point.injection(net), point.q, point.on, point.controlled, point.shunt, point.tap)


def _pocket(net: Network, request: AdjustmentRequest, point: OperatingPoint) -> Pocket:
    demand = np.maximum(request.demand - point.shed, 0.0)
    return Pocket.of(net, admittance(net.grid), _factors(net), batched_engine_of(net), _hour(net, point), point, demand)


def _help_each(pocket: Pocket, cases: Ints) -> tuple[CurativeAction, ...] | None:
    found = []
    for k in cases.tolist():
        action = pocket.help(k)
        if action is None:
            return None
        found.append(action)
    return tuple(found)


def _verify(net: Network, request: AdjustmentRequest, point: OperatingPoint, watched: _Watched) -> _Verified:
    hour = _hour(net, point)
    # What the intact point already gives beyond a limit is scored by itself; outages need not mend it.
    hour = replace(hour, low=np.minimum(hour.low, hour.s.imag), high=np.maximum(hour.high, hour.s.imag))
    one = N1Request.of(net, [hour])
    if not len(request.contingencies):
        collect = Collector(one, admittance(net.grid))
        collect.result.converged[:, 1:] = True
        collect.result.loading[:, 1:], collect.result.margin[:, 1:] = 0.0, 0.0
        collect.put(0, np.zeros(1, np.int64), point.v[None, :], np.ones(1, bool))
        alone = Cases(point.v[None, :], np.ones(1, bool), point.controlled[None, :])
        return _Verified(collect.result, alone, request.contingencies)
    result = batched(one)
    actions = []
    if not result.converged.all():
        pocket = _pocket(net, request, point)
        for k in np.flatnonzero(~result.converged[0, 1:]).tolist():
            if (action := pocket.help(k)) is not None:
                actions.append(action)
                result.converged[0, 1 + k], result.loading[0, 1 + k], result.margin[0, 1 + k] = True, 0.0, 0.0
    known = {c for c, _ in watched.flows | watched.volts}
    matters = (result.loading[0, 1:] > NEAR) | (result.margin[0, 1:] > 0) | np.isin(result.contingencies, list(known))
    helped = np.isin(result.contingencies, [a.outage for a in actions])
    outages = np.flatnonzero(result.converged[0, 1:] & matters & ~helped)
    states = batched_engine_of(net).cases(hour, outages)
    return _Verified(result, states, result.contingencies[outages], tuple(actions))


def _score(net: Network, result: N1Result, point: OperatingPoint) -> tuple[float, float]:
    """(worst violation, sum of violations); zero means secure."""
    if not result.converged.all():
        return np.inf, COLLAPSE_WEIGHT * float((~result.converged).sum())
    over = np.maximum(result.loading - 1 - LOADING_TOLERANCE, 0.0)
    volts = np.maximum(result.margin - VOLTAGE_TOLERANCE, 0.0)
    low, high = net.reactive_range(point.on)
    reactive = np.maximum(np.maximum(low - point.q, point.q - high) - 1e-2, 0.0) / net.grid.base_mva
    parts = (over, volts, reactive)
    return max(float(p.max()) for p in parts), sum(float(p.sum()) for p in parts)


def _intact_score(net: Network, result: N1Result, point: OperatingPoint) -> float:
    """The worst violation before any outage."""
    alone = {k: getattr(result, k)[:, :1] for k in ("converged", "loading", "margin")}
    return _score(net, replace(result, **alone), point)[0]


def _watch(net: Network, adm: Admittance, point: OperatingPoint, state: _Verified, watched: _Watched) -> None:
    """Add to the working set what is violated or nearly so."""
    base = net.grid.base_mva
    low, high = net.reactive_range(point.on)
    tight = np.minimum(point.q - low, high - point.q) < REACTIVE_NEAR * (high - low) + 1.0
    watched.reactive |= set(np.flatnonzero(tight & point.controlled).tolist())
    for k, v in enumerate(state.cases.v):
        case = -1 if k == 0 else int(state.branches[k - 1])
        rate, vlow, vhigh = limits(net, case >= 0)
        mva = np.maximum(*(np.abs(x) for x in branch_flows(net.grid, adm, v))) * base
        if case >= 0:
            mva[case] = 0.0
        mag = np.abs(v)
        edge = (mag > 0) & ~point.controlled & ((mag < vlow + 2e-3) | (mag > vhigh - 2e-3))
        watched.flows |= {(case, int(b)) for b in np.flatnonzero(mva > NEAR * rate)}
        watched.volts |= {(case, int(b)) for b in np.flatnonzero(edge)}


def _rows(
    net: Network, adm: Admittance, point: OperatingPoint, state: _Verified, watched: _Watched, backoff: float
) -> list[_Row]:
    """The working set linearised about a point."""
    at = {int(b): k for k, b in enumerate(state.branches, start=1)}
    every = net.grid.live
    rows = _case_rows(net, adm, -1, point.v, point.controlled, every, watched, backoff)
    rows += _reactive_rows(net, adm, point, sorted(watched.reactive))
    rows += _collapse_rows(net, adm, point, state)
    for branch in sorted({c for c, _ in watched.flows | watched.volts if c >= 0}):
        if branch in at:  # it has a power flow now
            kept = batched_engine_of(net).splitting.get(branch, every)
            rows += _case_rows(
                net, adm, branch, state.cases.v[at[branch]], state.cases.held[at[branch]] & kept, kept, watched, backoff
            )
    return rows


def _collapse_rows(net: Network, adm: Admittance, point: OperatingPoint, state: _Verified) -> list[_Row]:
    """DC limits, of ratings and angles, after outages that leave no power flow: nothing AC can be linearised there."""
    lost = ~state.result.converged[0, 1:]
    if not lost.any():
        return []
    outages = state.result.contingencies[lost]
    grid = net.grid
    factors, base = _factors(net), grid.base_mva
    flow = branch_flows(grid, adm, point.v)[0].real
    most = COLLAPSE_SHARE * np.minimum(limits(net, True)[0], angle_limits(grid)) / base
    rows, still = [], np.zeros(grid.n_bus)
    for o in outages:
        moved = factors.moved(grid, int(o))
        if moved is None:  # a split
            continue
        after = flow + moved * flow[o]
        beyond = np.flatnonzero(np.abs(after) > NEAR * most)
        beyond = beyond[np.argsort(-np.abs(after[beyond]) / most[beyond], kind="stable")[:COLLAPSE_ROWS]]
        own = factors.rows(np.array([o]))[0]
        for b, row in zip(beyond.tolist(), factors.rows(beyond), strict=True):
            rows.append(_Row(float(after[b]), -most[b], most[b], Gradient(row + moved[b] * own, still)))
    return rows


_operators: list[tuple[Network, FactorOperator]] = []


def _factors(net: Network) -> FactorOperator:
    """The network's distribution factors, made once per process."""
    if not _operators or _operators[0][0] is not net:
        _operators[:] = [(net, factor_operator(net.grid))]
    return _operators[0][1]


def _matrix(net: Network, adm: Admittance, case: int) -> object:
    if case >= 0:
        return without_branches(net, adm, case)
    return adm.ybus.toarray() if net.grid.n_bus <= DENSE_BUSES else adm.ybus


def _case_rows(
    net: Network,
    adm: Admittance,
    case: int,
    v: Complexes,
    held: Bools,
    kept: Bools,
    watched: _Watched,
    backoff: float,
) -> list[_Row]:
    flows = sorted(b for c, b in watched.flows if c == case)
    volts = sorted(b for c, b in watched.volts if c == case and kept[b])
    if not flows and not volts:
        return []
    grid, base = net.grid, net.grid.base_mva
    rate, vlow, vhigh = limits(net, case >= 0)
    mva, mag = np.maximum(*(np.abs(x) for x in branch_flows(grid, adm, v))), np.abs(v)
    slack = grid.slack if kept[grid.slack] else int(np.flatnonzero(held)[0])
    s = Sensitivity(_matrix(net, adm, case), v, slack, np.flatnonzero(held), np.flatnonzero(kept))
    rows = [_Row(float(mva[b]), -INF, rate[b] / base * (1 - backoff), s.flow(grid.branches, adm, b)) for b in flows]
    return rows + [
        _Row(float(mag[b]), vlow[b] + VOLTAGE_BACKOFF, vhigh[b] - VOLTAGE_BACKOFF, s.voltage(b)) for b in volts
    ]


def _reactive_rows(net: Network, adm: Admittance, point: OperatingPoint, buses: list[int]) -> list[_Row]:
    """Reactive ranges of the units at some voltage-controlled buses, and the balance at the slack bus.

    Balance: what the slack bus must give stays what is scheduled there, losses included.
    """
    slack, base = net.grid.slack, net.grid.base_mva
    held = np.flatnonzero(point.controlled)
    s = Sensitivity(_matrix(net, adm, -1), point.v, slack, held, np.flatnonzero(net.grid.live))
    low, high = (x / base for x in net.reactive_range(point.on))
    rows = [_Row(float(point.q[b] / base), low[b], high[b], s.reactive(b)) for b in buses]
    balance = s.active(slack)
    balance.power[slack] = -1.0
    return [*rows, _Row(0.0, 0.0, 0.0, balance)]


def _strong(gradients: Floats) -> Floats:
    """(row, bus) gradients without what is negligible beside the row's largest; far buses are many."""
    largest = np.abs(gradients).max(axis=1, keepdims=True)
    return np.where(np.abs(gradients) < NEGLIGIBLE * largest, 0.0, gradients)


def _step(
    net: Network, request: AdjustmentRequest, schedule: OperatingPoint, point: OperatingPoint,
    rows: list[_Row], radius: float,
) -> OperatingPoint:  # fmt: skip
    """The point that meets the linearised rows with the least change from the schedule."""
    grid, base = net.grid, net.grid.base_mva
    m = LinearModel()
    movable = np.flatnonzero(schedule.high - schedule.low > 1e-6)
    variable = grid.units.kind[movable] == "variable"
    weight = np.where(variable, CURTAIL_WEIGHT, 1.0)
    room_up = np.clip(schedule.high - schedule.p, 0, None)[movable]
    room_down = np.clip(schedule.p - schedule.low, 0, None)[movable]
    up = m.columns((len(movable),), 0.0, room_up, weight).index
    down = m.columns((len(movable),), 0.0, room_down, weight).index
    buses = np.flatnonzero(request.demand > 1e-6)
    shed = m.columns((len(buses),), 0.0, request.demand[buses], SHED_WEIGHT).index
    held = np.flatnonzero(point.controlled)
    mag = np.abs(point.v)[held]
    v_lo = np.clip(grid.buses.vmin[held] - mag, -VOLTAGE_STEP * radius, 0.0)
    v_hi = np.clip(grid.buses.vmax[held] - mag, 0.0, VOLTAGE_STEP * radius)
    rise = m.columns((len(held),), 0.0, np.maximum(v_hi, 0.0), VOLTAGE_WEIGHT).index
    fall = m.columns((len(held),), 0.0, np.maximum(-v_lo, 0.0), VOLTAGE_WEIGHT).index
    give = m.columns((len(rows), 2), 0.0, INF, VIOLATION_WEIGHT).index
    # Changes are counted from the schedule; rows from the present point.
    offset = (schedule.p - point.p)[movable]
    if radius < 1:
        reach = POWER_STEP * radius
        m.rows([(1.0, up), (-1.0, down)], -offset - reach, -offset + reach)
        m.rows([(1.0, shed)], point.shed[buses] - reach, point.shed[buses] + reach)
    power, volts = (_strong(np.array([getattr(r.gradient, k) for r in rows])) for k in ("power", "voltage"))
    per_unit = np.asarray(net.unit_map[:, movable].T @ power.T).T / base
    known = np.array([r.value for r in rows]) + per_unit @ offset - power @ point.shed / base

    def every(columns: Ints) -> Ints:
        return np.broadcast_to(columns, (len(rows), len(columns)))

    terms = [
        (per_unit, every(up)), (-per_unit, every(down)), (power[:, buses] / base, every(shed)),
        (volts[:, held], every(rise)), (-volts[:, held], every(fall)), (np.array([[1.0, -1.0]]), give),
    ]  # fmt: skip
    m.rows(terms, np.array([r.low for r in rows]) - known, np.array([r.high for r in rows]) - known)
    x = m.solver().run("adjustment")
    p = point.p.copy()
    p[movable] = schedule.p[movable] + x[up] - x[down]
    new_shed = np.zeros(grid.n_bus)
    new_shed[buses] = np.where(x[shed] > 1e-6, x[shed], 0.0)
    new_mag = np.abs(point.v)
    new_mag[held] += x[rise] - x[fall]
    return replace(point, p=p, shed=new_shed, v=new_mag * np.exp(1j * np.angle(point.v)))
