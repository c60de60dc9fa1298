"""Contingencies of a list: single branches as N-1 has them, lost units by the laws that their loss obeys."""

import numpy as np
import pytest

from bos_core.objects.errors import ParameterError
from slots.algorithms.n1 import listed
from slots.algorithms.n1.batched import batched, batched_engine_of
from slots.algorithms.n1.newton_each import newton_each
from slots.contracts.contingency import Contingency, contingencies_of, hour_after, unit_outages
from slots.grid.admittance import admittance, as_set
from slots.grid.connectivity import kept_without
from slots.grid.operating_point import OperatingPoint
from slots.grid.outage import REACTIVE_TOLERANCE, solve_outage
from slots.suites.states import day, network

NONE = np.zeros(0, dtype=np.int64)


def _point(hour: int) -> OperatingPoint:
    d, net = day(0), network()
    q, r = d.reactive_request, d.reactive
    return OperatingPoint(
        r.p[hour], q.on[hour], r.p[hour], r.p[hour], d.fixed[hour], r.q[hour], r.v[hour],
        net.voltage_controlled(q.on[hour]), np.zeros(net.grid.n_bus), r.shunt[hour], r.tap[hour],
    )  # fmt: skip


def test_single_branches_are_as_n1_has_them():
    """Figures of the full method in Python, to 1e-6: both stop at mismatches of 1e-8."""
    net, hours = network(), [2, 19]
    branches = [Contingency(str(k), np.array([k]), NONE) for k in net.contingencies.tolist()]
    found = listed.verify_listed(net, [_point(h) for h in hours], branches)
    request = day(0).n1_request()
    known = newton_each(type(request)(net, *(getattr(request, k)[hours] for k in vars(request) if k != "network")))
    assert (found.converged == known.converged[:, 1:]).all()
    for name in ("loading", "vmin", "vmax", "margin", "lost_load"):
        np.testing.assert_allclose(getattr(found, name), getattr(known, name)[:, 1:], atol=1e-6)


def test_after_the_loss_of_a_unit_power_balances_and_the_others_share_by_capacity():
    """At every bus: given power, its unit's gone, and a share of one deficit by the capacity of what runs (1e-7 p.u.)."""
    net, point = network(), _point(18)
    units, base = net.grid.units, net.grid.base_mva
    lost = [g for g in unit_outages(net) if point.on[g.units[0]] and point.p[g.units[0]] > 50]
    assert len(lost) > 10
    engine = batched_engine_of(net)
    ybus = as_set(net.grid, admittance(net.grid), point.shunt, point.tap).ybus
    for contingency in lost:
        v = engine.alone(hour_after(net, point, contingency.units), NONE)
        assert v is not None
        on, p = point.on.copy(), point.p.copy()
        on[contingency.units], p[contingency.units] = False, 0.0
        capacity = net.unit_map @ np.where(on & (units.kind == "thermal"), units.pmax, 0.0)
        share = np.where(net.voltage_controlled(on), capacity, 0.0)
        given = point.fixed.real + net.unit_map @ p / base
        flow = v * np.conj(ybus @ v)
        missing = flow.real - given
        assert np.abs(missing - share / share.sum() * missing.sum()).max() < 1e-7
        low, high = net.reactive_range(on)
        q = (flow - point.fixed).imag * base
        slack = np.arange(net.grid.n_bus) == net.grid.slack
        outside = (q < low - base * REACTIVE_TOLERANCE - 1e-3) | (q > high + base * REACTIVE_TOLERANCE + 1e-3)
        assert not (outside & ~slack).any()


def test_the_kernel_finds_what_the_full_method_in_python_finds(monkeypatch):
    """Pairs of branches and units at random."""
    net, points = network(), [_point(5)]
    rng, units = np.random.default_rng(4), np.flatnonzero(net.grid.units.in_service)
    drawn = [
        Contingency(str(k), rng.choice(net.contingencies, 2, replace=False), rng.choice(units, k % 3))
        for k in range(60)
    ]
    # And every two branches that cut off what they lead to.
    ends = np.column_stack([net.grid.branches.f, net.grid.branches.t])
    of_bus = [np.flatnonzero((ends == b).any(axis=1)) for b in range(net.grid.n_bus) if b != net.grid.slack]
    drawn += [Contingency(f"bus {k}", branches, NONE) for k, branches in enumerate(of_bus) if len(branches) == 2]
    assert any(kept_without(net.grid, c.branches) is not None for c in drawn)
    ours = listed.verify_listed(net, points, drawn)
    monkeypatch.setattr(listed, "batched_engine_of", lambda net: None)
    theirs = listed.verify_listed(net, points, drawn)
    assert (ours.converged == theirs.converged).all()
    for name in ("loading", "vmin", "vmax", "margin", "lost_load", "lost_generation"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-6)


def test_each_outage_in_its_own_hour_is_as_all_outages_in_it():
    request = day(0).n1_request()
    every = batched(request)
    outages, hours = request.network.contingencies, np.arange(len(request.v))
    for h in hours[::6]:
        found = listed.verify_each(request.network, [request.hour(h)] * len(outages), outages)
        for name in ("converged", "loading", "vmin", "vmax", "margin", "lost_load", "lost_generation"):
            np.testing.assert_allclose(found[name], getattr(every, name)[h, 1:], atol=1e-6)


def test_an_hour_keeps_what_units_at_a_bus_give_without_the_lost_one():
    net, point = network(), _point(18)
    nothing = hour_after(net, point, NONE)
    assert np.abs(nothing.s - point.injection(net)).max() < 1e-12
    same = solve_outage(net, admittance(net.grid), NONE, nothing)
    assert same.converged
    assert np.abs(same.v - point.v).max() < 1e-6


def test_unknown_elements_are_named():
    with pytest.raises(ParameterError, match="contingency 'x': 'nothing' is no branch or unit in service") as told:
        contingencies_of(network(), [("x", ["nothing"])])
    assert str(network().grid.branches.name[0]) in str(told.value)
