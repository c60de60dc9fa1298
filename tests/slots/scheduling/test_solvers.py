"""What a solver that gives up is said to have done: infeasible only with a proof, otherwise what it is."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import linprog

from bos_core.objects.errors import InfeasibleError, ParameterError, SolverError
from slots.scheduling import convex
from slots.scheduling.convex import ConvexSolver
from slots.scheduling.highs import Solver
from slots.scheduling.template import Template


def _template(low: float = 1.0, squares: float = 0.0, whole: bool = False) -> Template:
    """A transport of 12 x 12 places at random prices, `low` to be brought to each; the cost of every way perhaps squared."""
    rng, n = np.random.default_rng(4), 12
    cost, columns = rng.random(n * n), n * n
    out = sp.kron(sp.identity(n), np.ones((1, n)))
    into = sp.kron(np.ones((1, n)), sp.identity(n))
    quadratic = sp.csc_matrix(sp.identity(columns) * squares) if squares else None
    return Template(
        cost, np.zeros(columns), np.ones(columns), np.full(columns, whole), sp.csr_matrix(sp.vstack([out, into])),
        np.concatenate([np.full(n, -np.inf), np.full(n, low)]), np.concatenate([np.full(n, 1.5), np.full(n, np.inf)]),
        quadratic,
    )  # fmt: skip


def _optimum(t: Template) -> float:
    n = len(t.low) // 2
    rows = sp.vstack([t.matrix[:n], -t.matrix[n:]])
    found = linprog(t.cost, A_ub=rows, b_ub=np.concatenate([t.high[:n], -t.low[n:]]), bounds=(0, 1), method="highs-ds")
    return float(found.fun)


def test_where_one_method_gives_up_another_finds_the_optimum():
    t = _template()
    solver = Solver(t)
    solver.option("simplex_iteration_limit", 1)
    x = solver.run("the transport")
    assert t.cost @ x == pytest.approx(_optimum(t), rel=1e-6)
    solver.bound_rows(np.array([12]), np.array([1.2]), np.array([np.inf]))  # the way back is the first one again
    t.low[12] = 1.2
    assert t.cost @ solver.run("the transport") == pytest.approx(_optimum(t), rel=1e-6)


def test_giving_up_is_not_infeasible():
    solver = Solver(_template())
    solver.option("simplex_iteration_limit", 0)
    solver.option("ipm_iteration_limit", 0)
    with pytest.raises(SolverError, match=r"the transport and no proof .* \(Iteration limit reached"):
        solver.run("the transport")


def test_a_search_out_of_time_is_not_infeasible():
    solver = Solver(_template(whole=True))
    solver.option("time_limit", 0.0)
    solver.option("presolve", "off")
    with pytest.raises(SolverError, match="within the limits of its search"):
        solver.run("the transport")


def test_a_cost_without_end_is_told():
    t = _template()
    t.cost[3], t.upper[3], t.high[0] = -1.0, np.inf, np.inf
    with pytest.raises(SolverError, match="no least cost"):
        Solver(t).run("the transport")


def test_numbers_that_are_none_are_told():
    t = _template()
    t.cost[3] = np.nan
    with pytest.raises(ParameterError, match="NaN or infinite"):
        Solver(t)


@pytest.mark.parametrize("squares", [0.0, 0.3])
def test_infeasible_is_told_as_that(squares: float):
    """More is to be brought to the places than is there: 12 * 1.6 against 12 * 1.5."""
    t = _template(low=1.6, squares=squares)
    with pytest.raises(InfeasibleError, match=r"^the transport has no solution; "):
        (ConvexSolver(t) if squares else Solver(t)).run("the transport")


def test_a_convex_solver_that_cries_infeasible_is_not_believed(monkeypatch: pytest.MonkeyPatch):
    """ECOS claims so of rows whose coefficients differ by twelve orders, though they were made from a solution."""
    rng = np.random.default_rng(335)
    n, rows_n = int(rng.integers(2, 8)), int(rng.integers(1, 6))
    rows = rng.normal(size=(rows_n, n)) * 10.0 ** rng.integers(-6, 7, size=(rows_n, n))
    side = rows @ rng.random(n)
    cost, squares = rng.normal(size=n), sp.csc_matrix(sp.diags(10.0 ** rng.integers(-6, 6, size=n)))
    t = Template(cost, np.zeros(n), np.ones(n), np.zeros(n, bool), sp.csr_matrix(rows), side, side, squares)
    with monkeypatch.context() as m:
        m.setattr(convex, "SOLVERS", ("ECOS",))
        with pytest.raises(SolverError, match="ECOS: infeasible"):
            ConvexSolver(t).run("the rows")
    x = ConvexSolver(t).run("the rows")
    assert np.abs(rows @ x - side).max() < 1e-6 * np.abs(rows).max()
