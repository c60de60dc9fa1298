"""Adjustment beyond its contract: what keeps its schedule, and that steps keep reactive ranges."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from slots.algorithms.adjustment.search import Search
from slots.algorithms.adjustment.successive_lp import successive_lp
from slots.algorithms.adjustment.working_set import Linearised, Watched
from slots.contracts.adjustment import AdjustmentRequest, check_adjusted
from slots.grid.admittance import admittance, as_set
from slots.grid.operating_point import OperatingPoint, settle_in_range
from slots.grid.outage import REACTIVE_TOLERANCE
from slots.suites.states import day, network
from tests.slots.stressed import LOST, load_of, stressed_point


def _point(hour: int) -> OperatingPoint:
    d, net = day(0), network()
    q = d.reactive_request
    return OperatingPoint(
        d.reactive.p[hour], q.on[hour], q.low[hour], q.high[hour], d.fixed[hour], d.reactive.q[hour],
        d.reactive.v[hour], net.voltage_controlled(q.on[hour]), np.zeros(net.grid.n_bus), d.reactive.shunt[hour],
        d.reactive.tap[hour],
    )  # fmt: skip


def test_a_schedule_stays_where_actions_are_all_it_needs() -> None:
    net, point = stressed_point()
    request = AdjustmentRequest(
        net, point, load_of(net, point), net.contingencies, np.array([1 + LOST]), np.array([LOST])
    )
    result = successive_lp(request)
    check_adjusted(request, result)
    assert result.secure
    assert result.point is point
    assert [a.outage for a in result.actions] == [net.contingencies[LOST]]


def test_the_effect_of_shedding_on_reactive_outputs_is_that_of_its_power_flow() -> None:
    """A MW of load not served takes its reactive part along; by differences of settled points."""
    net, point = network(), _point(12)
    adm = as_set(net.grid, admittance(net.grid), point.shunt, point.tap)
    settled, _ = settle_in_range(net, adm.ybus, point)
    alone = AdjustmentRequest(net, settled, load_of(net, settled), net.contingencies[:0])
    watched = Watched(reactive=set(np.flatnonzero(settled.controlled).tolist()))
    about = Linearised(net, adm, settled, Search(alone, adm).verify(settled))
    rows, buses = about.rows(watched, 0.0), sorted(watched.reactive)
    slack, step, base = net.grid.slack, 0.1, net.grid.base_mva
    drawing = np.argsort(settled.fixed.real)[:3].tolist()
    for bus in drawing + [b for b in buses if settled.fixed[b].real < -0.1][:2]:
        shed = np.zeros(net.grid.n_bus)
        shed[bus] = step
        share = np.where(np.arange(len(settled.p)) == net.grid.units.bus.tolist().index(slack), 1.0, 0.0)
        fewer = replace(settled, shed=shed, p=settled.p - share * step)
        after, ok = settle_in_range(net, adm.ybus, fewer)
        assert ok
        for row, at in zip(rows, buses, strict=False):
            moved = (after.q[at] - settled.q[at]) / base
            units = net.unit_map @ (after.p - settled.p) / base
            taken_along = row.gradient.reactive[bus] * settled.relief()[bus] * step / base
            told = row.gradient.power @ (units + shed / base) + taken_along
            if abs(np.abs(after.v[at]) - np.abs(settled.v[at])) < 1e-9:
                assert abs(told - moved) < 2e-6 + 0.02 * abs(moved)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 23), st.integers(0, 2**32 - 1), st.floats(0.0, 0.03))
def test_moved_voltages_keep_the_reactive_ranges_of_their_units(hour: int, seed: int, most: float) -> None:
    net, point, base = network(), _point(hour), network().grid.base_mva
    wanted = np.abs(point.v) + np.random.default_rng(seed).uniform(-most, most, len(point.v))
    adm = as_set(net.grid, admittance(net.grid), point.shunt, point.tap)
    asked = replace(point, v=wanted * np.exp(1j * np.angle(point.v)))
    end, ok = settle_in_range(net, adm.ybus, asked)
    assert ok
    injected = end.v * np.conj(adm.ybus @ end.v)
    assert np.abs(injected - end.injection(net)).max() < 1e-9
    low, high = net.reactive_range(end.on)
    bounded = end.controlled & (np.arange(net.grid.n_bus) != net.grid.slack)
    slip = REACTIVE_TOLERANCE * base + 1e-6
    assert ((end.q >= low - slip) & (end.q <= high + slip))[bounded].all()
    # A voltage gives way only at a limit: below what was asked at the upper one, above it at the lower one.
    change, edge = np.abs(end.v) - wanted, 1e-6
    assert (end.q >= high - slip)[bounded & (change < -edge)].all()
    assert (end.q <= low + slip)[bounded & (change > edge)].all()
