"""Constraints whose rows join only once a solution violates them: branch limits, outages."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from slots.grid.model import Floats, Ints
from slots.scheduling.convex import ConvexSolver
from slots.scheduling.evaluate import Evaluator, Value
from slots.scheduling.highs import Solver
from slots.scheduling.space import Affine, Const, Space
from slots.scheduling.symbols import Constraint, Expr, Param, Total, Var

if TYPE_CHECKING:
    from slots.scheduling.problem import Problem

TOLERANCE = 0.01  # MW above a limit that count as within
SMALLEST_FACTOR = 1e-9  # coefficients below are left out of a row
MAX_ROUNDS = 40
JOIN_AN_HOUR = 6  # rows of a constraint that join at once for each hour
BATCH = 2000  # rows built at once; bounds memory on large grids


@dataclass(frozen=True)
class _Joined:
    """Rows of a constraint in a solver: which elements, and the first row's number."""

    name: str
    elements: Ints
    first: int


class LazyLimits:
    """The lazy constraints of a problem and which of their rows are in force in a solver.

    Args:
        like: limits of another solver, whose rows are taken over.
    """

    def __init__(self, problem: Problem, solver: Solver | ConvexSolver, like: LazyLimits | None = None) -> None:
        self.problem, self.solver = problem, solver
        self.known: dict[str, set[int]] = {c.name: set() for c in problem.structure.of(Constraint) if c.lazy}
        self._joined: list[_Joined] = []
        for name, elements in like.known.items() if like is not None else ():
            self._join(name, np.array(sorted(elements), dtype=np.int64))

    def settle(self, what: str, relax: bool = False) -> Floats:
        """Solve until no row outside the model is violated; those found join.

        Raises:
            InfeasibleError: it is proved that no solution exists for `what`.
            SolverError: there is neither a solution nor that proof.
        """
        for _ in range(MAX_ROUNDS):
            x = self.solver.run(what, relax=relax)
            if not self.join_violated(x):
                break
        return x

    def join_violated(self, x: Floats) -> int:
        """Add the rows that `x` violates and that are not in force; how many."""
        joined = 0
        for name, known in self.known.items():
            broken, excess = self._violated(name, x)
            fresh = ~np.isin(broken, np.fromiter(known, np.int64, len(known)))
            new = self._worst(name, broken[fresh], excess[fresh])
            self._join(name, new)
            joined += len(new)
        return joined

    def move(self, name: str) -> None:
        """Bounds of a constraint's rows in force, after a parameter in them has changed."""
        p = self.problem
        tree = p.structure.trees[name, "expression"]
        assert isinstance(tree, ast.Compare)
        for rows in self._joined:
            if rows.name == name:
                by = self._picked(name, rows.elements, zero=True)
                const = by.array(p.body(tree), ("pick",))
                low, high = p.sides(tree, ("pick",), const, by)
                self.solver.bound_rows(np.arange(rows.first, rows.first + len(low)), low, high)

    def violated(self, name: str, x: Floats) -> Ints:
        """Elements of a constraint's index sets where `x` breaks it."""
        return self._violated(name, x)[0]

    def _violated(self, name: str, x: Floats) -> tuple[Ints, Floats]:
        """Elements that `x` breaks, and by which share of the limit."""
        p = self.problem
        tree, dims = p.structure.trees[name, "expression"], p.structure.dims[name]
        assert isinstance(tree, ast.Compare)
        if len(dims) < 3 or dims[0] != "hour":
            excess = self._excess(name, tree, p.space, p.values_at(x))
            broken = np.flatnonzero(excess > 0)
            return broken, excess[broken]
        # Hour by hour where an hour alone is branches times outages.
        out, size = [], p.space.size(dims[1:])
        one = Space({**p.space.sizes, "hour": 1}, p.space.columns)
        lookup, excesses = p.values_at(x), []
        for hour in range(p.space.sizes["hour"]):
            excess = self._excess(name, tree, one, _hour_of(lookup, hour))
            broken = np.flatnonzero(excess > 0)
            out.append(broken + hour * size)
            excesses.append(excess[broken])
        return np.concatenate(out), np.concatenate(excesses)

    def _excess(self, name: str, tree: ast.Compare, space: Space, lookup: Any) -> Floats:
        """Share of its limit by which each element is broken; zero where it holds."""
        p = self.problem
        by, dims = Evaluator(space, lookup), p.structure.dims[name]
        value = by.array(p.body(tree), dims).ravel()
        low, high = p.sides(tree, dims, np.zeros(len(value)), by)
        below, above = low - TOLERANCE - value, value - high - TOLERANCE
        limit = np.where(above > below, np.abs(high), np.abs(low))
        out = np.maximum(below, above) / np.where(np.isfinite(limit), np.maximum(limit, 1.0), 1.0)
        where = p.structure.trees.get((name, "where"))
        held = out if where is None else np.where(by.array(where, dims).ravel() != 0, out, 0.0)
        return np.asarray(np.maximum(held, 0.0))

    def _worst(self, name: str, broken: Ints, excess: Floats) -> Ints:
        """The worst elements of each hour: near each other, one that is mended often mends the rest."""
        dims = self.problem.structure.dims[name]
        if dims[:1] != ("hour",):
            return broken
        hour = broken // self.problem.space.size(dims[1:])
        order = np.lexsort((-excess, hour))
        rank = np.arange(len(order)) - np.searchsorted(hour[order], hour[order])
        return np.sort(broken[order[rank < JOIN_AN_HOUR]])

    def _join(self, name: str, elements: Ints) -> None:
        self.known[name].update(elements.tolist())
        for part in range(0, len(elements), BATCH):
            self._join_batch(name, elements[part : part + BATCH])

    def _picked(self, name: str, elements: Ints, zero: bool = False) -> Evaluator:
        dims = self.problem.structure.dims[name]
        index = np.unravel_index(elements, self.problem.space.shape(dims))
        return Evaluator(*_picked(self.problem, dict(zip(dims, index, strict=True)), len(elements), zero))

    def _join_batch(self, name: str, elements: Ints) -> None:
        p = self.problem
        tree = p.structure.trees[name, "expression"]
        assert isinstance(tree, ast.Compare)
        by = self._picked(name, elements)
        value = by.space.spread(by.affine(p.body(tree)), ("pick",))
        low, high = p.sides(tree, ("pick",), value.const, by)
        matrix = value.matrix.tocsr()
        matrix.sum_duplicates()
        matrix.data[np.abs(matrix.data) < SMALLEST_FACTOR] = 0.0
        matrix.eliminate_zeros()
        penalty = p.structure.trees.get((name, "penalty"))
        if penalty is not None:
            slack = self.solver.add_columns(np.repeat(by.array(penalty, ("pick",)), 2))
            matrix = _with_slack(matrix, slack)
        self._joined.append(_Joined(name, elements, self.solver.add_rows(matrix, low, high)))


