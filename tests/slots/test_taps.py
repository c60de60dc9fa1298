"""Taps that move under load: admittances, every engine of N-1, and the dispatch that sets them."""

from dataclasses import replace
from functools import cache

import casadi as ca
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slots.algorithms.adjustment.successive_lp import successive_lp
from slots.algorithms.n1.batched import batched
from slots.algorithms.n1.lightsim import lightsim
from slots.algorithms.n1.listed import verify_each
from slots.algorithms.n1.newton_each import newton_each
from slots.algorithms.reactive_dispatch.interior_point import BLOCK_H, interior_point
from slots.algorithms.reactive_dispatch.nonlinear import problem_of
from slots.contracts.adjustment import AdjustmentRequest, check_adjusted
from slots.contracts.n1 import request_for
from slots.contracts.reactive_dispatch import ReactiveDispatch, ReactiveRequest, check_reactive
from slots.grid.admittance import admittance, as_set, with_taps
from slots.grid.network import Network
from slots.grid.operating_point import OperatingPoint
from slots.suites.states import day, network
from tests.slots.derivatives import derivatives_are_right

STEP = 0.00625
HOURS = slice(6, 20)


@cache
def _net() -> Network:
    """The network of the other tests, a changer in every fourth branch."""
    net = network()
    br = net.grid.branches
    moves = ~br.equivalent & (np.arange(len(br)) % 4 == 0)
    assert moves.sum() > 5
    branches = replace(
        br, tap_low=br.tap - 16 * STEP * moves, tap_high=br.tap + 16 * STEP * moves, tap_step=STEP * moves
    )
    return replace(net, grid=net.grid.replace(branches=branches))


def _moved(net: Network, tap: np.ndarray) -> Network:
    """The network with the taps' ratios as its own."""
    ratio = net.grid.branches.tap.copy()
    ratio[net.grid.changers] += tap
    return replace(net, grid=net.grid.replace(branches=replace(net.grid.branches, tap=ratio)))


def _random_taps(seed: int) -> np.ndarray:
    return STEP * np.random.default_rng(seed).integers(-16, 17, len(_net().grid.changers))


@cache
def _dispatched() -> tuple[ReactiveRequest, ReactiveDispatch]:
    r = day(190).reactive_request
    request = replace(r, network=_net(), **{k: getattr(r, k)[HOURS] for k in ("p", "on", "low", "high", "fixed")})
    return request, interior_point(request)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_admittances_are_those_of_a_grid_with_such_ratios(seed):
    net, tap = _net(), _random_taps(seed)
    own = admittance(net.grid)
    found, wanted = with_taps(net.grid, own, tap), admittance(_moved(net, tap).grid)
    for name in ("yff", "yft", "ytf", "ytt"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=1e-12)
    assert abs(found.ybus - wanted.ybus).max() < 1e-9
    assert np.array_equal(found.ybus.indices, own.ybus.indices), "the kernel relies on the pattern"


def test_derivatives_are_those_of_automatic_differentiation():
    derivatives_are_right(_net(), 7)


def test_balances_are_the_power_flow_of_the_ratios():
    """At random ratios, the program's balance is V times the conjugate current of the moved grid (1e-9 p.u.)."""
    net, tap, rng = _net(), _random_taps(3), np.random.default_rng(1)
    n, k = net.grid.n_bus, net.grid.changers
    problem, _ = problem_of(net)
    theta, u = rng.normal(0, 0.2, n), rng.normal(0, 0.05, n)
    x = np.concatenate([theta, u, np.zeros(2 * n + 1), np.log1p(tap / net.grid.branches.tap[k])])
    found = ca.Function("g", [problem["x"], problem["p"]], [problem["g"]])(x, np.zeros(problem["p"].shape[0]))
    v = np.exp(u + 1j * theta)
    s = v * np.conj(admittance(_moved(net, tap).grid).ybus @ v)
    assert np.abs(np.asarray(found).ravel() - np.concatenate([s.real, s.imag])).max() < 1e-9


