"""Why a problem has no solution: the constraints and bounds that contradict each other.

Every row may be broken at a price of one per unit of its own size; the least total is positive, and the rows
and columns with a dual value are a certificate that their limits cannot hold together (Farkas' lemma). Those
with the largest share in it are named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import highspy
import numpy as np
import scipy.sparse as sp

from bos_core.objects.errors import InfeasibleError, SolverError
from slots.grid.model import Floats
from slots.scheduling.highs import Solver
from slots.scheduling.template import Template

if TYPE_CHECKING:
    from slots.scheduling.problem import Problem

MOST = 6  # constraints named
SMALLEST = 1e-7


def conflicts(problem: Problem) -> list[str]:
    """Constraints and variables' bounds that conflict, each with an element; empty if none is found."""
    t = problem.template
    n, m = len(t.cost), len(t.low)
    crossed = np.flatnonzero(t.lower > t.upper + 1e-9)
    if len(crossed):
        return [f"the bounds of {_column(problem, int(j))}" for j in crossed[:MOST]]
    give = sp.identity(m, format="csr")
    elastic = Template(
        np.concatenate([np.zeros(n), np.ones(2 * m)]), np.concatenate([t.lower, np.zeros(2 * m)]),
        np.concatenate([t.upper, np.full(2 * m, highspy.kHighsInf)]), np.zeros(n + 2 * m, bool),
        sp.csr_matrix(sp.hstack([t.matrix, give, -give])), t.low, t.high,
    )  # fmt: skip
    solver = Solver(elastic)
    try:
        solver.run(problem.structure.title)
    except (InfeasibleError, SolverError):
        return []
    if solver.objective < SMALLEST:
        return []  # the relaxation has solutions: integrality is what fails
    return _largest(problem, solver.row_duals(), solver.reduced_costs()[:n])


def _largest(problem: Problem, duals: Floats, reduced: Floats) -> list[str]:
    shares: list[tuple[float, str]] = []
    for name, rows in problem.rows.items():
        own = np.abs(duals[rows.first : rows.first + len(rows.kept)])
        if len(own) and own.max() > SMALLEST:
            element = np.unravel_index(rows.kept[int(own.argmax())], rows.shape) if rows.shape else ()
            shares.append((float(own.max()), f"'{name}'{_place(problem.structure.dims[name], element)}"))
    for block in problem.columns.values():
        own = np.abs(reduced[block.first : block.first + block.size])
        if len(own) and own.max() > SMALLEST:
            shares.append((float(own.max()), f"the bounds of {_column(problem, block.first + int(own.argmax()))}"))
    return [text for _, text in sorted(shares, key=lambda s: -s[0])[:MOST]]


def _column(problem: Problem, column: int) -> str:
    for name, block in problem.columns.items():
        if block.first <= column < block.first + block.size:
            element = np.unravel_index(column - block.first, block.shape) if block.shape else ()
            return f"'{name}'{_place(problem.structure.kinds[name].dims, element)}"
    raise IndexError(column)


def _place(dims: tuple[str, ...], element: tuple[object, ...]) -> str:
    return f" ({', '.join(f'{d} {k}' for d, k in zip(dims, element, strict=True))})" if dims else ""
