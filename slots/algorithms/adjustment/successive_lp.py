"""Adjustment by successive linear programs on AC sensitivities, violated (branch, outage) pairs added as found.

Each round solves the AC power flow of the intact grid and of every outage, adds what is violated or nearly so
to a working set, linearises the whole set about the present point and solves for the least change from the
schedule: voltages first, then redispatch, then curtailment, load shedding last. Stops when nothing is
violated, or when rounds no longer help; the best point found is kept.

Outages without a power flow are left to curative actions where some help; so is, once a round has not helped, what
the best point so far still breaks.
"""

from dataclasses import replace

import numpy as np

from bos_core.objects.errors import InfeasibleError, SolverError
from slots.algorithms.adjustment.curative import Pocket
from slots.algorithms.adjustment.working_set import (
    NEAR,
    Linearised,
    Row,
    Verified,
    Watched,
    factors_of,
    left_of,
    strong,
    watch,
)
from slots.algorithms.n1.batched import batched, batched_engine_of
from slots.algorithms.n1.cases import Cases
from slots.algorithms.n1.worst import Collector
from slots.contracts.adjustment import SHED_WEIGHT, Adjusted, AdjustmentRequest
from slots.contracts.curative import CurativeAction
from slots.contracts.n1 import LOADING_TOLERANCE, VOLTAGE_TOLERANCE, N1Request, N1Result
from slots.grid.admittance import Admittance, admittance, as_set
from slots.grid.model import Ints
from slots.grid.network import Network
from slots.grid.operating_point import OperatingPoint, settle, settle_in_range
from slots.grid.outage import Hour, hour_before
from slots.scheduling.linear import INF, LinearModel

MAX_ROUNDS = 24
SHRINK = 0.5  # of the step's length after a round that did not help
SMALLEST_RADIUS = 5e-3
POWER_STEP = 400.0  # MW a unit may move in a round once steps are being shortened, at most
SHARE_STEP = 0.2  # of the load that it may move then, too: small grids
VOLTAGE_STEP = 0.02  # p.u. a held voltage may move per round
VOLTAGE_WEIGHT = 200.0  # MW of redispatch that a p.u. of held voltage weighs as much as
CURTAIL_WEIGHT = 2.0
VIOLATION_WEIGHT = 1e6  # per p.u.: constraints give way only where nothing can meet them
BACKOFF = 2.5e-3  # of each rating kept free, so that a linear step lands inside
WINDOW_TOLERANCE = 5e-4  # MW by which a unit may leave its window: what losses shared anew leave
BACKOFF_GROWTH = 1.5  # after a round that did not help
LARGEST_BACKOFF = 0.02
COLLAPSE_WEIGHT = 1e6  # an outage without a power flow is worse than any violation
NEGLIGIBLE = 1e-3  # share of a row's largest gradient below which others are left out


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
    if score > 0 and best.shed.sum() > 0 and len(request.contingencies) and _intact_score(net, state.result, best) <= 0:
        # Load is not shed beforehand for an hour that stays insecure anyway.
        before = _verify(net, request, first, Watched())
        if _intact_score(net, before.result, first) <= 0:
            best, state, score = first, before, _score(net, before.result, first)[0]
    actions = state.actions
    if best is first and _covered(request, actions):
        best = schedule
    moved = float(np.abs(best.p - schedule.p).sum() / 2)
    reason = "" if score <= 0 else f"{left_of(net, best, state)}; no better point was found with the units that run"
    return Adjusted(best, moved, float(best.shed.sum()), rounds, score <= 0, score, reason, actions)


def _improve(
    net: Network, adm: Admittance, request: AdjustmentRequest, point: OperatingPoint
) -> tuple[OperatingPoint, Verified, float, int]:
    """The best point that rounds of linear programs find, its states, its worst violation and the number of rounds."""
    watched, best, best_score, radius, backoff, helped = Watched(), point, (np.inf, np.inf), 1.0, BACKOFF, True
    for rounds in range(MAX_ROUNDS + 1):
        state = _verify(net, request, point, watched)
        score = _score(net, state.result, point)
        watch(net, adm, point, state, watched)
        if rounds == 0 or (score[1] < best_score[1] and _inside(point)):
            best, best_score, best_state, helped = point, score, state, False
            about = Linearised(net, adm, best, best_state)
            radius = min(radius / SHRINK, 1.0)
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
        rows = about.rows(watched, backoff)
        try:
            changed = _step(net, request, request.point, best, rows, radius)
        except (InfeasibleError, SolverError):  # next to a voltage collapse the linear program may be beyond the solver
            break
        point, ok = settle_in_range(net, adm.ybus, changed)
        if not ok:
            point, radius = best, radius * SHRINK
    return best, best_state, best_score[0], rounds


def _cured(net: Network, request: AdjustmentRequest, point: OperatingPoint, state: Verified) -> Verified | None:
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


def _hour(net: Network, point: OperatingPoint) -> Hour:
    return hour_before(net, point.v, point.injection(net), point.q, point.on, point.controlled, point.shunt, point.tap)


