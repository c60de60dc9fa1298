"""Algorithms against independent tools: pandapower, brute-force Newton, another solver, finite differences."""

from dataclasses import replace

import numpy as np
import pandapower as pp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slots.algorithms.n1.batched import batched
from slots.algorithms.n1.lightsim import lightsim
from slots.algorithms.n1.newton_each import newton_each
from slots.grid.admittance import admittance, branch_flows
from slots.grid.dc import lodf, ptdf
from slots.grid.newton import newton
from slots.grid.sensitivity import Sensitivity
from slots.sources.pandapower_networks.hour import to_net
from slots.suites.states import day, grid, network


@pytest.mark.parametrize("hour", [0, 7, 12, 19])
def test_reactive_dispatch_solves_in_pandapower(hour):
    """The exported hour re-solved by pandapower: voltages to 1e-6 p.u., angles to 1e-6 rad."""
    d = day(190)
    q = d.n1_request()
    net = to_net(network().grid, q.injection[hour], q.v[hour], q.controlled[hour])
    pp.runpp(net, calculate_voltage_angles=True, numba=False, tolerance_mva=1e-9, init="flat")
    v = q.v[hour]
    assert np.abs(net.res_bus.vm_pu.to_numpy() - np.abs(v)).max() < 1e-6
    angle = np.deg2rad(net.res_bus.va_degree.to_numpy())
    assert np.abs(angle - np.angle(v)).max() < 1e-6


@pytest.mark.parametrize("engine", [batched, lightsim])
def test_n1_agrees_with_brute_force_newton(engine):
    """A whole day, outage by outage: figures to 1e-6 p.u., the same list of violations."""
    request = day(0).n1_request()
    fast, slow = engine(request), newton_each(request)
    assert np.array_equal(fast.converged, slow.converged)
    assert np.nanmax(np.abs(fast.vmin - slow.vmin)) < 1e-6
    assert np.nanmax(np.abs(fast.vmax - slow.vmax)) < 1e-6
    assert np.nanmax(np.abs(fast.loading - slow.loading)) < 1e-6
    assert np.array_equal(fast.insecure(), slow.insecure())
    assert np.array_equal(fast.branch[fast.insecure()], slow.branch[slow.insecure()])


def _uneven(request, reciprocal):
    """A request whose network has branches with conductance, shunts at one end and, if not reciprocal, two impedances.

    Its states are solved anew, sharing the difference as the request does.
    """
    net = request.network
    rng, m, br = np.random.default_rng(5), len(net.grid.branches), net.grid.branches
    some = lambda size: np.where(rng.random(m) < 0.3, rng.uniform(0, size, m), 0.0)  # noqa: E731
    columns = {"g_f": some(2e-3), "b_f": some(0.02), "g_t": some(1e-3), "b_t": -some(0.01)}
    if not reciprocal:
        columns |= {"r_asym": some(0.002), "x_asym": some(0.01)}
    bent = replace(net, grid=net.grid.replace(branches=replace(br, **columns)))
    ybus, live = admittance(bent.grid).ybus, np.flatnonzero(bent.grid.live)
    states = []
    for h in range(len(request.v)):
        pv = np.flatnonzero(request.controlled[h])
        flow = newton(ybus, request.injection[h], request.v[h], bent.grid.slack, pv, active=live, tolerance=1e-11)
        assert flow.converged
        states.append(flow.v)
    v = np.array(states)
    injection = v * np.conj((ybus @ v.T).T)
    return replace(request, network=bent, v=v, injection=injection)


@pytest.mark.parametrize("reciprocal", [True, False])
@pytest.mark.parametrize("engine", [batched, lightsim])
def test_n1_takes_out_all_of_a_branch(engine, reciprocal):
    """Conductance, shunts and uneven impedances go with the branch, as in outage-by-outage Newton."""
    request = _uneven(day(0).n1_request(), reciprocal)
    fast, slow = engine(request), newton_each(request)
    assert np.array_equal(fast.converged, slow.converged)
    assert np.nanmax(np.abs(fast.vmin - slow.vmin)) < 1e-6
    assert np.nanmax(np.abs(fast.loading - slow.loading)) < 1e-6


def test_dense_and_sparse_newton_agree(monkeypatch):
    import slots.grid.newton as module

    request = day(190).n1_request()
    grid_, v = network().grid, np.ones(network().grid.n_bus, complex)
    args = (admittance(grid_).ybus, request.injection[3], np.abs(request.v[3]) * v, grid_.slack,
            np.flatnonzero(request.controlled[3]))  # fmt: skip
    dense = newton(*args)
    monkeypatch.setattr(module, "DENSE_BUSES", 0)
    sparse = newton(*args)
    assert dense.converged
    assert sparse.converged
    assert np.abs(dense.v - sparse.v).max() < 1e-10


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_sensitivities_equal_finite_differences(seed):
    rng = np.random.default_rng(seed)
    request, g = day(190).n1_request(), network().grid
    h, step = int(rng.integers(24)), 1e-6
    ybus, pv = admittance(g).ybus.toarray(), np.flatnonzero(request.controlled[h])
    v = newton(ybus, request.injection[h], request.v[h], g.slack, pv, tolerance=1e-12).v
    s = Sensitivity(ybus, v, g.slack, pv, np.arange(g.n_bus))
    branch, bus = int(rng.integers(len(g.branches))), int(rng.choice(np.setdiff1d(np.arange(g.n_bus), [g.slack])))

    def flow(injection):
        state = newton(ybus, injection, v, g.slack, pv, tolerance=1e-12).v
        return max(abs(x[branch]) for x in branch_flows(g, admittance(g), state))

    gradient = s.flow(g.branches, admittance(g), branch)
    for direction, told in ((1.0, gradient.power), (1j, gradient.reactive)):
        moved = request.injection[h].copy()
        moved[bus] += direction * step
        difference = (flow(moved) - flow(request.injection[h])) / step
        assert told[bus] == pytest.approx(difference, abs=2e-4)


def test_lodf_equals_a_solved_outage():
    from dataclasses import replace

    g = grid()
    factors = ptdf(g)
    rng = np.random.default_rng(0)
    p = rng.normal(size=g.n_bus)
    p -= p.mean()
    moved = lodf(g, factors)
    for k in (0, 5, 40, 90):
        on = g.branches.in_service.copy()
        on[k] = False
        after = ptdf(g.replace(branches=replace(g.branches, in_service=on))) @ p
        before = factors @ p
        expected = before + moved[:, k] * before[k]
        expected[k] = 0.0
        assert np.abs(after - expected).max() < 1e-8
