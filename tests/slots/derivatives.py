"""The derivatives that reactive dispatch writes out, against automatic differentiation."""

import casadi as ca
import numpy as np

from slots.algorithms.reactive_dispatch.nonlinear import problem_of
from slots.grid.network import Network


def derivatives_are_right(net: Network, seed: int) -> None:
    """At a random point, to rounding (values reach 1e4)."""
    problem, written = problem_of(net)
    x, given, g = problem["x"], problem["p"], problem["g"]
    of_cost, lam = ca.SX.sym("of_cost"), ca.SX.sym("lam", g.shape[0])
    lagrangian = of_cost * problem["f"] + ca.dot(lam, g)
    jacobian = ca.Function("j", [x, given], [ca.jacobian(g, x)])
    hessian = ca.Function("h", [x, given, of_cost, lam], [ca.triu(ca.hessian(lagrangian, x)[0])])
    rng = np.random.default_rng(seed)
    at = rng.normal(0, 0.2, x.shape[0]), rng.random(given.shape[0])
    multipliers = 0.7, rng.normal(size=g.shape[0])
    assert np.abs(ca.DM(jacobian(*at) - written["jac_g"](*at)[1]).full()).max() < 1e-9
    assert np.abs(ca.DM(hessian(*at, *multipliers) - written["hess_lag"](*at, *multipliers)).full()).max() < 1e-9
