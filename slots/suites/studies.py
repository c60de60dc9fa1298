"""The cases of slots beside the chain: power flow, screening, dispatch of one hour, adequacy, days, maintenance.

Results are compared with brute force where systems are small enough, with another formulation where they are not.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from slots.algorithms.maintenance.optimal import optimal
from slots.contracts.adequacy import Adequacy, AdequacyRequest, check_adequacy
from slots.contracts.economic_dispatch import EconomicDispatch, EconomicRequest, check_economic
from slots.contracts.maintenance import MaintenancePlan, MaintenanceRequest, check_maintenance, plan_of
from slots.contracts.n1 import N1Request
from slots.contracts.power_flow import PowerFlowResult, check_power_flow, scheduled
from slots.contracts.representative_days import Days, DaysRequest, check_days, distance, features_of
from slots.contracts.screening import Ranking, check_ranking
from slots.grid.admittance import admittance
from slots.grid.model import Grid
from slots.grid.newton import newton
from slots.sources.catalogue import load_source
from slots.suites.case import Case
from slots.suites.states import day, series

VECTOR_GROUP = "case9 behind 150 degrees"
INSECURE = 40  # a day of the year on which many outages are insecure
SEEN_FIRST = 0.6  # of the insecure outages that are among as many, and half as many again, ranked first
SIGMAS = 5.0  # standard errors that a sampled result may be off
LOOSE = 0.1  # by which a choice of days may be worse than the best of many tries
RESERVE_LOSS = 0.05  # of the capacity in work by which the worst week may be worse than the optimum


def power_flow() -> list[Case]:
    """Four grids, one with units behind a vector group, and one asked for ten times its load, which no state can give."""
    out = []
    for name in ("case9", "case30", "case118", "case_RTS_GMLC", VECTOR_GROUP):
        request = scheduled(_behind_150_degrees() if name == VECTOR_GROUP else load_source(name).grid)
        grid = request.grid
        known = newton(admittance(grid).ybus, request.injection, request.v, grid.slack, request.held)

        def check(result: PowerFlowResult, request: Any = request, known: Any = known) -> None:
            assert result.converged, "not solved"
            check_power_flow(request, result)
            assert np.abs(result.v - known.v).max() < 1e-5, "another state than Newton's method finds"

        out.append(Case(name, (request,), check))
    request = scheduled(load_source("case30").grid, 10.0)

    def refuses(result: PowerFlowResult) -> None:
        assert not result.converged, "a state is told where there is none"

    return [*out, Case("ten times the load", (request,), refuses)]


def _behind_150_degrees() -> Grid:
    """The 9-bus system with its second and third unit behind transformers that turn by 150 degrees."""
    grid = load_source("case9").grid
    behind = np.isin(grid.branches.t, (1, 2)) | np.isin(grid.branches.f, (1, 2))
    away = np.where(np.isin(grid.branches.t, (1, 2)), 1, -1) * np.deg2rad(150)
    return grid.replace(branches=replace(grid.branches, shift=np.where(behind, away, 0.0)))


def screening() -> list[Case]:
    """The hour of a day with most insecure outages, judged by a full verification."""
    from slots.algorithms.n1.batched import batched

    whole = day(INSECURE).n1_request()
    hour = int(batched(whole).insecure().sum(axis=1).argmax())
    request = N1Request.of(whole.network, [whole.hour(hour)])
    insecure = np.flatnonzero(batched(request).insecure()[0, 1:])

    def check(result: Ranking) -> None:
        check_ranking(request, result)
        first = result.order[: len(insecure) + len(insecure) // 2 + 1]
        seen = np.isin(insecure, first).mean()
        assert seen >= SEEN_FIRST, f"only {seen:.0%} of the insecure outages are ranked first"

    return [Case(f"hour {hour} of day {INSECURE}", (request,), check)]


def economic_dispatch() -> list[Case]:
    """RTS-GMLC's thermal units at low, middle and high demand, against a fine search of the price."""
    units = load_source("case_RTS_GMLC").grid.units
    mine = (units.kind == "thermal") & (units.pmax > 0)
    mw, usd = units.cost_mw[mine], units.cost_usd[mine]
    out = []
    for share in (0.05, 0.5, 0.93):
        demand = float((1 - share) * mw[:, 0].sum() + share * mw[:, -1].sum())
        request = EconomicRequest(mw, _convex(mw, usd), demand)

        def check(result: EconomicDispatch, request: Any = request) -> None:
            check_economic(request, result)
            least = _dual(request)
            assert result.cost >= least - 1e-6 * least, "costs less than is possible"
            assert result.cost <= least * (1 + 1e-6) + 1e-3, (
                f"costs {result.cost - least:.2f} USD/h more than the least"
            )

        out.append(Case(f"{demand:.0f} MW", (request,), check))
    return out


