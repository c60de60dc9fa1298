"""Outages that split a grid: what goes on is solved by itself, and a slack plant's line takes no grid with it."""

import numpy as np
import pytest

from slots.algorithms.n1.batched import batched_engine_of
from slots.algorithms.snapshot.secured import secured
from slots.grid.admittance import admittance
from slots.grid.network import whole
from slots.grid.outage import hour_before, solve_outage
from slots.sources.catalogue import load_source


@pytest.mark.parametrize("name", ["case39", "case57", "case300", "case33bw"])
def test_parts_are_as_the_full_newton_method_has_them(name: str) -> None:
    grid = load_source(name).grid
    net, adm, p = whole(grid), admittance(grid), secured(grid).point
    hour = hour_before(net, p.v, p.injection(net), p.q, p.on, p.controlled, p.shunt, p.tap)
    engine = batched_engine_of(net)
    splits = [k for k, b in enumerate(net.contingencies.tolist()) if b in engine.splitting]
    assert splits
    states = engine.cases(hour, np.array(splits))
    for row, k in enumerate(splits, start=1):
        branch = int(net.contingencies[k])
        full = solve_outage(net, adm, branch, hour, engine.splitting[branch], tolerance=1e-10)
        assert states.converged[row] == full.converged
        if full.converged:
            assert np.abs(states.v[row] - full.v).max() < 5e-6  # the kernel stops at a mismatch of 1e-8 p.u.


def test_the_line_of_a_slack_plant_takes_the_plant_not_the_grid() -> None:
    grid = load_source("case39").grid
    net, p = whole(grid), secured(grid).point
    engine = batched_engine_of(net)
    (branch,) = (b for b, kept in engine.splitting.items() if not kept[grid.slack])
    assert engine.splitting[branch].sum() == 38
    hour = hour_before(net, p.v, p.injection(net), p.q, p.on, p.controlled, p.shunt, p.tap)
    after = solve_outage(net, admittance(grid), branch, hour, engine.splitting[branch])
    assert after.converged
    plant = (net.unit_map @ p.p)[grid.slack] + p.fixed[grid.slack].real * grid.base_mva
    assert after.lost_generation * grid.base_mva == pytest.approx(plant)
    given = (after.v * np.conj(admittance(grid).ybus @ after.v)).real
    assert after.lost_load == 0.0
    assert np.abs(after.v[grid.slack]) == 0.0
    assert np.isfinite(given).all()
