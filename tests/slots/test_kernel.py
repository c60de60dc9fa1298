"""The compiled N-1 kernel: against the full Newton method and PowSyBl, and what happens without a compiler."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.n1_peers import compare, pypowsybl
from slots.algorithms.n1 import batched as module
from slots.algorithms.n1.batched import BatchedEngine, batched, batched_engine_of
from slots.grid.model import PV, SLACK
from slots.grid.network import Network, whole
from slots.grid.newton import newton
from slots.grid.outage import Hour, solve_outage
from slots.sources.catalogue import load_source
from slots.suites.states import day
from tests.slots.compiler import HERE, compiled


def test_there_is_a_kernel_where_there_is_a_compiler():
    """A kernel that no longer compiles must not pass for a machine without a compiler."""
    assert (module.kernel.kernel() is not None) == HERE


@cache
def _case(name: str) -> Network:
    return whole(load_source(name).grid)


def _hour(net: Network, level: float, room: float, seed: int) -> Hour | None:
    """An hour of a case at a load level, with reactive ranges `room` times those of its units; None without one."""
    grid, rng = net.grid, np.random.default_rng(seed)
    units, base = grid.units, grid.base_mva
    on = units.in_service
    load = (grid.buses.pd + 1j * grid.buses.qd) * level * (1 + 0.1 * rng.standard_normal(grid.n_bus))
    given = net.unit_map @ np.where(on, units.p * level, 0.0)
    s = (given - load + grid.dc_injection()) / base
    held = (grid.buses.kind == PV) | (grid.buses.kind == SLACK)
    share = np.where(held, net.unit_map @ np.where(on, units.pmax, 0.0), 0.0)
    share /= share.sum()
    low, high = (room * x / base - load.imag / base for x in net.reactive_range(on))
    v0 = np.where(held, grid.buses.vm, 1.0) * np.exp(1j * grid.buses.va)
    hour = Hour(v0, s, held, share, low, high, np.zeros(grid.n_bus), np.zeros(len(grid.changers)))
    engine = batched_engine_of(net)
    assert isinstance(engine, BatchedEngine)
    intact = solve_outage(net, engine.adm, np.zeros(0, np.int64), hour, tolerance=1e-11)
    if not intact.converged:
        return None
    v = intact.v
    s = v * np.conj(engine.adm.ybus @ v)
    return Hour(v, s, held & intact.held, share * intact.held / (share * intact.held).sum(), low, high, hour.shunt,
                hour.tap)  # fmt: skip


def _drawn(name: str, level: float, room: float, seed: int) -> tuple[Network, Hour, BatchedEngine]:
    """A network, a random hour of it and its engine; draws without a power flow do not count."""
    net = _case(name)
    hour = _hour(net, level, room, seed)
    assume(hour is not None)
    engine = batched_engine_of(net)
    assert hour is not None
    assert isinstance(engine, BatchedEngine)
    return net, hour, engine


@compiled
@settings(max_examples=8, deadline=None)
@given(
    st.sampled_from(["case118", "case57", "case_RTS_GMLC"]),
    st.floats(0.5, 1.3),
    st.floats(0.3, 2.0),
    st.integers(0, 99),
)
def test_every_outage_is_that_of_the_full_newton_method(name, level, room, seed):
    """All outages of random hours: voltages to 1e-6 p.u., the same buses at their limits, the same failures."""
    net, hour, engine = _drawn(name, level, room, seed)
    found = engine.cases(hour, np.arange(len(net.contingencies)))
    for k, branch in enumerate(net.contingencies.tolist(), start=1):
        full = solve_outage(net, engine.adm, branch, hour, engine.splitting.get(branch), tolerance=1e-10)
        if not found.converged[k]:
            assert not full.converged, f"outage {branch} has a power flow"
        elif full.converged and np.array_equal(full.held, found.held[k]):
            assert np.abs(full.v - found.v[k]).max() < 1e-6
        else:  # another solution of the same conditions, which it must keep
            _keeps_the_conditions(net, engine, hour, branch, found.v[k], found.held[k])


def _keeps_the_conditions(net, engine, hour, branch, v, held) -> None:
    live = np.abs(v) > 0
    ybus = engine.adm.ybus.tolil()
    br, adm = net.grid.branches, engine.adm
    f, t = br.f[branch], br.t[branch]
    for a, b, y in ((f, f, adm.yff), (f, t, adm.yft), (t, f, adm.ytf), (t, t, adm.ytt)):
        ybus[a, b] -= y[branch]
    s = v * np.conj(ybus.tocsr() @ v)
    bounded = hour.controlled & live
    bounded[net.grid.slack] = False
    assert (s.imag <= hour.high + 2e-4)[bounded].all()
    assert (s.imag >= hour.low - 2e-4)[bounded].all()
    assert np.abs(np.abs(v) - np.abs(hour.v))[held & live].max() < 1e-9
    floating = bounded & ~held
    at_top = floating & (s.imag > (hour.low + hour.high) / 2)
    assert (np.abs(v) <= np.abs(hour.v) + 1e-5)[at_top].all()


@compiled
@settings(max_examples=8, deadline=None)
@given(st.sampled_from(["case118", "case_RTS_GMLC"]), st.floats(0.7, 1.2), st.floats(0.3, 1.0), st.integers(0, 99))
def test_an_outage_does_not_depend_on_its_neighbours(name, level, room, seed):
    """The same bits whichever cases share its vector; a case's order in the hour is nobody's business."""
    net, hour, engine = _drawn(name, level, room, seed)
    every = np.arange(len(net.contingencies))
    together = engine.cases(hour, every).v[1:]
    some = np.random.default_rng(seed).permutation(every)[: 3 * len(every) // 4]
    np.testing.assert_array_equal(engine.cases(hour, some).v[1:], together[some])


@compiled
def test_reactive_limits_and_banks_are_those_of_powsybl():
    """Real hours with many units at their limits, banks of shunts switched in: magnitudes to 1e-5 p.u."""
    request = day(0).n1_request()
    banks = np.zeros(request.shunt.shape)
    banks[:, 7] = 0.3  # p.u.; the state follows
    net, engine = request.network, batched_engine_of(request.network)
    assert isinstance(engine, BatchedEngine)
    v = []
    for h in range(len(request.v)):
        ybus = engine.adm.ybus.toarray() + np.diag(1j * banks[h])
        flow = newton(ybus, request.injection[h], request.v[h], net.grid.slack, np.flatnonzero(request.controlled[h]))
        assert flow.converged
        v.append(flow.v)
    state = np.array(v)
    s = np.array([x * np.conj(engine.adm.ybus @ x - 1j * b * -x) for x, b in zip(state, banks, strict=True)])
    low, high = np.minimum(request.low, s.imag), np.maximum(request.high, s.imag)
    banked = replace(request, v=state, injection=s, low=low, high=high, shunt=banks)
    figures = compare(banked, pypowsybl, 8)
    assert figures["one_without_solution"] == 0
    assert figures["other_limits"] == 0
    assert figures["max_dv"] < 1e-5


@compiled
def test_an_outage_without_a_power_flow_is_confirmed():
    """A line is loaded beyond what the rest can carry: neither method finds a state, and the others come out."""
    net = _case("case118")
    hour = next(h for level in (2.4, 2.2, 2.0, 1.8, 1.6) if (h := _hour(net, level, 9.0, 3)) is not None)
    engine = batched_engine_of(net)
    assert isinstance(engine, BatchedEngine)
    found = engine.cases(hour, np.arange(len(net.contingencies)))
    lost = np.flatnonzero(~found.converged)
    assert len(lost)
    for k in lost:
        branch = int(net.contingencies[k - 1])
        assert not solve_outage(net, engine.adm, branch, hour, engine.splitting.get(branch)).converged


@compiled
def test_without_a_compiler_the_second_engine_gives_the_same(monkeypatch: pytest.MonkeyPatch):
    request = day(0).n1_request()
    ever = batched(request)
    monkeypatch.setattr(module.kernel, "kernel", lambda: None)
    monkeypatch.setattr(module, "_engines", [])
    other = batched(request)
    assert np.array_equal(ever.insecure(), other.insecure())
    assert np.nanmax(np.abs(ever.vmin - other.vmin)) < 1e-6
    assert other.iterations.max() == 0  # it counts none


def test_a_failing_compiler_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", "false")
    module.kernel.kernel.cache_clear()
    try:
        assert module.kernel.kernel() is None
    finally:
        module.kernel.kernel.cache_clear()
    assert not list(tmp_path.rglob("*.so"))
