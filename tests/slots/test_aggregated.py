"""Study grids cut from the ACTIVSg cases: their parts, their plants, their equivalents."""

from functools import cache

import numpy as np
import pytest

from slots.algorithms.equivalence.ward import ward
from slots.contracts.equivalence import EquivalenceRequest, check_equivalence
from slots.grid.admittance import admittance
from slots.grid.equivalence_error import compare
from slots.grid.model import Complexes, Grid
from slots.grid.network import Network
from slots.sources.catalogue import load_source


@cache
def _region(name: str) -> tuple[Grid, Complexes, Complexes, Network]:
    grid = load_source(name).grid
    v = grid.buses.vm * np.exp(1j * grid.buses.va)
    injection = v * np.conj(admittance(grid).ybus @ v) - grid.dc_injection() / grid.base_mva
    net = ward(EquivalenceRequest(grid, v, injection, 500.0))
    check_equivalence(EquivalenceRequest(grid, v, injection, 500.0), net)
    return grid, v, injection, net


def test_the_region_is_the_published_size():
    grid, _, _, net = _region("aggregated-25k")
    assert int(grid.live.sum()) == 16_884
    assert len(grid.branches) == 22_376
    assert (net.grid.n_bus, len(net.contingencies)) == (614, 746)
    assert len(grid.dc_links) == 7
    assert int((net.grid.units.kind == "thermal").sum()) == 74
    assert np.isfinite(grid.branches.rate).all()
    assert any("without a rating" in n for n in grid.reading.warnings)


@pytest.mark.parametrize("name", ["aggregated-2000", "aggregated-25k"])
def test_plants_are_their_units(name):
    """Capacity, reactive range and cost of a plant are its members'; its shares sum to one."""
    grid, _, _, net = _region(name)
    merged = net.grid.units
    assert merged.pmax.sum() == pytest.approx(grid.units.pmax.sum())
    assert np.bincount(net.unit_of, grid.units.qmax) == pytest.approx(merged.qmax)
    assert np.bincount(net.unit_of, grid.units.cost_usd[:, -1]) == pytest.approx(merged.cost_usd[:, -1])
    slopes = np.diff(merged.cost_usd, axis=1) / np.maximum(np.diff(merged.cost_mw, axis=1), 1e-9)
    several = (merged.kind == "thermal") & (np.bincount(net.unit_of) > 1)
    assert (np.diff(slopes[several], axis=1) > -1e-6 * slopes.max()).all()  # convex, up to rounding
    series = np.tile(grid.units.pmax, (2, 1))
    assert net.of_units(series).sum(axis=1) == pytest.approx(series.sum(axis=1))


def test_banks_are_whole_and_none_is_lost():
    grid, _, _, net = _region("aggregated-25k")
    down, up, step = net.shunt_range()
    assert (down <= 0).all()
    assert (up >= 0).all()
    whole = step > 0
    assert np.abs(down[whole] / step[whole] - np.round(down[whole] / step[whole])).max() < 1e-9
    b, n = grid.buses, net.grid.buses
    assert n.bs_low.sum() - n.bs.sum() == pytest.approx((b.bs_low - b.bs).sum(), rel=1e-6)


def test_taps_between_kept_voltages_move_in_whole_steps():
    grid, _, _, net = _region("aggregated-25k")
    assert len(grid.changers) == len(net.grid.changers) == 13
    down, up, step = net.tap_range()
    ratio = net.grid.branches.tap[net.grid.changers]
    steps = np.concatenate([down, up]) / np.tile(step, 2)
    assert np.abs(steps - steps.round()).max() < 1e-6
    assert (ratio + down >= np.minimum(ratio, 0.9) - 1e-9).all()
    assert (ratio + up <= np.maximum(ratio, 1.1) + 1e-9).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["aggregated-25k", "aggregated-70k"])
def test_the_equivalent_behaves_like_the_whole(name):
    """States and outages that nothing was built from: 0.01 p.u. (states), 2 % of the mean flow, 100 MW after outages."""
    grid, v, injection, net = _region(name)
    p = np.where(grid.units.in_service, grid.units.p, 0.0)
    error = compare(grid, v, injection, net, p, seed=11)
    assert error["lost"] == 0
    assert error["dv_max"] < 0.01
    assert error["flow_error_mean_share"] < 0.02
    assert error["outage_flow_error_max_mw"] < 100
