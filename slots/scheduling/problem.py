"""A formulation on data: compiled once into a template, updated in place, solved as often as wanted."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from bos_core.objects.errors import ParameterError
from slots.grid.model import Floats
from slots.scheduling.convex import ConvexSolver
from slots.scheduling.data import Data
from slots.scheduling.evaluate import Evaluator, Value
from slots.scheduling.highs import Solver
from slots.scheduling.lazy import LazyLimits
from slots.scheduling.solution import Solution
from slots.scheduling.space import Affine, Const, Quadratic, Space
from slots.scheduling.symbols import Cone, Constraint, Cost, Expr, Param, Total, Var
from slots.scheduling.template import Block, Rows, Template
from slots.scheduling.template import Cone as ConeRows

if TYPE_CHECKING:
    from slots.scheduling.formulation import Structure


class Problem:
    """A compiled problem.

    Attributes:
        template: the numerical problem of all constraints but the lazy ones.
        columns, rows: where variables and constraints are in it.
    """

    def __init__(self, structure: Structure, given: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
        self.structure = structure
        self.data = Data(structure, given, sizes)
        self.columns: dict[str, Block] = {}
        first = 0
        for var in structure.of(Var):
            shape = tuple(self.data.sizes[d] for d in var.over.split())
            self.columns[var.name] = Block(first, shape)
            first += self.columns[var.name].size
        for rest in structure.of(Constraint):  # slacks of rows that may be broken
            if rest.penalty is not None and not rest.lazy:
                raise ParameterError(f"constraint '{rest.name}' has a penalty but is not lazy", "add slack variables")
        self.space = Space(self.data.sizes, first)
        self.rows: dict[str, Rows] = {}
        self._symbolic = Evaluator(self.space, self._column_value)
        self._constant = Evaluator(self.space, self._zero_value)
        self._named: dict[str, Value] = {}
        self.template = self._compile()
        self._kept: LazyLimits | None = None

    # what names stand for

    def _column_value(self, name: str) -> Value:
        if name in self._named:
            return self._named[name]
        symbol = self.structure.symbols[name]
        if isinstance(symbol, Var):
            block = self.columns[name]
            n = block.size
            ones = sp.csr_matrix(
                (np.ones(n), np.arange(block.first, block.first + n), np.arange(n + 1)), shape=(n, self.space.columns)
            )
            value: Value = Affine(self._dims(symbol), ones, np.zeros(n))
        elif isinstance(symbol, Expr | Total):
            value = self.sum_of(symbol, self._symbolic)
        else:
            return self.given(name)
        self._named[name] = value
        return value

    def _zero_value(self, name: str) -> Value:
        """Variables at zero: what an expression's constant part is made of."""
        symbol = self.structure.symbols[name]
        if isinstance(symbol, Var):
            return Const(self._dims(symbol), np.broadcast_to(0.0, self.columns[name].shape))
        if isinstance(symbol, Expr | Total):
            return self.sum_of(symbol, self._constant)
        return self.given(name)

    def given(self, name: str) -> Const:
        """A parameter's value."""
        value = self.data.values[name]
        symbol = self.structure.symbols[name]
        return Const(self._dims(symbol) if np.shape(value) or hasattr(value, "apply") else (), value)

    def sum_of(self, symbol: Expr | Total, evaluator: Evaluator) -> Value:
        """A named expression, or the sum of a total's terms."""
        trees = self.structure.inner(symbol)
        if isinstance(symbol, Expr):
            return evaluator(trees[0])
        total: Value = Const((), 0.0)
        for k, tree in enumerate(trees):
            total = evaluator.plus(total, evaluator(tree)) if k else evaluator(tree)
        dims = self.structure.kinds[symbol.name].dims
        order = evaluator.space.order
        return evaluator.widen(
            total, tuple(d for d in order if d in dims or (d == "pick" and not set(dims) <= set(order)))
        )

    @staticmethod
    def _dims(symbol: Any) -> tuple[str, ...]:
        return tuple(symbol.over.split())

    # compilation

    def _compile(self) -> Template:
        lower, upper, integer = (np.zeros(self.space.columns) for _ in range(3))
        for var in self.structure.of(Var):
            at = self.columns[var.name].index.ravel()
            lower[at], upper[at] = self._bounds(var)
            integer[at] = var.integer
        blocks, lows, highs, first = [sp.csr_matrix((0, self.space.columns))], [], [], 0
        for constraint in self.structure.of(Constraint):
            if constraint.lazy:
                continue
            matrix, low, high, kept, shape = self._block(constraint)
            self.rows[constraint.name] = Rows(first, shape, kept)
            blocks.append(matrix)
            lows.append(low)
            highs.append(high)
            first += len(kept)
        cost, quadratic, offset = self._cost()
        cones = self._cones()
        none = np.zeros(0)
        self._named.clear()  # sparse rows of named expressions are needed no more
        return Template(
            cost, lower, upper, integer > 0, sp.vstack(blocks, format="csr"), np.concatenate([none, *lows]),
            np.concatenate([none, *highs]), quadratic, offset, cones,
        )  # fmt: skip

    def _cones(self) -> tuple[ConeRows, ...]:
        out = []
        for cone in self.structure.of(Cone):
            dims = self.structure.dims[cone.name]
            trees = [self.structure.trees[cone.name, str(k)] for k in range(len(cone.parts) + 1)]
            within, *parts = (self.space.spread(self._symbolic.affine(t), dims) for t in trees)
            out.append(ConeRows(tuple((p.matrix, p.const) for p in parts), (within.matrix, within.const)))
        return tuple(out)

    def _bounds(self, var: Var) -> tuple[Floats, Floats]:
        dims = self._dims(var)
        low, high = (
            self._constant.array(self.structure.trees[var.name, side], dims).ravel() for side in ("lower", "upper")
        )
        return low, high

    def _block(self, c: Constraint) -> tuple[sp.csr_matrix, Floats, Floats, Any, tuple[int, ...]]:
        tree = self.structure.trees[c.name, "expression"]
        dims = self.structure.dims[c.name]
        assert isinstance(tree, ast.Compare)
        body = self.body(tree)
        value = self.space.spread(self._symbolic.affine(body), dims)
        low, high = self.sides(tree, dims, value.const, self._constant)
        kept = self._where(c, dims)
        return value.matrix[kept], low[kept], high[kept], kept, self.space.shape(dims)

    @staticmethod
    def body(tree: ast.Compare) -> ast.expr:
        """The row's expression: left minus right, or the middle of three."""
        if len(tree.ops) == 2:
            return tree.comparators[0]
        return ast.BinOp(tree.left, ast.Sub(), tree.comparators[0])

    def sides(self, tree: ast.Compare, dims: tuple[str, ...], const: Floats, by: Evaluator) -> tuple[Floats, Floats]:
        """Bounds of the rows, their constant part brought over."""
        if len(tree.ops) == 2:
            low = by.array(tree.left, dims).ravel() - const
            return low, by.array(tree.comparators[1], dims).ravel() - const
        edge, op = -const, tree.ops[0]
        far = np.full(len(edge), np.inf)
        return (edge if not isinstance(op, ast.LtE) else -far), (edge if not isinstance(op, ast.GtE) else far)

    def _where(self, c: Constraint, dims: tuple[str, ...]) -> Any:
        tree = self.structure.trees.get((c.name, "where"))
        if tree is None:
            return np.arange(self.space.size(dims))
        return np.flatnonzero(self._constant.array(tree, dims).ravel())

    def _cost(self) -> tuple[Floats, sp.csc_matrix | None, float]:
        n = self.space.columns
        cost, offset, hessian = np.zeros(n), 0.0, None
        for part in self.structure.of(Cost):
            value = self._symbolic(self.structure.trees[part.name, "expression"])
            if isinstance(value, Quadratic):
                for weight, inner in value.squares:
                    cost += 2 * (inner.matrix.T @ (weight * inner.const))
                    offset += float(weight @ inner.const**2)
                    if (weight < 0).any():
                        raise ParameterError(
                            f"cost '{part.name}' of {self.structure.title} has negative squares", "costs must be convex"
                        )
                    if weight.any():
                        more = sp.csc_matrix(inner.matrix.T @ sp.diags(2 * weight) @ inner.matrix)
                        hessian = more if hessian is None else hessian + more
                value = value.rest
            linear = self.space.lift(value) if isinstance(value, Const) else value
            assert isinstance(linear, Affine)
            cost += np.asarray(linear.matrix.sum(axis=0)).ravel()
            offset += float(linear.const.sum())
        return cost, hessian, offset

    # changes

    def update(self, **given: Any) -> None:
        """New values of parameters; only what depends on them is computed again.

        Raises:
            ParameterError: an unknown parameter, a wrong shape, or one that decides which rows exist.
        """
        for c in self.structure.of(Constraint):
            tree = self.structure.trees.get((c.name, "where"))
            if tree is not None and set(given) & self.structure.needs(tree):
                raise ParameterError(f"'{c.where}' decides which rows of '{c.name}' exist", "compile the problem again")
        moved = self.data.change(given)
        s = self.structure
        for var in s.of(Var):
            if moved & (s.needs(s.trees[var.name, "lower"]) | s.needs(s.trees[var.name, "upper"])):
                self._move_columns(var)
        for c in s.of(Constraint):
            tree = s.trees[c.name, "expression"]
            if c.lazy or not moved & s.needs(tree):
                continue
            if moved & s.coefficients(tree):
                self._move_entries(c)
            self._move_rows(c)
        if any(moved & s.needs(s.trees[c.name, "expression"]) for c in s.of(Cost)):
            self._move_cost()
        if any(moved & s.needs(t) for c in s.of(Cone) for (name, _), t in s.trees.items() if name == c.name):
            self.template.cones = self._cones()
            if self._kept is not None:
                self._kept.solver.change_cones(self.template.cones)
        self._move_lazy(moved)
        self._named.clear()

    def _move_lazy(self, moved: set[str]) -> None:
        for name in self._kept.known if self._kept is not None else ():
            tree = self.structure.trees[name, "expression"]
            if moved & self.structure.coefficients(tree):  # rows change as such: a new solver, with the same rows
                self._kept = LazyLimits(self, self.solver(), self._kept)
                return
            if moved & self.structure.needs(tree):
                assert self._kept is not None
                self._kept.move(name)

    def _move_columns(self, var: Var) -> None:
        at = self.columns[var.name].index.ravel()
        self.template.lower[at], self.template.upper[at] = self._bounds(var)
        if self._kept is not None:
            self._kept.solver.bound_columns(at, self.template.lower[at], self.template.upper[at])

    def _move_rows(self, c: Constraint) -> None:
        tree, dims, rows = self.structure.trees[c.name, "expression"], self.structure.dims[c.name], self.rows[c.name]
        assert isinstance(tree, ast.Compare)
        const = self._constant.array(self.body(tree), dims).ravel()
        low, high = (side[rows.kept] for side in self.sides(tree, dims, const, self._constant))
        at = np.arange(rows.first, rows.first + len(rows.kept))
        self.template.low[at], self.template.high[at] = low, high
        if self._kept is not None:
            self._kept.solver.bound_rows(at, low, high)

    def _move_entries(self, c: Constraint) -> None:
        rows = self.rows[c.name]
        fresh = self._block(c)[0]
        part = slice(rows.first, rows.first + len(rows.kept))
        change = sp.coo_matrix(fresh - self.template.matrix[part])
        used = change.data != 0
        row, column = change.row[used], change.col[used]
        if not len(row):
            return
        t = self.template
        t.matrix = sp.vstack([t.matrix[: part.start], fresh, t.matrix[part.stop :]], format="csr")
        if self._kept is not None:
            self._kept.solver.change_entries(row + part.start, column, np.asarray(fresh[row, column]).ravel())

    def _move_cost(self) -> None:
        t, squares = self.template, self.template.quadratic
        t.cost, t.quadratic, t.offset = self._cost()
        if self._kept is None:
            return
        if squares is None and t.quadratic is None:
            self._kept.solver.price_columns(np.arange(len(t.cost)), t.cost)
        else:  # squares changed, came or went: another solver, with the same rows in force
            self._kept = LazyLimits(self, self.solver(), self._kept)

    # solutions

    def solver(self) -> Solver | ConvexSolver:
        """A solver of its own that holds the problem as it is now: HiGHS, or a convex one for quadratic costs."""
        linear = self.template.quadratic is None and not self.template.cones
        return Solver(self.template) if linear else ConvexSolver(self.template)

    def limits(self, solver: Solver | ConvexSolver, like: LazyLimits | None = None) -> LazyLimits:
        """The lazy constraints in a solver; with the rows of `like` in force."""
        return LazyLimits(self, solver, like)

    def solve(self, relax: bool = False, gap: float = 1e-3) -> Solution:
        """Solve, from where the last solve ended; lazy rows join until none is violated.

        Args:
            relax: whether integer variables may take any value between their bounds.
            gap: relative distance between cost and bound at which an integer search ends.

        Raises:
            InfeasibleError: it is proved that there is no solution; names the constraints that conflict.
            SolverError: there is neither a solution nor that proof.
        """
        from slots.scheduling.solve import solve

        return solve(self, relax, gap)

    def kept(self) -> LazyLimits:
        """The solver that lives with the problem, to which updates go in place, and its lazy rows."""
        if self._kept is None:
            self._kept = LazyLimits(self, self.solver())
        return self._kept

    def value(self, name: str, x: Floats) -> Any:
        """A variable, named expression or parameter at a solution, over its index sets."""
        found = Evaluator(self.space, self.values_at(x)).lookup(name)
        assert isinstance(found, Const)
        return self.space.stretch(found, self.structure.kinds[name].dims)

    def values_at(self, x: Floats) -> Any:
        """What names stand for where the columns are `x`."""
        known: dict[str, Value] = {}

        def lookup(name: str) -> Value:
            if name not in known:
                symbol = self.structure.symbols[name]
                if isinstance(symbol, Var):
                    block = self.columns[name]
                    flat = x[block.first : block.first + block.size]
                    known[name] = Const(self._dims(symbol), flat.reshape(block.shape))
                elif isinstance(symbol, Param):
                    known[name] = self.given(name)
                else:
                    assert isinstance(symbol, Expr | Total)
                    known[name] = self.sum_of(symbol, evaluator)
            return known[name]

        evaluator = Evaluator(self.space, lookup)
        return lookup
