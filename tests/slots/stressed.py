"""An outage without a power flow, for tests of curative actions: the 118-bus case under stress."""

from dataclasses import replace
from functools import cache

import numpy as np

from slots.algorithms.adjustment.curative import Pocket
from slots.algorithms.n1.batched import batched_engine_of
from slots.grid.admittance import admittance
from slots.grid.dc import factor_operator
from slots.grid.model import Floats
from slots.grid.network import Network, whole
from slots.grid.operating_point import OperatingPoint, settle
from slots.grid.outage import hour_before
from slots.sources.catalogue import load_source

STRESS = 2.1  # of load and generation of the 118-bus case: one line's outage then has no power flow
LOST = 7  # its position in the contingencies


@cache
def stressed_point() -> tuple[Network, OperatingPoint]:
    """The stressed case, its units with wide reactive limits, so that angles alone decide."""
    grid = load_source("case118").grid
    units = grid.units
    giving = units.qmax > units.qmin
    units = replace(units, qmin=units.qmin - 5000.0 * giving, qmax=units.qmax + 5000.0 * giving)
    grid = grid.replace(units=units)
    net, adm, on, n = whole(grid), admittance(grid), units.in_service, grid.n_bus
    fixed = -STRESS * (grid.buses.pd + 1j * grid.buses.qd) / grid.base_mva
    p, vm = STRESS * np.where(on, units.p, 0.0), np.ones(n, complex)
    vm[units.bus] = units.vset
    held = net.voltage_controlled(on)
    point, ok = settle(
        net, adm.ybus, OperatingPoint(
            p, on, 0 * p, p + 1e3, fixed, np.zeros(n), vm, held, np.zeros(n), np.zeros(n), np.zeros(len(grid.changers))
        ),
    )  # fmt: skip
    assert ok
    return net, point


def load_of(net: Network, point: OperatingPoint) -> Floats:
    """(bus,) MW that could be shed."""
    return np.maximum(-point.fixed.real * net.grid.base_mva, 0.0)


@cache
def stressed() -> tuple[Network, Pocket]:
    """The stressed case as curative actions see it."""
    net, point = stressed_point()
    hour = hour_before(net, point.v, point.injection(net), point.q, point.on, point.controlled, point.shunt, point.tap)
    factors, engine = factor_operator(net.grid), batched_engine_of(net)
    return net, Pocket.of(net, admittance(net.grid), factors, engine, hour, point, load_of(net, point))
