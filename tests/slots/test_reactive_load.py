"""Reactive load where there is little or no active one: in sequences, and when load is shed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slots.algorithms.sequence.profiles import area_shapes, profiles
from slots.contracts.sequence import SequenceRequest
from slots.grid.model import ISOLATED, Grid
from slots.grid.network import whole
from slots.grid.operating_point import OperatingPoint
from tests.slots.grids import grid_of


def _grid(pd: list[float], qd: list[float], isolated: int | None = None) -> Grid:
    n = len(pd)
    grid = grid_of([3] + [1] * (n - 1), [(k, k + 1) for k in range(1, n)], [(1, 500, True)], load=pd)
    kind = grid.buses.kind.copy()
    if isolated is not None:
        kind[isolated] = ISOLATED
    return grid.replace(buses=replace(grid.buses, qd=np.array(qd, float), kind=kind))


def test_a_synthetic_year_keeps_reactive_load_at_buses_without_active():
    grid = _grid([0, 60, 0, 40], [0, 15, 30, 10], isolated=3)
    series = profiles(SequenceRequest(grid, None, seed=1))
    shape = area_shapes()[:, 0]
    scale = 0.95 / shape.max()
    np.testing.assert_allclose(series.load[:], scale * shape[:, None] * [0, 60, 0, 0], rtol=1e-12)
    np.testing.assert_allclose(series.load_q[:], scale * shape[:, None] * [0, 15, 30, 0], rtol=1e-12)


def test_a_grid_of_reactive_load_alone_has_a_year():
    series = profiles(SequenceRequest(_grid([0, 0], [0, 20]), None, seed=1))
    assert series.load[:].max() == 0
    np.testing.assert_allclose(series.load_q[:].max(), 0.95 * 20 * area_shapes()[:, 0].max(), rtol=1e-12)


power = st.floats(-100, 100)


@given(st.lists(st.tuples(st.one_of(st.just(0.0), power), power, st.floats(0, 1)), min_size=2, max_size=6))
def test_what_is_not_served_draws_neither_power(buses):
    load, reactive, share = (np.array(x) for x in zip(*buses, strict=True))
    net = whole(_grid(load.tolist(), reactive.tolist()))
    demand = np.where(load / 100 > 1e-9, load, 0.0)
    point = OperatingPoint(
        np.zeros(1), np.ones(1, bool), np.zeros(1), np.zeros(1), net.fixed_injection(load, reactive), np.zeros(len(load)),
        np.ones(len(load), complex), np.zeros(len(load), bool), share * demand, np.zeros(len(load)), np.zeros(0),
    )  # fmt: skip
    left = np.where(demand > 0, 1 - share, 1.0)
    assert point.injection(net) == pytest.approx(-(load + 1j * reactive) * left / 100, abs=1e-9)
