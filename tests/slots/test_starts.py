"""Starts by the time off, limits of starts and stops, and stop costs in the chain's programs, against enumeration."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from slots.algorithms.unit_commitment.guided import guided
from slots.algorithms.unit_commitment.lazy_network import lazy_network
from slots.contracts.unit_commitment import (
    Border,
    Horizon,
    changes_cost,
    check_schedule,
    start_share,
    starts_cost,
    stop_room,
)
from slots.grid.plants import grouping, merged
from slots.scheduling.routines.day import Day
from slots.scheduling.search import FAR
from slots.sources.pglib_uc import case_of
from slots.suites.states import grid
from tests.slots.test_commitment_case import enumerated, tiny


def chained(case):
    """A case as the chain's horizon; ramps must not bind, since the chain's are of another form."""
    g, n = case.thermal, len(case.thermal.name)
    rows = np.flatnonzero(grid().units.kind == "thermal")[:n]
    tiers = g.start_off.shape[1]
    cold = g.start_usd.max(axis=1)
    off = np.where(np.isfinite(g.start_off), g.start_off, 1e4 + np.arange(tiers))
    off[:, 0] = 0.0
    units = replace(
        grid().units.take(np.append(rows, np.flatnonzero(grid().units.kind == "variable")[:1])), pmin=np.append(g.pmin[0], 0.0),
        pmax=np.append(g.pmax[0], 1e4), cost_mw=np.vstack([g.mw[0], np.zeros(g.mw.shape[2])]),
        cost_usd=np.vstack([g.usd[0], np.zeros(g.mw.shape[2])]), min_up=np.append(g.min_up, 0), min_down=np.append(g.min_down, 0),
        ramp=np.full(n + 1, 1e4), ramp_10min=np.full(n + 1, 1e4), must_run=np.append(g.must_run[0], False),
        in_service=np.ones(n + 1, bool), start_cost=np.append(cold, 0.0), stop_cost=np.append(g.stop_usd, 0.0),
        start_off=np.vstack([off, np.arange(tiers)]),
        start_share=np.vstack([g.start_usd / np.maximum(cold, 1e-9)[:, None], np.ones(tiers)]),
        start_limit=np.append(g.start_limit, np.inf), stop_limit=np.append(g.stop_limit, np.inf),
    )  # fmt: skip
    wind = case.profiled.high
    shape, none = (case.steps, n + 1), np.full(n + 1, np.nan)
    available = np.where(np.arange(n + 1) == n, wind, np.nan)
    # The day before ended where each unit can stop from, so that it may stop in the first hour.
    start = Border(np.append(g.on, False), np.append(g.since, 9.0), none, np.zeros(n + 1), stop_room(units))
    # Wind that is curtailed counts as reserve in the chain: it is given whole, as far as there is load for it.
    return Horizon(
        units, 0, case.load[:, 0], available, np.where(np.arange(n + 1) == n, wind, 0.0), np.zeros(shape), case.products[0].need,
        np.zeros((0, n + 1)), np.zeros((case.steps, 0)), np.zeros(0), start, None,
    )  # fmt: skip


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**9))
@example(924450)
def test_the_chains_programs_cost_what_enumeration_says(seed):
    rng = np.random.default_rng(seed)
    case = case_of(tiny(rng, 2, 5), "tiny")
    g = case.thermal
    wind = np.minimum(case.profiled.high, 0.2 * case.load)
    case = replace(
        case, profiled=replace(case.profiled, low=wind, high=wind),
        thermal=replace(
            g, stop_usd=rng.uniform(0, 100, 2), rise=np.full(2, 1e4), fall=np.full(2, 1e4),
            stop_limit=np.where(g.on, np.maximum(g.stop_limit, g.power), g.stop_limit),
        ),
    )  # fmt: skip
    best = enumerated(case)
    h = chained(case)
    for program in (guided, lazy_network):
        s = program(h, 1e-9)
        check_schedule(h, s)
        most = best * (1 + (FAR if program is guided else 1e-6)) + 1e-3
        assert s.cost <= most
        assert s.start_cost == pytest.approx(starts_cost(h, s.on))
        if s.penalty < 1e-6:
            assert s.cost >= best * (1 - 1e-6) - 1e-3
        assert s.bound <= best * (1 + 1e-6) + 1e-3
        again = Day(h, s.on).problem.solve()  # the dispatch of that commitment costs the same
        assert again.cost + s.start_cost == pytest.approx(s.cost, rel=1e-6, abs=1e-3)


def test_the_cost_of_a_start_is_that_of_its_time_off():
    units = grid().units.take(np.flatnonzero(grid().units.kind == "thermal")[:1])
    units = replace(
        units, start_cost=np.array([100.0]), stop_cost=np.array([7.0]), start_off=np.array([[0.0, 3.0, 6.0]]),
        start_share=np.array([[0.4, 0.7, 1.0]]),
    )  # fmt: skip
    for off, share in ((1, 0.4), (2, 0.4), (3, 0.7), (5, 0.7), (6, 1.0), (99, 1.0)):
        assert start_share(units, 0, float(off)) == share
        on = np.array([1] * 2 + [0] * off + [1], bool)[:, None]
        assert changes_cost(units, on, np.zeros(1)) == pytest.approx(100 * share + 7)
        later = np.array([0, 0, 1], bool)[
            :, None
        ]  # off for `off` hours at the end of the first, one more in the second
        assert changes_cost(units, later, np.array([float(off)])) == pytest.approx(
            100 * start_share(units, 0, off + 1.0)
        )


def test_a_border_counts_the_start_from_the_time_planned():
    one = np.ones(2)
    border = Border(np.array([False, True]), 4 * one, one, one, one, past=np.array([30.0, 50.0]))
    assert border.rested.tolist() == [30.0, 0.0]
    assert Border.from_arrays(border.to_arrays("24"), "24").rested.tolist() == [30.0, 0.0]
    assert Border(~(one > 0), 4 * one, one, one, one).rested.tolist() == [4.0, 4.0]


def test_a_plant_of_several_units_starts_at_what_they_cost_together():
    units = grid().units.take(np.flatnonzero(grid().units.kind == "thermal")[:3])
    units = replace(
        units, plant=np.array(["a", "a", ""]), start_cost=np.array([100.0, 300.0, 50.0]),
        start_off=np.array([[0.0, 4.0], [0.0, 8.0], [0.0, 2.0]]), start_share=np.array([[0.5, 1.0], [0.2, 1.0], [0.3, 1.0]]),
        start_limit=np.array([10.0, 20.0, np.inf]),
    )  # fmt: skip
    out, _ = merged(units, grouping(units), sp.csr_matrix(np.eye(3)))
    assert out.start_cost.tolist() == [400.0, 50.0]
    assert out.start_limit.tolist() == [30.0, np.inf]
    cost = [400.0 * start_share(out, 0, float(t)) for t in (1, 5, 9)]
    # Together 110 below 4 h, 160 below 8 h, 400 beyond; two tiers remain, the smaller step taken early.
    assert cost == pytest.approx([160.0, 160.0, 400.0])
    assert start_share(out, 1, 1.0) == 0.3