def _with_slack(matrix: sp.csr_matrix, slack: Ints) -> sp.csr_matrix:
    """Rows that may be broken either way by their two slack columns."""
    n = matrix.shape[0]
    give = sp.csr_matrix((np.tile([-1.0, 1.0], n), slack, np.arange(0, 2 * n + 1, 2)), shape=(n, int(slack[-1]) + 1))
    return sp.csr_matrix(sp.csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=give.shape) + give)


def _hour_of(lookup: Any, hour: int) -> Any:
    def at(name: str) -> Value:
        value = lookup(name)
        assert isinstance(value, Const)
        if "hour" not in value.dims:
            return value
        return Const(value.dims, np.asarray(value.value)[hour : hour + 1])

    return at


def _picked(p: Problem, picks: dict[str, Ints], n: int, zero: bool) -> tuple[Space, Any]:
    """The index sets and names with some sets replaced by `pick`: chosen elements, one row each.

    With `zero`, variables are zero: what is left is the constant part.
    """
    space = Space({"pick": n, **{d: k for d, k in p.space.sizes.items() if d not in picks}}, p.space.columns)
    known: dict[str, Value] = {}

    def lookup(name: str) -> Value:
        if name not in known:
            known[name] = build(name)
        return known[name]

    def build(name: str) -> Value:
        symbol = p.structure.symbols[name]
        if isinstance(symbol, Expr | Total):
            return p.sum_of(symbol, evaluator)
        assert isinstance(symbol, Var | Param)
        dims = tuple(symbol.over.split())
        left = tuple(d for d in dims if d not in picks)
        own = tuple(picks[d] if d in picks else slice(None) for d in dims)
        touched = len(left) < len(dims)
        if isinstance(symbol, Var):
            now = ("pick", *left) if touched else dims
            if zero:
                return Const(now, np.broadcast_to(0.0, space.shape(now)))
            index = p.columns[name].index
            chosen = _pick_first(index, dims, own, touched)
            flat = chosen.ravel()
            rows = sp.csr_matrix((np.ones(len(flat)), flat, np.arange(len(flat) + 1)), shape=(len(flat), space.columns))
            return Affine(now, rows, np.zeros(len(flat)))
        given = p.given(name)
        if not touched or given.dims == ():
            return given
        if hasattr(given.value, "rows"):
            return Const(("pick", *left), given.value.rows(picks[dims[0]]))
        if sp.issparse(given.value):
            axis = dims.index(left[0]) if left else 1
            table = given.value if axis == 1 else given.value.T.tocsr()
            return Const(("pick", *left), table[picks[dims[1 - axis]]].toarray())
        return Const(("pick", *left), _pick_first(np.asarray(given.value), dims, own, touched))

    evaluator = Evaluator(space, lookup)
    return space, lookup


def _pick_first(array: Any, dims: tuple[str, ...], own: tuple[Any, ...], touched: bool) -> Any:
    """An array with its chosen axes replaced by one first axis."""
    if not touched:
        return array
    chosen = [k for k, at in enumerate(own) if not isinstance(at, slice)]
    moved = np.moveaxis(array, chosen, range(len(chosen)))
    return moved[tuple(own[k] for k in chosen)]
