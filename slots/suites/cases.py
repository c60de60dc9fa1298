"""The cases of each slot: what a program is asked, and what must be true of its answer.

Invariants come from the slot's contract file. What they cannot see is compared with something that was computed apart
from the program: costs and losses counted anew, outages solved by a full Newton, optima by another formulation.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from slots.algorithms.borders.clustered import clustered
from slots.algorithms.n1.lightsim import lightsim
from slots.algorithms.snapshot.secured import secured
from slots.algorithms.unit_commitment.guided import guided
from slots.contracts.active_dispatch import ActiveDispatch, check_active
from slots.contracts.adjustment import Adjusted, AdjustmentRequest, check_adjusted
from slots.contracts.borders import check_borders
from slots.contracts.equivalence import check_equivalence
from slots.contracts.modelling import ModellingRequest, check_model
from slots.contracts.n1 import N1Request, N1Result, check_n1, request_for
from slots.contracts.reactive_dispatch import ReactiveDispatch, check_reactive
from slots.contracts.sequence import SequenceRequest, check_sequence
from slots.contracts.snapshot import Snapshot, check_snapshot
from slots.contracts.unit_commitment import Border, Horizon, Schedule, check_schedule
from slots.grid.network import Network, whole
from slots.grid.operating_point import OperatingPoint
from slots.sources.series import Series
from slots.suites.case import Case
from slots.suites.figures import check_between, check_cost, check_figures, check_outages, check_state
from slots.suites.states import day, grid, horizon, network, reduction, series

QUIET, WINDY, INSECURE = 190, 20, 230  # days of the year
WAVE_H = 5.0  # shorter than what units must run and rest
DAYS_BETWEEN = 3  # that are scheduled between the borders of a plan
ROOM = 0.1  # of a day's cost by which a schedule may cost more than the best known


def modelling() -> list[Case]:
    """RTS-GMLC is read and complete."""
    return [Case("RTS-GMLC", (ModellingRequest("case_RTS_GMLC", 0.95),), check_model)]


def snapshot() -> list[Case]:
    """RTS-GMLC's own state can be made secure, so it must be."""

    def check(result: Snapshot) -> None:
        check_snapshot(whole(grid()), result)
        assert result.unmet == (), "the state is said to break a criterion that can be met"
        check_state(grid(), result)

    return [Case("RTS-GMLC's own state", (grid(),), check)]


def equivalence() -> list[Case]:
    """All of the grid, and its upper level."""
    out = []
    for keep_kv in (230.0, 0.0):
        request = replace(reduction()[0], keep_kv=keep_kv)

        def check(result: Network, request: Any = request) -> None:
            check_equivalence(request, result)

        out.append(Case(f"RTS-GMLC from {keep_kv:g} kV", (request,), check))
    return out


def sequence() -> list[Case]:
    """A year of RTS-GMLC with another peak, or the series that are given."""
    request = SequenceRequest(grid(), series(), 3, 0.8)

    def check(result: Series) -> None:
        check_sequence(request, result)
        if np.array_equal(result.available, series().available, equal_nan=True):
            return
        load = result.load.sum(axis=1) if isinstance(result.load, np.ndarray) else result.load.total()
        peak, asked = load.max(), request.peak_share * grid().buses.pd.sum()
        assert abs(peak - asked) < 1e-3 * asked, f"the load's peak is {peak:.0f} MW, {asked:.0f} MW are asked for"

    return [Case("RTS-GMLC's year", (request,), check)]


def borders() -> list[Case]:
    """A week with two days of look-ahead."""
    h = horizon(200, 24 * 9)

    def check(result: list[Border]) -> None:
        assert len(result) == 7, f"{len(result)} midnights where 7 are asked for"
        check_borders(h, result)
        for k in range(DAYS_BETWEEN):
            check_between(replace(horizon(200 + k), start=result[k - 1] if k else None, end=result[k]))

    return [Case("a week in July", (h, 7), check)]


def unit_commitment() -> list[Case]:
    """A calm day, a windy one, one on which load comes and goes, and one between the borders of a plan around it."""
    return [
        _commitment("a day in July", horizon(QUIET)),
        _commitment("load that comes and goes", _waves()),
        _commitment("a windy day", horizon(WINDY)),
        _commitment("a day between borders", _bordered()),
    ]


def _commitment(name: str, h: Horizon) -> Case:
    known = guided(h, 2e-3)

    def check(result: Schedule) -> None:
        check_schedule(h, result)
        check_figures(h, result)
        check_cost(result, known, ROOM)

    return Case(name, (h, 2e-3), check)


def _waves() -> Horizon:
    h = horizon(QUIET)
    return replace(h, demand=h.demand * (0.8 + 0.2 * np.cos(2 * np.pi * np.arange(h.hours) / WAVE_H)))


