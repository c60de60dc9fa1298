"""Solving a problem: HiGHS for linear and integer ones, convex solvers through CVXPY for quadratic ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bos_core.objects.errors import InfeasibleError
from slots.scheduling.explain import conflicts
from slots.scheduling.solution import Solution

if TYPE_CHECKING:
    from slots.scheduling.problem import Problem


def solve(problem: Problem, relax: bool, gap: float) -> Solution:
    """See `Problem.solve`."""
    kept, what = problem.kept(), problem.structure.title
    solver = kept.solver
    solver.option("mip_rel_gap", gap)
    whole = bool(problem.template.integer.any()) and not relax
    try:
        if whole and kept.known:  # rows are found where a round is cheap
            kept.settle(what, relax=True)
        x = kept.settle(what, relax=not whole)
    except InfeasibleError as error:
        raise _explained(problem, error) from None
    cost = solver.objective + problem.template.offset - solver.offset
    bound = solver.bound if whole else cost
    rows = len(problem.template.low)
    duals = None if whole else solver.row_duals()[:rows]
    return Solution(problem, x[: problem.space.columns], cost, bound, duals)


def _explained(problem: Problem, error: InfeasibleError) -> InfeasibleError:
    found = conflicts(problem)
    if not found:
        return error
    return InfeasibleError(
        f"{problem.structure.title} has no solution: {', '.join(found)} contradict each other",
        "loosen one of them, or check the data they are made of",
    )


def relative_gap(solution: Solution) -> float:
    """(cost - bound) / |cost| of a solution."""
    return (solution.cost - solution.bound) / max(abs(solution.cost), np.finfo(float).tiny)
