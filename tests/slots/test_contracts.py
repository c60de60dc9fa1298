"""Contract suites: every program of a slot passes the slot's invariants on real states."""

import numpy as np
import pytest

from bos_core.plump.registry import programs
from slots.contracts.active_dispatch import check_active
from slots.contracts.adjustment import AdjustmentRequest, check_adjusted
from slots.contracts.borders import check_borders
from slots.contracts.equivalence import check_equivalence
from slots.contracts.modelling import ModellingRequest, check_model
from slots.contracts.n1 import check_n1
from slots.contracts.reactive_dispatch import check_reactive
from slots.contracts.sequence import SequenceRequest, check_sequence
from slots.contracts.snapshot import check_snapshot
from slots.contracts.unit_commitment import check_schedule
from slots.grid.network import whole
from slots.grid.operating_point import OperatingPoint
from slots.suites.states import day, grid, horizon, network, reduction, series


def _of(slot: str) -> list:
    return [pytest.param(p.call, id=p.name) for p in programs(slot)]


@pytest.mark.parametrize("call", _of("modelling"))
def test_modelling(call):
    check_model(call(ModellingRequest("case_RTS_GMLC", 0.95)))


@pytest.mark.parametrize("call", _of("snapshot"))
def test_snapshot(call):
    result = call(grid())
    check_snapshot(whole(grid()), result)
    assert result.unmet == ()  # RTS-GMLC's own state can be made secure


@pytest.mark.parametrize("call", _of("equivalence"))
@pytest.mark.parametrize("keep_kv", [0.0, 230.0])
def test_equivalence(call, keep_kv):
    from dataclasses import replace

    request = replace(reduction()[0], keep_kv=keep_kv)
    check_equivalence(request, call(request))


@pytest.mark.parametrize("call", _of("sequence"))
def test_sequence(call):
    request = SequenceRequest(grid(), series(), 3)
    check_sequence(request, call(request))


@pytest.mark.parametrize("call", _of("borders"))
def test_borders(call):
    h = horizon(200, 24 * 9)
    borders = call(h, 7)
    assert len(borders) == 7
    check_borders(h, borders)


@pytest.mark.parametrize("call", _of("unit_commitment"))
def test_unit_commitment(call):
    h = horizon(190)
    result = call(h, 2e-3)
    check_schedule(h, result)
    assert result.bound <= result.cost * (1 + 1e-6)


@pytest.mark.parametrize("call", _of("active_dispatch"))
def test_active_dispatch(call):
    request = day(190).active_request
    check_active(request, call(request))


@pytest.mark.parametrize("call", _of("reactive_dispatch"))
def test_reactive_dispatch(call):
    request = day(190).reactive_request
    result = call(request)
    check_reactive(request, result)
    assert result.feasible.all()


@pytest.mark.parametrize("call", _of("n1"))
def test_n1(call):
    request = day(0).n1_request()
    result = call(request)
    check_n1(request, result)
    assert result.insecure().any()  # this day needs adjustment: an engine that finds nothing is broken


@pytest.mark.parametrize("call", _of("adjustment"))
def test_adjustment(call):
    from slots.algorithms.n1.lightsim import lightsim

    d, net = day(0), network()
    request = d.n1_request()
    hour = int(np.flatnonzero(lightsim(request).insecure().any(axis=1))[0])
    units, q = net.grid.units, d.reactive_request
    variable = (units.kind == "variable") & units.in_service
    p = d.reactive.p[hour]
    low = np.where(variable, np.minimum(0.0, p), q.low[hour])
    high = np.where(variable, np.maximum(d.horizon.upper()[hour], p), q.high[hour])
    point = OperatingPoint(
        p, q.on[hour], low, high, d.fixed[hour], d.reactive.q[hour], d.reactive.v[hour], request.controlled[hour],
        np.zeros(net.grid.n_bus), d.reactive.shunt[hour], d.reactive.tap[hour],
    )  # fmt: skip
    asked = AdjustmentRequest(net, point, np.maximum(-d.fixed[hour].real * 100, 0), net.contingencies)
    result = call(asked)
    check_adjusted(asked, result)
    assert result.secure, result.reason
    assert result.moved > 0
