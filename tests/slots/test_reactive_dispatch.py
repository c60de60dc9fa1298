"""Reactive dispatch beyond its contract: derivatives, the optimum from other starts, the second objective."""

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest

from slots.algorithms.reactive_dispatch.interior_point import flat_voltages, interior_point
from slots.algorithms.reactive_dispatch.nonlinear import problem_of
from slots.contracts.reactive_dispatch import ReactiveRequest
from tests.slots.states import day, network


def _hours(first: int, count: int) -> ReactiveRequest:
    r = day(190).reactive_request
    return replace(r, **{k: getattr(r, k)[first : first + count] for k in ("p", "on", "low", "high", "fixed")})


def test_derivatives_are_those_of_automatic_differentiation():
    """At random points, to rounding (values reach 1e4)."""
    problem, written = problem_of(network())
    x, given, g = problem["x"], problem["p"], problem["g"]
    of_cost, lam = ca.SX.sym("of_cost"), ca.SX.sym("lam", g.shape[0])
    lagrangian = of_cost * problem["f"] + ca.dot(lam, g)
    jacobian = ca.Function("j", [x, given], [ca.jacobian(g, x)])
    hessian = ca.Function("h", [x, given, of_cost, lam], [ca.triu(ca.hessian(lagrangian, x)[0])])
    rng = np.random.default_rng(5)
    at = rng.normal(0, 0.2, x.shape[0]), rng.random(given.shape[0])
    multipliers = 0.7, rng.normal(size=g.shape[0])
    assert np.abs(ca.DM(jacobian(*at) - written["jac_g"](*at)[1]).full()).max() < 1e-9
    assert np.abs(ca.DM(hessian(*at, *multipliers) - written["hess_lag"](*at, *multipliers)).full()).max() < 1e-9


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
