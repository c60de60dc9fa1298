"""The rounds of an adjustment: a linear program about the best point, its AC states, and so on while that helps."""

from copy import deepcopy
from dataclasses import replace

import numpy as np

from bos_core.objects.errors import InfeasibleError, SolverError
from slots.algorithms.adjustment.curative import Pocket
from slots.algorithms.adjustment.step import step
from slots.algorithms.adjustment.working_set import INTACT, NEAR, Linearised, Verified, Watched, factors_of, watch
from slots.algorithms.n1.batched import batched, batched_engine_of
from slots.algorithms.n1.cases import Cases
from slots.algorithms.n1.worst import Collector
from slots.contracts.adjustment import AdjustmentRequest
from slots.contracts.curative import CurativeAction
from slots.contracts.n1 import LOADING_TOLERANCE, VOLTAGE_TOLERANCE, N1Request, N1Result
from slots.grid.admittance import Admittance, admittance
from slots.grid.model import THERMAL
from slots.grid.network import Network
from slots.grid.operating_point import OperatingPoint, settle_in_range
from slots.grid.outage import Hour, hour_before

MAX_ROUNDS = 24
SHRINK = 0.5  # of the step's length after a round that did not help
SMALLEST_RADIUS = 5e-3
BACKOFF = 2.5e-3  # of each rating kept free, so that a linear step lands inside
BACKOFF_GROWTH = 1.5  # after a round that did not help
LARGEST_BACKOFF = 0.02
MOST_WORK = 1000  # cases linearised in an hour, and MEND times as many tried to be mended, before its rounds end
MEND = 4
AT_LAST = 400  # more work for the actions that are sought at the end
LARGE = 500  # buses that make a case twice the work
COLLAPSE_WEIGHT = 1e6  # an outage without a power flow is worse than any violation
BISECTIONS = 4
LEAST_USD = 1e-6
CHEAPER_ROUNDS = 6  # once secure
FIRST_RADIUS = 0.5
WORTH = 1e-3  # of the schedule's cost that a further round must promise
WINDOW_TOLERANCE = 5e-4  # MW by which a unit may leave its window: what losses shared anew leave

Score = tuple[float, float]  # worst violation, sum of violations and of cases without a power flow; zero: secure


