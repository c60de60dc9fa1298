"""What adjustment costs beside an AC security-constrained optimum by IPOPT, of a model that shares nothing with it."""

from dataclasses import replace

import numpy as np
import pytest

from flows.steps.adjustment import hourly_cost
from slots.algorithms.adjustment.search import hour_of
from slots.algorithms.adjustment.successive_lp import successive_lp
from slots.algorithms.n1.batched import batched_engine_of
from slots.algorithms.n1.newton_each import newton_each
from slots.contracts.adjustment import AdjustmentRequest
from slots.contracts.n1 import N1Request
from slots.grid.admittance import admittance
from slots.grid.network import whole
from slots.grid.operating_point import OperatingPoint, settle
from slots.sources.catalogue import load_source
from tests.slots.secured_optimum import secured_optimum

ABOVE, BELOW = 0.02, 1e-3  # of the optimum, that adjustment may be beyond and (limits are kept to tolerances) below it


def _request(scale: float, rate: float) -> AdjustmentRequest:
    """IEEE 14 at least cost before outages, with its load scaled and a rating of so many MVA on each branch."""
    grid = load_source("case14").grid
    br = grid.branches
    grid = grid.replace(branches=replace(br, rate=np.full(len(br), rate), rate_emergency=np.full(len(br), rate)))
    net, units, n = whole(grid), grid.units, grid.n_bus
    fixed = -scale * (grid.buses.pd + 1j * grid.buses.qd) / grid.base_mva
    on, mag, p = units.in_service, np.full(n, 1.04), scale * 259.0 * units.pmax / units.pmax.sum()
    point = OperatingPoint(
        p, on, units.pmin, units.pmax, fixed, np.zeros(n), mag.astype(complex), net.voltage_controlled(on),
        np.zeros(n), np.zeros(n), np.zeros(len(grid.changers)),
    )  # fmt: skip
    request = AdjustmentRequest(net, point, np.maximum(-fixed.real * grid.base_mva, 0.0), net.contingencies)
    best = secured_optimum(request, net.contingencies[:0], shed=False)
    assert best.found
    point, ok = settle(net, admittance(grid).ybus, replace(point, p=best.p, v=best.v[0]))
    assert ok
    p = np.clip(point.p, point.low, point.high)
    return replace(request, point=replace(point, p=p))


@pytest.mark.parametrize(("scale", "rate"), [(0.8, 90.0), (0.9, 110.0)])
def test_it_is_never_below_the_optimum_and_little_above(scale: float, rate: float) -> None:
    request = _request(scale, rate)
    net, units, on = request.network, request.network.grid.units, request.point.on
    result = successive_lp(request)
    assert result.secure
    assert result.shed == 0.0
    assert result.iterations > 0
    helped = np.isin(request.contingencies, [a.outage for a in result.actions])
    verified = newton_each(N1Request.of(net, [hour_of(net, result.point)])).insecure()[0]
    assert not (verified & ~np.concatenate([[False], helped])).any()
    apart = np.isin(request.contingencies, [*batched_engine_of(net).splitting]) | helped
    best = secured_optimum(request, request.contingencies[~apart], shed=False)
    assert best.found
    assert best.beyond < 1e-3
    cost = float(hourly_cost(units, on[None], result.point.p[None])[0])
    assert (1 - BELOW) * best.cost <= cost <= (1 + ABOVE) * best.cost
    # The optimum is secure by our rules, too: nothing is easier in its model.
    p = np.clip(best.p, request.point.low, request.point.high)
    again, ok = settle(net, admittance(net.grid).ybus, replace(request.point, p=p, v=best.v[0]))
    assert ok
    its = newton_each(N1Request.of(net, [hour_of(net, again)]))
    counted = np.concatenate([[True], ~apart])
    assert its.loading[0][counted].max() < 1.005
    assert its.margin[0][counted].max() < 2e-3


def test_what_no_redispatch_mends_the_optimum_cannot_mend_either() -> None:
    """IEEE 24: without the cable to bus 6 its reactor has no power flow within limits, even if all load may be shed and all
    units may run."""
    grid = load_source("case24_ieee_rts").grid
    net, units, n = whole(grid), grid.units, grid.n_bus
    on, mag = units.in_service, np.ones(n)
    mag[units.bus] = units.vset
    fixed = -0.8 * (grid.buses.pd + 1j * grid.buses.qd) / grid.base_mva
    point = OperatingPoint(
        0.8 * units.p, on, 0 * units.pmax, units.pmax, fixed, np.zeros(n), mag.astype(complex),
        net.voltage_controlled(on), np.zeros(n), np.zeros(n), np.zeros(len(grid.changers)),
    )  # fmt: skip
    point, ok = settle(net, admittance(grid).ybus, point)
    assert ok
    cable = np.flatnonzero(grid.branches.name == "6-10")
    request = AdjustmentRequest(net, point, np.maximum(-fixed.real * grid.base_mva, 0.0), cable)
    best = secured_optimum(request, cable, shed=True, free=True, only_mend=True)
    assert best.found
    assert best.beyond > 0.01
    six = int(np.flatnonzero(grid.buses.number == 6)[0])
    assert abs(best.v[1, six]) < 0.89  # where 0.90 is the least that is allowed
    result = successive_lp(request)
    assert not result.secure
    assert [x.outage for x in result.left] == cable.tolist()
