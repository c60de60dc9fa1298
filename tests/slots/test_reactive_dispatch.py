"""Reactive dispatch beyond its contract: derivatives, the optimum from other starts, the second objective."""

from dataclasses import replace

import numpy as np
import pytest

from slots.algorithms.reactive_dispatch.interior_point import flat_voltages, interior_point
from slots.contracts.reactive_dispatch import ReactiveRequest
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
