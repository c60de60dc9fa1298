"""Reactive dispatch beyond its contract: derivatives, the optimum from other starts, the second objective."""

from dataclasses import replace

import numpy as np
import pytest

from bos_core.objects.errors import InfeasibleError
from slots.algorithms.reactive_dispatch.interior_point import flat_voltages, interior_point
from slots.contracts.reactive_dispatch import ReactiveRequest, check_reactive
from slots.grid.network import whole
from slots.sources.catalogue import load_source
from slots.suites.states import day, network
from tests.slots.derivatives import derivatives_are_right


def _hours(first: int, count: int) -> ReactiveRequest:
    r = day(190).reactive_request
    return replace(r, **{k: getattr(r, k)[first : first + count] for k in ("p", "on", "low", "high", "fixed")})


def test_derivatives_are_those_of_automatic_differentiation():
    derivatives_are_right(network(), 5)


@pytest.mark.parametrize("hour", [3, 18])
def test_no_other_start_finds_less_loss(hour):
    """A day's hour, warm-started along it, against the same hour alone (cold) and in reversed company: 0.1 %."""
    along = interior_point(_hours(0, 24)).loss[hour]
    alone = interior_point(_hours(hour, 1)).loss[0]
    r = _hours(0, 24)
    backwards = replace(r, **{k: getattr(r, k)[::-1] for k in ("p", "on", "low", "high", "fixed")})
    assert along <= min(alone, interior_point(backwards).loss[23 - hour]) * 1.001


def test_flat_voltages_trades_losses_for_them():
    request = _hours(10, 3)
    least, flat = interior_point(request), flat_voltages(request)
    live = network().grid.live
    away = [((np.abs(r.v[:, live]) - 1) ** 2).sum(axis=1) for r in (least, flat)]
    assert (away[1] < 0.5 * away[0]).all()
    assert (flat.loss > least.loss).all()


CORRIDOR = """function mpc = corridor
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [1 3 0 0 0 0 1 1 0 230 1 1.1 0.9; 2 2 200 20 0 0 1 1 0 230 1 1.1 0.9];
mpc.gen = [1 40 0 500 -500 1 100 1 300 0; 2 160 0 500 -500 1 100 1 300 0];
mpc.branch = [1 2 0 1.0 0 0 0 0 0 0 1 -360 360];
"""


def test_a_schedule_beyond_what_a_corridor_can_carry_is_moved_towards_the_grids_own(tmp_path):
    """At 1.1 p.u. at both ends 1 p.u. of reactance carries at most 1.1² of the base, 121 MW; 180 MW are scheduled."""
    (tmp_path / "corridor.m").write_text(CORRIDOR)
    net = whole(load_source(str(tmp_path / "corridor.m")).grid)
    scheduled, on = np.array([[100.0, 100.0], [180.0, 20.0]]), np.ones((2, 2), bool)
    fixed = np.tile(net.fixed_injection(net.grid.buses.pd, net.grid.buses.qd), (2, 1))
    request = ReactiveRequest(net, scheduled, on, np.zeros((2, 2)), np.full((2, 2), 300.0), fixed)
    result = interior_point(request)
    check_reactive(request, result)
    assert result.moved[0] == 0.0
    assert 180.0 - 121.0 <= result.moved[1] <= 180.0 - 40.0
    assert result.p[1, 0] <= 121.0
    assert result.p.sum(axis=1) == pytest.approx(200.0, abs=1e-6)
    tied = replace(request, low=scheduled.copy(), high=scheduled.copy())
    with pytest.raises(InfeasibleError, match="for hour 1 of the dispatch no AC power flow was found"):
        interior_point(tied)