def _pocket(net: Network, request: AdjustmentRequest, point: OperatingPoint) -> Pocket:
    demand = np.maximum(request.demand - point.shed, 0.0)
    return Pocket.of(
        net, admittance(net.grid), factors_of(net), batched_engine_of(net), _hour(net, point), point, demand
    )


def _help_each(pocket: Pocket, cases: Ints) -> tuple[CurativeAction, ...] | None:
    found = []
    for k in cases.tolist():
        action = pocket.help(k)
        if action is None:
            return None
        found.append(action)
    return tuple(found)


def _verify(net: Network, request: AdjustmentRequest, point: OperatingPoint, watched: Watched) -> Verified:
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
        return Verified(collect.result, alone, request.contingencies)
    result = batched(one)
    actions = []
    if not result.converged.all():
        pocket = _pocket(net, request, point)
        for k in np.flatnonzero(~result.converged[0, 1:]).tolist():
            if k in watched.helpless:
                continue
            if (action := pocket.help(k)) is None:
                watched.helpless.add(k)
                continue
            actions.append(action)
            result.converged[0, 1 + k], result.loading[0, 1 + k], result.margin[0, 1 + k] = True, 0.0, 0.0
    known = np.isin(result.contingencies, list(watched.cases))
    matters = (result.loading[0, 1:] > NEAR) | (result.margin[0, 1:] > 0) | known
    helped = np.isin(result.contingencies, [a.outage for a in actions])
    outages = np.flatnonzero(result.converged[0, 1:] & matters & ~helped)
    states = batched_engine_of(net).cases(hour, outages)
    return Verified(result, states, result.contingencies[outages], tuple(actions))


def _score(net: Network, result: N1Result, point: OperatingPoint) -> tuple[float, float]:
    """(worst violation, sum of violations and of cases without a power flow); zero means secure."""
    lost = int((~result.converged).sum())
    over = np.maximum(np.nan_to_num(result.loading) - 1 - LOADING_TOLERANCE, 0.0)
    volts = np.maximum(np.nan_to_num(result.margin) - VOLTAGE_TOLERANCE, 0.0)
    low, high = net.reactive_range(point.on)
    reactive = np.maximum(np.maximum(low - point.q, point.q - high) - 1e-2, 0.0) / net.grid.base_mva
    parts = (over, volts, reactive)
    worst, total = max(float(p.max()) for p in parts), sum(float(p.sum()) for p in parts)
    return (np.inf if lost else worst), total + COLLAPSE_WEIGHT * lost


def _inside(point: OperatingPoint) -> bool:
    """Whether no unit leaves its window: where none has room, the losses of a new state may push them out."""
    return bool((np.maximum(point.low - point.p, point.p - point.high) <= WINDOW_TOLERANCE).all())


def _intact_score(net: Network, result: N1Result, point: OperatingPoint) -> float:
    """The worst violation before any outage."""
    alone = {k: getattr(result, k)[:, :1] for k in ("converged", "loading", "margin")}
    return _score(net, replace(result, **alone), point)[0]


def _step(
    net: Network, request: AdjustmentRequest, schedule: OperatingPoint, point: OperatingPoint,
    rows: list[Row], radius: float,
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
    # A bus at the end of its reactive range may have left its voltage's; it has to come back.
    reach_v = VOLTAGE_STEP * radius
    low_by = np.clip(grid.buses.vmin[held] - mag, 0.0, reach_v)
    high_by = np.clip(mag - grid.buses.vmax[held], 0.0, reach_v)
    rise = m.columns((len(held),), low_by, np.maximum(v_hi, low_by), VOLTAGE_WEIGHT).index
    fall = m.columns((len(held),), high_by, np.maximum(-v_lo, high_by), VOLTAGE_WEIGHT).index
    give = m.columns((len(rows), 2), 0.0, INF, VIOLATION_WEIGHT).index
    # Changes are counted from the schedule; rows from the present point.
    offset = (schedule.p - point.p)[movable]
    if radius < 1:
        reach = min(POWER_STEP, SHARE_STEP * float(request.demand.sum())) * radius
        m.rows([(1.0, up), (-1.0, down)], -offset - reach, -offset + reach)
        m.rows([(1.0, shed)], point.shed[buses] - reach, point.shed[buses] + reach)
    power, volts, reactive = (
        strong(np.array([getattr(r.gradient, k) for r in rows]), NEGLIGIBLE) for k in ("power", "voltage", "reactive")
    )
    per_unit = np.asarray(net.unit_map[:, movable].T @ power.T).T / base
    per_shed = (power + reactive * point.relief()) / base
    known = np.array([r.value for r in rows]) + per_unit @ offset - per_shed @ point.shed

    def every(columns: Ints) -> Ints:
        return np.broadcast_to(columns, (len(rows), len(columns)))

    terms = [
        (per_unit, every(up)), (-per_unit, every(down)), (per_shed[:, buses], every(shed)),
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