def _convex(mw: Any, usd: Any) -> Any:
    """Curves with slopes that never fall."""
    width = np.diff(mw, axis=1)
    slope = np.divide(np.diff(usd, axis=1), width, out=np.zeros_like(width), where=width > 1e-9)
    slope = np.maximum.accumulate(slope, axis=1)
    return np.concatenate([usd[:, :1], usd[:, :1] + np.cumsum(slope * width, axis=1)], axis=1)


def _dual(request: EconomicRequest) -> float:
    """The least cost, as the largest value of the dual over all slopes."""
    mw, usd = request.cost_mw, request.cost_usd
    width = np.diff(mw, axis=1)
    prices = np.unique(np.diff(usd, axis=1)[width > 1e-9] / width[width > 1e-9])
    return max(float(x * request.demand + (usd - x * mw).min(axis=1).sum()) for x in prices)


def adequacy() -> list[Case]:
    """Ten units by all 1,024 states, and RTS-GMLC's thermal units by convolution, which the first case proves."""
    rng = np.random.default_rng(7)
    small = AdequacyRequest(
        np.array([12.0, 20, 20, 50, 76, 76, 100, 155, 197, 350]), rng.uniform(0.02, 0.12, 10),
        rng.uniform(300, 950, 200), 3,
    )  # fmt: skip
    units = load_source("case_RTS_GMLC").grid.units
    mine = (units.kind == "thermal") & (units.pmax > 0)
    load = 1.25 * _load()
    large = AdequacyRequest(units.pmax[mine].round(), np.full(int(mine.sum()), 0.06), load[: 24 * 28], 5)
    return [_assessed("ten units", small, _enumerated(small)), _assessed("RTS-GMLC", large, None)]


def _load() -> Any:
    load: Any = series().load
    return load.total() if hasattr(load, "total") else load.sum(axis=1)


def _assessed(name: str, request: AdequacyRequest, known: tuple[float, float] | None) -> Case:
    from slots.algorithms.adequacy.outage_table import convolution

    if known is None:
        table = convolution(request)
        known = table.lole, table.eens
    lole, eens = known

    def check(result: Adequacy) -> None:
        check_adequacy(request, result)
        for what, found, true, error in (
            ("LOLE", result.lole, lole, result.lole_error), ("EENS", result.eens, eens, result.eens_error)
        ):  # fmt: skip
            room = SIGMAS * error + 1e-6 * true
            assert abs(found - true) <= room, f"{what} is {found:.6g}, {true:.6g} is true and {room:.2g} off allowed"
            assert error <= 0.25 * true, f"{what} is known to {error:.2g} only, of {true:.2g}"

    return Case(name, (request,), check)


def _enumerated(request: AdequacyRequest) -> tuple[float, float]:
    lole = eens = 0.0
    for state in product((0, 1), repeat=len(request.capacity)):
        on = np.array(state, bool)
        p = float(np.prod(np.where(on, 1 - request.outage_rate, request.outage_rate)))
        short = np.maximum(request.load - request.capacity[on].sum(), 0.0)
        lole += p * float((short > 1e-9).sum())
        eens += p * float(short.sum())
    return lole, eens