def test_taps_move_in_whole_steps_seldom_and_save_losses():
    """Within a block of hours they stand; the day loses less than with fixed ratios."""
    request, found = _dispatched()
    check_reactive(request, found)
    assert found.feasible.all()
    assert found.tap.any(), "no tap moved: the test shows nothing"
    moved = 1 + np.flatnonzero(np.abs(np.diff(found.tap, axis=0)).max(axis=1) > 0)
    assert len(moved)
    assert not (moved % BLOCK_H).any()
    fixed = interior_point(replace(request, network=network()))
    assert found.loss.sum() < fixed.loss.sum()


@pytest.mark.parametrize("engine", [batched, lightsim, newton_each])
def test_outages_are_those_of_a_grid_with_such_ratios(engine):
    """Two hours with different settings, one after the other: figures as the full method has them on moved grids."""
    request, r = _dispatched()
    tap = r.tap[[0, -1]].copy()
    tap[0, 0] += 2 * STEP  # no longer the state of a dispatch: a power flow follows from the injections
    at_bus = (request.network.unit_map @ r.p[[0, -1]].T).T / request.network.grid.base_mva
    injection = request.fixed[[0, -1]] + at_bus + 1j * r.q[[0, -1]] / request.network.grid.base_mva
    rest = (r.v[[0, -1]], injection, r.q[[0, -1]], request.on[[0, -1]], r.shunt[[0, -1]])
    found = engine(request_for(request.network, *rest, tap))
    for h in range(2):
        still = request_for(_moved(request.network, tap[h]), *(x[[h]] for x in rest), np.zeros((1, tap.shape[1])))
        wanted = newton_each(still)
        assert np.array_equal(found.converged[[h]], wanted.converged)
        for name in ("loading", "vmin", "vmax", "margin"):
            np.testing.assert_allclose(getattr(found, name)[[h]], getattr(wanted, name), atol=2e-6)


def test_single_cases_after_actions_are_those_of_all_cases():
    request, r = _dispatched()
    at_bus = (request.network.unit_map @ r.p[:3].T).T / request.network.grid.base_mva
    injection = request.fixed[:3] + at_bus + 1j * r.q[:3] / request.network.grid.base_mva
    one = request_for(request.network, r.v[:3], injection, r.q[:3], request.on[:3], r.shunt[:3], r.tap[:3])
    every, outages = newton_each(one), request.network.contingencies[[0, 4, 9]]
    each = verify_each(request.network, [one.hour(h) for h in range(3)], outages)
    for h, k in enumerate((0, 4, 9)):
        assert each["loading"][h] == pytest.approx(every.loading[h, 1 + k], abs=1e-6)


def test_adjustment_keeps_the_taps():
    request, r = _dispatched()
    net, base = request.network, request.network.grid.base_mva
    at_bus = (net.unit_map @ r.p.T).T / base
    injection = request.fixed + at_bus + 1j * r.q / base
    broken = batched(request_for(net, r.v, injection, r.q, request.on, r.shunt, r.tap)).insecure().any(axis=1)
    h = int(np.flatnonzero(broken & r.tap.any(axis=1))[0])
    units = net.grid.units
    variable = (units.kind == "variable") & units.in_service
    point = OperatingPoint(
        r.p[h], request.on[h], np.where(variable, np.minimum(0.0, r.p[h]), request.low[h]), request.high[h],
        request.fixed[h], r.q[h], r.v[h], net.voltage_controlled(request.on[h]), np.zeros(net.grid.n_bus), r.shunt[h],
        r.tap[h],
    )  # fmt: skip
    asked = AdjustmentRequest(net, point, np.maximum(-request.fixed[h].real * base, 0.0), net.contingencies)
    result = successive_lp(asked)
    check_adjusted(asked, result)
    assert result.secure, result.reason
    assert result.iterations > 0
    assert np.array_equal(result.point.tap, r.tap[h])
    ybus = as_set(net.grid, admittance(net.grid), result.point.shunt, result.point.tap).ybus
    s = result.point.v * np.conj(ybus @ result.point.v)
    assert np.abs(s - result.point.injection(net)).max() < 1e-7
