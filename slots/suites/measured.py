"""The cases of slots about what was or will be: state estimation, load forecast, loss allocation."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from slots.contracts.load_forecast import ForecastRequest, check_forecast
from slots.contracts.loss_allocation import Allocation, SolvedState, check_allocation
from slots.contracts.power_flow import scheduled
from slots.contracts.state_estimation import ACTIVE, FLOW, MAGNITUDE, Estimate, Measurements, Model, check_estimate
from slots.contracts.time_domain import TimeDomainRequest, check_response
from slots.dynamics.initial import at_rest
from slots.dynamics.study import read_study
from slots.dynamics.time_domain import Response, simulate
from slots.grid.admittance import admittance
from slots.grid.model import Complexes, Grid
from slots.grid.newton import newton
from slots.sources.catalogue import load_source
from slots.suites.case import Case
from slots.suites.states import series

EXACT = 1e-6  # p.u. by which a state is missed that all measurements agree on
FROM_NOISE = 0.02  # p.u. that noise of 0.005 and 0.01 p.u. moves a state at most
FAULT_S, SWING = 2.0, 0.2  # s simulated, rad that the coarsest rule may be off
WORST = 0.2  # mean error of a forecast, share of the load


def _solved(name: str) -> tuple[Grid, Complexes]:
    request = scheduled(load_source(name).grid)
    grid = request.grid
    found = newton(admittance(grid).ybus, request.injection, request.v, grid.slack, request.held)
    return grid, found.v * np.exp(-1j * np.angle(found.v[grid.slack]))


def _measured(grid: Grid, v: Complexes, noise: float) -> Measurements:
    """Everything at every bus and branch, with noise of so many standard deviations."""
    n, m = grid.n_bus, len(grid.branches)
    kind = np.repeat(np.arange(5), [n, n, n, m, m])
    at = np.concatenate([np.arange(n)] * 3 + [np.arange(m)] * 2)
    sigma = np.where(kind == MAGNITUDE, 0.005, 0.01)
    empty = Measurements(grid, kind, at, np.zeros(len(kind)), sigma)
    exact = Model(empty).value(v)
    return replace(empty, value=exact + noise * sigma * np.random.default_rng(3).standard_normal(len(kind)))


def state_estimation() -> list[Case]:
    """Two grids: measurements that agree, that are noisy, and with every thirtieth grossly wrong, for those who look."""
    out = []
    for name in ("case14", "case118"):
        grid, v = _solved(name)
        for what, noise, room in (("agree", 0.0, EXACT), ("noisy", 1.0, FROM_NOISE)):
            request = _measured(grid, v, noise)

            def check(result: Estimate, request: Any = request, v: Any = v, room: float = room) -> None:
                check_estimate(request, result)
                assert result.converged, "not solved"
                off = float(np.abs(result.v - v).max())
                assert off <= room, f"the state is missed by {off:.2g} p.u."
                assert result.bad.mean() < 0.02, "good measurements are held for wrong"

            out.append(Case(f"{name}, measurements {what}", (request,), check))
    grid, v = _solved("case14")
    wrong = _measured(grid, v, 0.2)
    spoiled = np.flatnonzero((wrong.kind == ACTIVE) | (wrong.kind == FLOW))[3::12]
    wrong = replace(wrong, value=np.where(np.isin(np.arange(len(wrong.kind)), spoiled), wrong.value + 1.5, wrong.value))

    def robust(result: Estimate) -> None:
        check_estimate(wrong, result)
        if result.bad.any():  # a program that looks for bad data finds these
            assert result.bad[spoiled].all(), "a gross error is not found"
            assert np.abs(result.v - v).max() < 2 * FROM_NOISE, "gross errors move the state"

    return [*out, Case("case14, some grossly wrong", (wrong,), robust)]


def load_forecast() -> list[Case]:
    """A week ahead at four times of RTS-GMLC's year, against the week before; and a load that repeats exactly."""
    load: Any = series().load
    y = load.total() if hasattr(load, "total") else load.sum(axis=1)
    requests = [ForecastRequest(y[:end], 168, 4 * 24) for end in (2000, 4000, 6000, 8000)]
    truth = [y[len(r.history) : len(r.history) + 168] for r in requests]
    naive = [np.abs(np.resize(r.history[-168:], 168) - t).mean() for r, t in zip(requests, truth, strict=True)]
    out = []
    for request, known, usual in zip(requests, truth, naive, strict=True):

        def check(
            result: Any, request: Any = request, known: Any = known, usual: float = float(np.mean(naive))
        ) -> None:
            check_forecast(request, result)
            off = float(np.abs(result - known).mean())
            assert off <= WORST * known.mean(), f"{off / known.mean():.0%} off on average"
            assert off <= 3 * usual, "three times as far off as the week before usually is"

        out.append(Case(f"from hour {len(request.history)}", (request,), check))
    week = 1000 + 300 * np.sin(np.arange(168) / 24 * 2 * np.pi) + np.where(np.arange(168) < 120, 100.0, 0.0)
    same = ForecastRequest(np.tile(week, 8), 168)

    def repeats(result: Any) -> None:
        check_forecast(same, result)
        assert np.abs(result - week).max() < 0.01 * week.mean(), "a load that repeats is not repeated (1 %)"

    return [*out, Case("a load that repeats", (same,), repeats)]


