"""Pairs of branches and outages: their flows are those of a network without the branch, and none that matters is missing."""

from dataclasses import replace

import numpy as np
import pytest

from slots.grid.dc import ptdf
from slots.grid.security import CUTOFF, PairedFactors, Pairs, pairs_of
from slots.suites import states


def _pairs() -> tuple[Pairs, np.ndarray]:
    grid = states.grid()
    factors, rate = ptdf(grid), grid.branches.rate
    outages = np.flatnonzero(grid.branches.in_service)
    return pairs_of(grid, factors, outages, rate, rate), factors


def test_flows_after_an_outage_are_those_of_the_grid_without_the_branch():
    """DC is linear: factors of the grid without the branch must give the same flows, to rounding."""
    grid = states.grid()
    pairs, factors = _pairs()
    injection = np.random.default_rng(3).normal(0, 100, grid.n_bus)
    joined = pairs.joined(factors @ injection)
    assert len(pairs.branch) > 100
    for outage in np.unique(pairs.outage)[:12]:
        on = grid.branches.in_service.copy()
        on[outage] = False
        without = ptdf(grid.replace(branches=replace(grid.branches, in_service=on))) @ injection
        mine = np.flatnonzero(pairs.outage == outage)
        after = joined[len(grid.branches) + mine]
        assert after == pytest.approx(without[pairs.branch[mine]], abs=1e-6)


def test_no_pair_that_can_break_a_limit_is_missing():
    """Random flows within ratings break no limit after an outage but in pairs, or by moving less than the cutoff."""
    grid = states.grid()
    pairs, factors = _pairs()
    rate, rng = grid.branches.rate, np.random.default_rng(5)
    watched = set(zip(pairs.branch.tolist(), pairs.outage.tolist(), strict=True))
    for outage in np.unique(pairs.outage)[:12].tolist():
        across = factors[:, grid.branches.f[outage]] - factors[:, grid.branches.t[outage]]
        moved = across / (1 - across[outage])
        for _ in range(20):
            flow = rng.uniform(-1, 1, len(rate)) * rate
            after = flow + moved * flow[outage]
            for b in np.flatnonzero(np.abs(after) > rate * (1 + 1e-9)).tolist():
                assert b == outage or (b, outage) in watched or abs(moved[b]) < CUTOFF


def test_the_operator_is_the_written_table():
    pairs, factors = _pairs()
    table, operator = pairs.joined(factors.T).T, PairedFactors(factors, pairs)
    assert operator.shape == table.shape
    rows = np.random.default_rng(1).integers(0, len(table), 50)
    assert operator.rows(rows) == pytest.approx(table[rows], abs=1e-12)
    x = np.random.default_rng(2).normal(size=(3, factors.shape[1]))
    assert operator.apply(x) == pytest.approx(x @ table.T, abs=1e-9)
