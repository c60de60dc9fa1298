"""Hours dispatched from the hour before: the Newton step against a dense solve, the optimum against IPOPT's."""

from collections.abc import Callable
from dataclasses import replace

import casadi as ca
import numpy as np
import pytest

from bos_core.objects.errors import InfeasibleError
from slots.algorithms.reactive_dispatch import interior_point as module
from slots.algorithms.reactive_dispatch.following import follow
from slots.algorithms.reactive_dispatch.interior_point import flat_voltages, interior_point
from slots.algorithms.reactive_dispatch.newton_step import NewtonStep, library
from slots.algorithms.reactive_dispatch.nonlinear import problem_of
from slots.algorithms.reactive_dispatch.stated import LOSSES, Settings, Solution, Stated, state
from slots.contracts.reactive_dispatch import ReactiveDispatch, ReactiveRequest, check_reactive
from slots.grid.admittance import admittance
from slots.suites.states import day, network
from tests.slots.compiler import HERE, compiled

FIELDS = ("p", "on", "low", "high", "fixed")


def test_there_is_a_step_where_there_is_a_compiler():
    """C that no longer compiles must not pass for a machine without a compiler."""
    assert (library() is not None) == HERE


def _system() -> NewtonStep:
    c = library()
    assert c is not None
    return NewtonStep(network(), c, admittance(network().grid).ybus)


@compiled
@pytest.mark.parametrize("seed", [1, 2])
def test_the_step_is_that_of_the_dense_matrix(seed: int):
    """At random states and multipliers, the matrix from the derivatives that are checked against automatic ones."""
    net, rng, system = network(), np.random.default_rng(seed), _system()
    n, bus = net.grid.n_bus, system.bus
    theta, u, lam = rng.normal(0, 0.2, n), rng.normal(0, 0.1, n), rng.normal(size=2 * n)
    problem, written = problem_of(net)
    x = np.concatenate([theta, u, np.zeros(problem["x"].shape[0] - 2 * n)])
    given = np.zeros(problem["p"].shape[0])
    balance, jacobian = (np.asarray(ca.DM(m).full()) for m in written["jac_g"](x, given))
    upper = ca.DM(written["hess_lag"](x, given, 0.0, lam)).full()[: 2 * n, : 2 * n]
    hessian, to_flows = upper + np.triu(upper, 1).T, jacobian[:, : 2 * n]
    more = rng.random((3, n)) + 1.0
    whole = np.block([[hessian, to_flows.T], [to_flows, np.zeros((2 * n, 2 * n))]])
    whole += np.diag(np.concatenate([more[0], more[1], np.zeros(n), -more[2]]))
    side = rng.normal(size=(4, n))

    system.assemble(np.exp(u + 1j * theta)[bus], lam[:n][bus], lam[n:][bus])
    assert np.abs(system.powers.ravel() - balance.reshape(2, n)[:, bus].ravel()).max() < 1e-9
    assert np.abs(system.gradient - (to_flows.T @ lam).reshape(2, n)[:, bus]).max() < 1e-9
    assert system.factorise(more[0][bus], more[1][bus], -more[2][bus])
    found = system.solve(*(r[bus] for r in side))
    # Pivots are searched within a bus alone; rounding stays below 1e-9 all the same.
    assert np.abs(found - np.linalg.solve(whole, side.ravel()).reshape(4, n)[:, bus]).max() < 1e-9


def _by_ipopt(
    monkeypatch: pytest.MonkeyPatch, algorithm: Callable[[ReactiveRequest], ReactiveDispatch], request: ReactiveRequest
) -> ReactiveDispatch:
    with monkeypatch.context() as patch:
        patch.setattr(module, "library", lambda: None)
        patch.setattr(module, "_programs", {})
        return algorithm(request)


@compiled
@pytest.mark.parametrize("algorithm", [interior_point, flat_voltages])
def test_hours_are_those_of_ipopt(
    monkeypatch: pytest.MonkeyPatch, algorithm: Callable[[ReactiveRequest], ReactiveDispatch]
):
    """A day of each: the same losses to 1e-3 MW, which both stop at, and the same hours feasible."""
    request, followed = day(190).reactive_request, []

    def watched(system: NewtonStep, stated: Stated, start: Solution) -> Solution | None:
        found = follow(system, stated, start)
        followed.append(found is not None)
        return found

    monkeypatch.setattr(module, "follow", watched)
    ours, theirs = algorithm(request), _by_ipopt(monkeypatch, algorithm, request)
    assert np.mean(followed) > 0.9
    check_reactive(request, ours)
    assert np.array_equal(ours.feasible, theirs.feasible)
    assert np.array_equal(ours.shunt, theirs.shunt)
    if algorithm is interior_point:
        assert np.abs(ours.loss - theirs.loss).max() < 1e-3
    assert np.abs(ours.v - theirs.v).max() < 2e-2


@compiled
def test_an_hour_that_cannot_be_is_left_to_others():
    """Twice the load: no voltages within their limits carry it."""
    request, net = day(190).reactive_request, network()
    own = Settings.own(net)
    heavy = replace(request, fixed=request.fixed * 2)
    n = net.grid.n_bus
    stated = state(request, 12, own, own, LOSSES)
    flat = Solution(stated.flat_start(net), np.zeros(len(stated.low)), np.zeros(2 * n))
    start = follow(_system(), stated, flat)
    assert start is not None
    assert follow(_system(), state(heavy, 12, own, own, LOSSES), start) is None
    one = ReactiveRequest(net, *(getattr(heavy, k)[12:13] for k in FIELDS))
    with pytest.raises(InfeasibleError, match="no AC power flow was found"):
        interior_point(one)