def loss_allocation() -> list[Case]:
    """A grid as scheduled, and two buses, of which it is known."""
    out = []
    for name in ("case14", "case118"):
        grid, v = _solved(name)
        s = (v * np.conj(admittance(grid).ybus @ v)).real * grid.base_mva
        request = SolvedState(grid, v, np.maximum(s + grid.buses.pd, 0.0).round(9), np.maximum(grid.buses.pd, 0.0))

        def check(result: Allocation, request: Any = request) -> None:
            check_allocation(request, result)
            far = result.to_generation.sum() / request.losses()
            assert -0.5 <= far <= 1.5, "one side is paid for by the other"  # some methods reward who relieves branches
            small = request.taken > 0
            rate = result.to_load[small] / request.taken[small]
            assert rate.max() < 0.5, "a load answers for half of what it takes"

        out.append(Case(name, (request,), check))
    return out


def time_domain() -> list[Case]:
    """The WSCC 9-bus system: at rest, and with its fault in steps of a 1/120 s and a quarter of it.

    Errors against the trapezoidal rule in steps of 1/1920 s are small, and fall by twice at least with a quarter of the step.
    """
    study = read_study("wscc9")
    rest = at_rest(study.dynamic)
    fine = simulate(study.dynamic, study.events, FAULT_S, 1 / 1920, rest)
    still = TimeDomainRequest(study.dynamic, (), 5.0, rest=rest)

    def rests(result: Response) -> None:
        check_response(still, result)
        assert result.stable, "a system at rest is said to be unstable"
        assert np.abs(result.z - result.z[0]).max() < 1e-7, "a system at rest moves"

    errors: dict[float, float] = {}
    out = [Case("at rest", (still,), rests)]
    for step in (1 / 120, 1 / 480):
        request = TimeDomainRequest(study.dynamic, study.events, FAULT_S, step, rest)

        def check(result: Response, request: Any = request, step: float = step) -> None:
            check_response(request, result)
            assert result.stable, "a fault that is survived is said to part machines"
            errors[step] = _apart(result, fine)
            assert errors[step] < SWING, f"rotor angles are off by {errors[step]:.2g} rad"
            if step < 1 / 120:  # its cases are run in this order
                assert errors[step] < errors[1 / 120] / 2, "shorter steps do not come nearer"

        out.append(Case(f"a fault, steps of {step:.4f} s", (request,), check))
    return out


def _apart(a: Response, b: Response) -> float:
    """rad by which rotor angles against the first machine's differ."""

    def angles(r: Response) -> Any:
        first = r.of("G1", "delta")
        return np.array([r.of(k, "delta") - first for k in ("G2", "G3")])

    return max(float(np.abs(np.interp(b.t, a.t, x) - y).max()) for x, y in zip(angles(a), angles(b), strict=True))


CASES: dict[str, Callable[[], list[Case]]] = {
    f.__name__: f for f in (state_estimation, load_forecast, loss_allocation, time_domain)
}