class Search:
    """An hour's search: what it watches, the outages that it has set aside, the rounds that it took and their work.

    What an hour may take is bounded, whatever the grid: rounds beyond rarely mend what those before did not.
    """

    def __init__(self, request: AdjustmentRequest, adm: Admittance) -> None:
        self.request, self.net, self.adm, self.own = request, request.network, adm, admittance(request.network.grid)
        self.watched, self.rounds, self.work = Watched(), 0, 0.0
        self._per_case = 1 + request.network.grid.n_bus / LARGE
        self._helped: dict[int, CurativeAction] = {}  # by case, what helped last

    def improve(
        self, point: OperatingPoint, shed_more: bool, most: int = MAX_ROUNDS
    ) -> tuple[OperatingPoint, Verified, Score]:
        """The best point that at most so many rounds of linear programs find from one, its states and its score.

        Curative actions are tried once a round has not helped; they end the search where they mend all that is left.
        """
        net, request, watched = self.net, self.request, self.watched
        best, best_score, radius, backoff, tried = point, (np.inf, np.inf), 1.0, BACKOFF, False
        for number in range(most + 1):
            state = self.verify(point)
            score = self.score(state.result, point)
            watch(net, self.adm, point, state, watched)
            if number == 0 or (score[1] < best_score[1] and _inside(point)):
                best, best_score, best_state, tried = point, score, state, False
                about = Linearised(net, self.adm, best, best_state)
                radius = min(radius / SHRINK, 1.0)
            else:
                # The step was too long for the linear model: go back, watch what it broke too, step shorter.
                radius *= SHRINK
                backoff = min(backoff * BACKOFF_GROWTH, LARGEST_BACKOFF)
            last = number == most or radius < SMALLEST_RADIUS or self.work > MOST_WORK
            if best_score[0] > 0 and (last or (not tried and point is not best)):
                tried = True
                cured, its = self.cured(best, best_state, all_or_none=not last)
                if its[0] <= 0 or last:
                    return best, cured, its
            if best_score[0] <= 0 or last:
                break
            self.rounds += 1
            self.work += self._per_case * len(watched.cases)
            try:
                changed = step(request, best, about.rows(watched, backoff), radius, shed_more).point
            except (InfeasibleError, SolverError):  # next to a voltage collapse the program may be beyond the solver
                break
            point, ok = settle_in_range(net, self.adm.ybus, changed)
            if not ok:
                point, radius = best, radius * SHRINK
        return best, best_state, best_score

    def nearer(self, first: OperatingPoint, point: OperatingPoint, state: Verified) -> tuple[OperatingPoint, Verified]:
        """A secure point between the schedule and one that is, with actions for what outages break there; by bisection."""
        here, there = 0.0, 1.0
        end = point
        self.watched.unmended.clear()
        for _ in range(BISECTIONS):
            if self._cost(point) < self._cost(first) * (1 + WORTH) + LEAST_USD:
                break
            share = (here + there) / 2
            between = {k: (1 - share) * getattr(first, k) + share * getattr(end, k) for k in ("p", "shed")}
            mag = (1 - share) * np.abs(first.v) + share * np.abs(end.v)
            asked = replace(end, **between, v=mag * np.exp(1j * np.angle(end.v)))
            other, ok = settle_in_range(self.net, self.adm.ybus, asked)
            if ok:
                its = self.verify(other)
                its, score = self.cured(other, its, all_or_none=True)
                self.watched.unmended.clear()
            if ok and score[0] <= 0 and _inside(other) and self._cost(other) <= self._cost(point):
                point, state, there = other, its, share
            else:
                here = share
        return point, state

    def cheaper(self, point: OperatingPoint, state: Verified) -> tuple[OperatingPoint, Verified]:
        """A secure point that costs less, nearer to the schedule: the way to the first secure one may have been a detour."""
        radius, about = FIRST_RADIUS, Linearised(self.net, self.adm, point, state)
        for _ in range(CHEAPER_ROUNDS):
            try:
                changed = step(self.request, point, about.rows(self.watched, BACKOFF), radius, False).point
            except (InfeasibleError, SolverError):
                break
            worth = WORTH * self._cost(self.request.point)
            if self._cost(changed) > self._cost(point) - worth:
                break
            self.rounds += 1
            other, ok = settle_in_range(self.net, self.adm.ybus, changed)
            if ok:
                its = self.verify(other)
                watch(self.net, self.adm, other, its, self.watched)
            if (
                ok
                and self.score(its.result, other)[0] <= 0
                and _inside(other)
                and self._cost(other) < self._cost(point)
            ):
                point, state, radius = other, its, min(radius / SHRINK, 1.0)
                about = Linearised(self.net, self.adm, point, state)
            else:
                radius *= SHRINK
        return point, state

    def _cost(self, point: OperatingPoint) -> float:
        """USD/h of the thermal units, never less than the schedule's."""
        units, total = self.net.grid.units, []
        for p in (point.p, self.request.point.p):
            total.append(
                sum(
                    float(np.interp(p[g], units.cost_mw[g], units.cost_usd[g]))
                    for g in np.flatnonzero(point.on & (units.kind == THERMAL)).tolist()
                )
            )
        return max(total)

    def set_aside(self, state: Verified) -> bool:
        """Let outages without a power flow count no more; whether there are any.

        What would restore one is not known, and what is done for it in vain must not keep others from being mended.
        """
        lost = _lost(state) - self.watched.aside
        self.watched.aside |= lost
        return bool(lost)

    def verify(self, point: OperatingPoint) -> Verified:
        """The states of a point; actions for outages without a power flow where some help."""
        net, request, watched = self.net, self.request, self.watched
        hour = hour_of(net, point)
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
        _count_as_met(result, sorted(watched.aside))
        actions = []
        if not result.converged.all():
            pocket = self.pocket(point)
            for k in np.flatnonzero(~result.converged[0, 1:]).tolist():
                if k in watched.helpless:
                    continue
                action = self._again(pocket, k) or pocket.help(k)
                if action is None:
                    watched.helpless.add(k)
                    continue
                self._helped[k] = action
                actions.append(action)
                _count_as_met(result, [k])
        known = np.isin(result.contingencies, list(watched.cases))
        matters = (result.loading[0, 1:] > NEAR) | (result.margin[0, 1:] > 0) | known
        matters[sorted(watched.aside)] = False
        helped = np.isin(result.contingencies, [a.outage for a in actions])
        outages = np.flatnonzero(result.converged[0, 1:] & matters & ~helped)
        states = batched_engine_of(net).cases(hour, outages)
        return Verified(result, states, result.contingencies[outages], tuple(actions))

    def _again(self, pocket: Pocket, case: int) -> CurativeAction | None:
        """What helped a case at a point before, if it does here; `least` seeks the least at the end."""
        action = self._helped.get(case)
        if action is None:
            return None
        change = action.change.real * self.net.grid.base_mva
        fits = (change >= -pocket.generation - 1e-6).all() and (change <= pocket.demand + 1e-6).all()
        return action if fits and pocket.secure(case, action) else None

    def least(self, point: OperatingPoint, state: Verified) -> tuple[CurativeAction, ...]:
        """The actions of a point's states, those for outages without a power flow sought anew."""
        if not state.actions:
            return ()
        pocket, out = self.pocket(point), []
        for action in state.actions:
            case = int(np.flatnonzero(self.request.contingencies == action.outage)[0])
            fresh = pocket.help(case) if self._helped.get(case) is action else None
            out.append(action if fresh is None else fresh)
        return tuple(out)

    def score(self, result: N1Result, point: OperatingPoint) -> Score:
        """How far a point is from being secure, but for what is set aside."""
        lost = int((~result.converged).sum())
        over = np.maximum(np.nan_to_num(result.loading) - 1 - LOADING_TOLERANCE, 0.0)
        volts = np.maximum(np.nan_to_num(result.margin) - VOLTAGE_TOLERANCE, 0.0)
        low, high = self.net.reactive_range(point.on)
        reactive = np.maximum(np.maximum(low - point.q, point.q - high) - 1e-2, 0.0) / self.net.grid.base_mva
        worst = max(float(p.max()) for p in (over, volts, reactive))
        intact = float(over[:, 0].sum() + volts[:, 0].sum() + reactive.sum())
        total = float(over[:, 1:].sum() + volts[:, 1:].sum()) + INTACT * intact
        return (np.inf if lost else worst), total + COLLAPSE_WEIGHT * lost

    def intact(self, result: N1Result, point: OperatingPoint) -> float:
        """The worst violation before any outage."""
        alone = {k: getattr(result, k)[:, :1] for k in ("converged", "loading", "margin")}
        return self.score(replace(result, **alone), point)[0]

    def pocket(self, point: OperatingPoint) -> Pocket:
        """The hour as curative actions see it."""
        net = self.net
        demand = np.maximum(self.request.demand - point.shed, 0.0)
        return Pocket.of(
            net, admittance(net.grid), factors_of(net), batched_engine_of(net), hour_of(net, point), point, demand
        )

    def cured(self, point: OperatingPoint, state: Verified, all_or_none: bool) -> tuple[Verified, Score]:
        """A point's states with curative actions for what outages still break, where some are found.

        `all_or_none`: none are sought any more once one outage is found to have none.
        """
        left = np.flatnonzero(state.result.insecure()[0, 1:]).tolist()
        past = set(left) & (self.watched.helpless | (self.watched.unmended if all_or_none else set()))
        if not left or (all_or_none and (past or self.intact(state.result, point) > 0)):
            return state, self.score(state.result, point)
        pocket, result, actions = self.pocket(point), deepcopy(state.result), list(state.actions)
        for k in left:
            if k in self.watched.helpless:
                continue
            if self.work > MOST_WORK + (0 if all_or_none else AT_LAST):
                if all_or_none:
                    return state, self.score(state.result, point)
                break
            self.work += MEND * self._per_case
            action = pocket.mend(k) if result.converged[0, 1 + k] else pocket.help(k)
            if action is not None:
                actions.append(action)
                _count_as_met(result, [k])
                continue
            self.watched.unmended.add(k)
            if all_or_none:
                return state, self.score(state.result, point)
        return replace(state, result=result, actions=tuple(actions)), self.score(result, point)


def hour_of(net: Network, point: OperatingPoint) -> Hour:
    """A point as outages find it."""
    return hour_before(net, point.v, point.injection(net), point.q, point.on, point.controlled, point.shunt, point.tap)


def _lost(state: Verified) -> set[int]:
    return set(np.flatnonzero(~state.result.converged[0, 1:]).tolist())


def _count_as_met(result: N1Result, cases: list[int]) -> None:
    at = 1 + np.array(cases, dtype=np.int64)
    result.converged[0, at], result.loading[0, at], result.margin[0, at] = True, 0.0, 0.0


def _inside(point: OperatingPoint) -> bool:
    """Whether no unit leaves its window: where none has room, the losses of a new state may push them out."""
    return bool((np.maximum(point.low - point.p, point.p - point.high) <= WINDOW_TOLERANCE).all())
