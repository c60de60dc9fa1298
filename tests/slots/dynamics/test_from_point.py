"""An hour of the schedule as a dynamic case: it rests where the power flow is, and a fault that lasts too long parts machines."""

import numpy as np
import pytest

from slots.dynamics.catalogue import official
from slots.dynamics.equations.code import functions_of
from slots.dynamics.events import fault
from slots.dynamics.from_point import PlantModels, dynamic_of
from slots.dynamics.initial import at_rest
from slots.dynamics.time_domain import simulate
from slots.grid.operating_point import OperatingPoint
from slots.suites.states import day, network

PLANTS = PlantModels()


@pytest.fixture(scope="module")
def case():
    d, net, hour = day(190), network(), 18
    r, on = d.reactive, d.reactive_request.on[18]
    point = OperatingPoint(
        r.p[hour], on, r.p[hour], r.p[hour], d.fixed[hour], r.q[hour], r.v[hour], net.voltage_controlled(on),
        np.zeros(net.grid.n_bus), r.shunt[hour], r.tap[hour],
    )  # fmt: skip
    models = {n: functions_of(official(n)) for n in PLANTS.names()}
    return point, dynamic_of(net, point, PLANTS, models)


def test_it_rests_where_the_schedule_is(case):
    """Pushed by 1e-10 nothing moves by 1e-6 in 10 s, and the powers of devices are the units'."""
    point, dynamic = case
    rest = at_rest(dynamic)
    for device in rest:
        device.x[:] += 1e-10
    z = simulate(dynamic, seconds=10.0, rest=rest).z
    assert np.abs(z - z[0]).max() < 1e-6
    given = sum(d.injected.real for d in dynamic.devices)
    assert given == pytest.approx(point.p.sum(), rel=0.02)  # what stands at many buses in small parts is an impedance
    names = [d.name for d in dynamic.devices]
    assert len(set(names)) == len(names)


def test_a_fault_is_survived_if_it_is_cleared_in_time(case):
    _, dynamic = case
    bus = int(np.argmax(np.bincount([d.bus for d in dynamic.devices if not d.of], minlength=len(dynamic.v))))
    assert simulate(dynamic, fault(bus, 0.2, 0.3), 3.0).stable
    late = simulate(dynamic, fault(bus, 0.2, 1.2), 3.0)
    assert not late.stable
    assert late.reason