def days_of_year() -> Any:
    """(day, feature) of RTS-GMLC's year."""
    return features_of(_load(), np.nansum(series().available, axis=1))


def representative_days() -> list[Case]:
    """Twelve days for a year against the best of many random starts, and two of six by brute force."""
    features = days_of_year()
    return [_chosen("twelve days of a year", DaysRequest(features, 12, 3), _best_known(DaysRequest(features, 12, 3))),
            _chosen("two days of eight", DaysRequest(features[::46], 2, 3), _best_pair(features[::46]))]  # fmt: skip


def _chosen(name: str, request: DaysRequest, known: float) -> Case:
    def check(result: Days) -> None:
        check_days(request, result)
        found = distance(request, result.day)
        assert found <= known * (1 + LOOSE), f"days lie {found / known - 1:.0%} further from those chosen than need be"
        label = np.argmin(
            np.linalg.norm(request.features[:, None] - request.features[result.day][None], axis=2), axis=1
        )
        assert (np.bincount(label, minlength=request.count) == result.weight).all(), "a weight is not the days nearest"

    return Case(name, (request,), check)


@cache
def _best_pair_of(key: bytes, rows: int) -> float:
    features = np.frombuffer(key).reshape(rows, -1)
    request = DaysRequest(features, 2)
    return min(distance(request, np.array([a, b])) for a in range(rows) for b in range(a))


def _best_pair(features: Any) -> float:
    copy = np.ascontiguousarray(features)
    return _best_pair_of(copy.tobytes(), len(copy))


def _best_known(request: DaysRequest) -> float:
    """The least distance that exchanges find from random choices: an upper bound that a good choice comes near to."""
    rng, n = np.random.default_rng(11), len(request.features)
    far = np.linalg.norm(request.features[:, None] - request.features[None], axis=2)
    best = np.inf
    for _ in range(5):
        chosen = rng.choice(n, request.count, replace=False)
        for _ in range(30):
            label = far[:, chosen].argmin(axis=1)
            new = np.array([
                members[far[np.ix_(members, members)].sum(axis=0).argmin()]
                for k in range(request.count) if len(members := np.flatnonzero(label == k))
            ])  # fmt: skip
            if len(new) < request.count or (new == chosen).all():
                break
            chosen = new
        best = min(best, float(far[:, chosen].min(axis=1).sum()))
    return best


def maintenance() -> list[Case]:
    """RTS-GMLC's thermal units in a year of 52 weeks, with windows and crews; and one that cannot be planned."""
    units = load_source("case_RTS_GMLC").grid.units
    mine = np.flatnonzero((units.kind == "thermal") & (units.pmax > 0))[::3]
    capacity, n = units.pmax[mine], len(mine)
    rng = np.random.default_rng(5)
    duration = rng.integers(1, 6, n)
    duration[::7] = 0
    earliest = rng.integers(0, 20, n)
    peak = _load()[: 52 * 168].reshape(52, -1).max(axis=1)
    request = MaintenanceRequest(
        capacity, np.full(n, 0.05), duration, earliest, np.minimum(earliest + duration + 28, 51), 0.7 * capacity.sum() *
        peak / peak.max(), 4, 3,
    )  # fmt: skip
    best = plan_of(request, optimal(request).start).reserve.min()

    def check(result: MaintenancePlan) -> None:
        check_maintenance(request, result)
        worst, room = result.reserve.min(), RESERVE_LOSS * capacity.sum()
        assert worst <= best + 1e-2 * capacity.sum(), "more reserve than is possible"
        assert worst >= best - room, f"the worst week has {worst:.0f} MW of reserve, {best:.0f} MW are possible"

    free = replace(request, duration=np.zeros(n, np.int64))

    def nothing(result: MaintenancePlan) -> None:
        check_maintenance(free, result)

    return [Case("52 weeks", (request,), check), Case("nothing to do", (free,), nothing)]


CASES: dict[str, Callable[[], list[Case]]] = {
    f.__name__: f for f in (power_flow, screening, economic_dispatch, adequacy, representative_days, maintenance)
}