def _bordered() -> Horizon:
    planned = clustered(horizon(199, 72), 2)
    return replace(horizon(200), start=planned[0], end=planned[1])


def active_dispatch() -> list[Case]:
    """Two days as committed."""
    out = []
    for number in (QUIET, INSECURE):
        request = day(number).active_request

        def check(result: ActiveDispatch, request: Any = request) -> None:
            check_active(request, result)
            check_figures(result.horizon, result.schedule)
            lost = (request.r_mw * result.horizon.flow(result.schedule.p)[:, : len(request.f)] ** 2).sum(axis=1)
            assert np.allclose(result.loss, lost, rtol=0.02, atol=0.1), "losses are not those of the flows (2 %)"
            covered = result.horizon.demand - request.horizon.demand
            assert np.allclose(covered, result.loss, rtol=0.02, atol=0.1), "the demand does not cover the losses"

        out.append(Case(f"day {number}", (request,), check))
    return out


def reactive_dispatch() -> list[Case]:
    """A day whose limits can all be met."""
    request = day(QUIET).reactive_request

    def check(result: ReactiveDispatch) -> None:
        check_reactive(request, result)
        assert result.feasible.all(), "limits are said to be broken in hours where they can be met"
        net = request.network
        lost = (request.fixed.real.sum(axis=1) * net.grid.base_mva) + result.p.sum(axis=1)
        assert np.allclose(result.loss, lost, atol=1e-3), "losses are not what is generated and not used"

    return [Case(f"day {QUIET}", (request,), check)]


def n1() -> list[Case]:
    """A day with insecure outages, and a state of the full grid, in which some split it."""
    return [_outages(f"day {INSECURE}", day(INSECURE).n1_request(), 10), _outages("the full grid", _snapshot(), 1)]


def _outages(name: str, request: N1Request, sample: int) -> Case:
    def check(result: N1Result) -> None:
        check_n1(request, result)
        check_outages(request, result, sample)

    return Case(name, (request,), check)


def _snapshot() -> N1Request:
    return _alone(whole(grid()), secured(grid()).point)


def adjustment() -> list[Case]:
    """An insecure hour that can be made secure, verified apart from the program."""
    asked = _insecure_hour()

    def check(result: Adjusted) -> None:
        check_adjusted(asked, result)
        assert result.secure, result.reason or "the hour is said to stay insecure"
        assert result.moved > 0, "nothing moved although the hour is insecure"
        moved = np.abs(result.point.p - asked.point.p).sum() / 2
        assert abs(moved - result.moved) <= 0.02 * moved + 0.5, f"{result.moved:.1f} MW said, {moved:.1f} MW moved"
        _check_secure(asked, result)

    return [Case(f"day {INSECURE}, its first insecure hour", (asked,), check)]


def _insecure_hour() -> AdjustmentRequest:
    d, net = day(INSECURE), network()
    request = d.n1_request()
    hour = int(np.flatnonzero(lightsim(request).insecure().any(axis=1))[0])
    units, q = net.grid.units, d.reactive_request
    variable = (units.kind == "variable") & units.in_service
    p = d.reactive.p[hour]
    low = np.where(variable, np.minimum(0.0, p), q.low[hour])
    high = np.where(variable, np.maximum(d.horizon.upper()[hour], p), q.high[hour])
    point = OperatingPoint(
        p, q.on[hour], low, high, d.fixed[hour], d.reactive.q[hour], d.reactive.v[hour], request.controlled[hour],
        np.zeros(net.grid.n_bus), d.reactive.shunt[hour], d.reactive.tap[hour],
    )  # fmt: skip
    return AdjustmentRequest(net, point, np.maximum(-d.fixed[hour].real * 100, 0), net.contingencies)


def _alone(net: Network, point: OperatingPoint) -> N1Request:
    """The verification of one operating point."""
    s = point.injection(net)[None]
    return request_for(net, point.v[None], s, point.q[None], point.on[None], point.shunt[None], point.tap[None])


def _check_secure(asked: AdjustmentRequest, result: Adjusted) -> None:
    net, point = asked.network, result.point
    verified = lightsim(_alone(net, point))
    helped = np.isin(net.contingencies, [a.outage for a in result.actions])
    left = verified.insecure()[0] & ~np.concatenate([[False], helped])
    assert not left.any(), f"{int(left.sum())} cases are still insecure by another engine"


CASES: dict[str, Callable[[], list[Case]]] = {
    f.__name__: f
    for f in (
        modelling, snapshot, equivalence, sequence, borders, unit_commitment, active_dispatch, reactive_dispatch, n1,
        adjustment,
    )
}  # fmt: skip
