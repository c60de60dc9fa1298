"""Evaluation of checked expressions over arrays: to sparse rows of columns, or to plain numbers."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp

from slots.grid.model import Floats, Ints
from slots.scheduling.space import Affine, Const, Dims, Quadratic, Space

Value = Const | Affine | Quadratic


class Operator(Protocol):
    """A matrix too large to write down: its product with arrays, and rows of it on demand.

    `shape`: (rows, columns).
    """

    shape: tuple[int, int]

    def apply(self, x: Floats) -> Floats:
        """(…, columns) to (…, rows)."""
        ...

    def rows(self, index: Ints) -> Floats | sp.csr_matrix:
        """(row, columns) of some rows."""
        ...


class Evaluator:
    """Evaluates expressions.

    Args:
        space: the index sets.
        lookup: what a name stands for; variables are `Affine`, or `Const` where their values are known.
    """

    def __init__(self, space: Space, lookup: Callable[[str], Value]) -> None:
        self.space, self.lookup = space, lookup

    def affine(self, node: ast.expr) -> Affine:
        """A linear expression; constants become expressions without columns."""
        value = self(node)
        if isinstance(value, Const):
            return self.space.lift(value)
        assert isinstance(value, Affine)
        return value

    def array(self, node: ast.expr, dims: Dims) -> Floats:
        """The numbers of a constant expression, one axis per dim."""
        value = self(node)
        assert isinstance(value, Const)
        return self.space.stretch(value, dims)

    def __call__(self, node: ast.expr) -> Value:
        """Evaluate."""
        match node:
            case ast.Name(id="inf"):
                return Const((), np.inf)
            case ast.Name(id=name):
                return self.lookup(name)
            case ast.Constant(value=int() | float() as number):
                return Const((), float(number))
            case ast.UnaryOp(operand=inner):
                return self._times(Const((), -1.0), self(inner))
            case ast.BinOp(left=a, op=ast.Add(), right=b):
                return self.plus(self(a), self(b), 1.0)
            case ast.BinOp(left=a, op=ast.Sub(), right=b):
                return self.plus(self(a), self(b), -1.0)
            case ast.BinOp(left=a, op=ast.Pow()):
                return self._square(self(a))
            case ast.BinOp(left=a, op=ast.MatMult(), right=b):
                return self._matrix(self(a), self(b))
            case ast.BinOp(left=a, op=ast.Div(), right=b):
                under = self(b)
                assert isinstance(under, Const)
                return self._times(self(a), Const(under.dims, 1.0 / np.asarray(under.value)))
            case ast.BinOp(left=a, right=b):
                return self._times(self(a), self(b))
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._call(name, args)
        raise AssertionError(ast.dump(node))

    def plus(self, a: Value, b: Value, sign: float = 1.0) -> Value:
        """a + sign * b."""
        if isinstance(a, Const) and isinstance(b, Const):
            dims = self.space.union(a.dims, b.dims)
            return Const(dims, self._view(a, dims) + sign * self._view(b, dims))
        if isinstance(a, Quadratic) or isinstance(b, Quadratic):
            return self._plus_squares(a, b, sign)
        left = self.space.lift(a) if isinstance(a, Const) else a
        right = self.space.lift(b) if isinstance(b, Const) else b
        return self.space.add(left, right, sign)

    def _plus_squares(self, a: Value, b: Value, sign: float) -> Quadratic:
        dims = self.space.union(a.dims, b.dims)
        x, y = (self.space.repeat_squares(self._quadratic(v), Const((), by), dims) for v, by in ((a, 1.0), (b, sign)))
        return Quadratic(dims, x.squares + y.squares, self.space.add(x.rest, y.rest))

    def _quadratic(self, a: Value) -> Quadratic:
        if isinstance(a, Quadratic):
            return a
        linear = self.space.lift(a) if isinstance(a, Const) else a
        return Quadratic(linear.dims, (), linear)

    def _times(self, a: Value, b: Value) -> Value:
        if isinstance(a, Const) and isinstance(b, Const):
            dims = self.space.union(a.dims, b.dims)
            return Const(dims, self._view(a, dims) * self._view(b, dims))
        factor, value = (a, b) if isinstance(a, Const) else (b, a)
        assert isinstance(factor, Const)
        dims = self.space.union(factor.dims, value.dims)
        if isinstance(value, Affine):
            return self.space.scale(value, factor, dims)
        assert isinstance(value, Quadratic)
        return self.space.repeat_squares(value, factor, dims)

    def widen(self, a: Value, dims: Dims) -> Value:
        """The same over more index sets."""
        if a.dims == dims:
            return a
        if isinstance(a, Const):
            return Const(dims, self.space.stretch(a, dims))
        assert isinstance(a, Affine)
        return self.space.spread(a, dims)

    def _square(self, a: Value) -> Value:
        if isinstance(a, Const):
            return Const(a.dims, np.asarray(a.value) ** 2)
        assert isinstance(a, Affine)
        empty = Affine(a.dims, sp.csr_matrix(a.matrix.shape), np.zeros(len(a.const)))
        return Quadratic(a.dims, ((np.ones(len(a.const)), a),), empty)

    def _view(self, c: Const, dims: Dims) -> Any:
        """A constant's array with axes of length one where it lacks an index set."""
        value = c.value.toarray() if sp.issparse(c.value) else np.asarray(c.value)
        return value[tuple(slice(None) if d in c.dims else None for d in dims)] if value.ndim else value

    def _matrix(self, a: Value, b: Value) -> Value:
        assert isinstance(a, Const)
        shared = [d for d in a.dims if d in b.dims and d not in ("hour", "pick")]
        inner = shared[0]
        if "pick" in a.dims or len(a.dims) > 2 or ("hour" in a.dims and "hour" in b.dims):
            return self._sum(self._times(Const(a.dims, a.value), b), (inner,))
        outer = next(d for d in a.dims if d != inner)
        if isinstance(b, Const):
            return self._matrix_const(a, b, outer, inner)
        assert isinstance(b, Affine)
        rest = tuple(d for d in b.dims if d != inner)
        table = a.value if sp.issparse(a.value) else sp.csr_matrix(np.asarray(a.value))
        if a.dims[0] == inner:
            table = table.T
        rows = self.space.reorder(b, b.dims, (*rest, inner))
        n = self.space.size(rest)
        block = sp.csr_matrix(table if n == 1 else sp.kron(sp.identity(n, format="csr"), table, format="csr"))
        product = Affine((*rest, outer), sp.csr_matrix(block @ rows.matrix), block @ rows.const)
        return self.space.reorder(product, product.dims, self.space.union((*rest, outer), ()))

    def _matrix_const(self, a: Const, b: Const, outer: str, inner: str) -> Const:
        rest = tuple(d for d in b.dims if d != inner)
        x = np.moveaxis(np.asarray(b.value), b.dims.index(inner), -1)
        if hasattr(a.value, "apply"):
            y = a.value.apply(x)
        else:
            table = a.value.T if a.dims[0] == inner else a.value
            flat = np.asarray(table @ x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1]).T).T
            y = flat.reshape(*x.shape[:-1], table.shape[0])
        dims = self.space.union((*rest, outer), ())
        return Const(dims, y.transpose([(*rest, outer).index(d) for d in dims]))

    def _sum(self, a: Value, gone: Dims) -> Value:
        dims = tuple(d for d in a.dims if d not in gone)
        if isinstance(a, Const):
            value = self._view(a, a.dims)
            return Const(dims, value.sum(axis=tuple(a.dims.index(d) for d in gone)))
        if isinstance(a, Affine):
            return self.space.collect(a, dims)
        return Quadratic(dims, a.squares, self.space.collect(a.rest, dims))

    def _call(self, name: str, args: list[ast.expr]) -> Value:
        if name == "sum":
            dims = tuple(x.id for x in args[1:] if isinstance(x, ast.Name))
            first = self(args[0])
            return self._sum(first, dims) if dims else first
        if name in ("least", "most"):
            a, b = self(args[0]), self(args[1])
            assert isinstance(a, Const)
            assert isinstance(b, Const)
            dims = self.space.union(a.dims, b.dims)
            pick = np.minimum if name == "least" else np.maximum
            return Const(dims, pick(self._view(a, dims), self._view(b, dims)))
        if name == "recent":
            return self._recent(self(args[0]), self(args[1]))
        before = self(args[1]) if len(args) > 1 else Const((), 0.0)
        assert isinstance(before, Const)
        return self._shift(self(args[0]), before, 1 if name == "prev" else -1)

    def _shift(self, a: Value, edge: Const, by: int) -> Value:
        """`a` of the hour before (by 1) or after (by -1); `edge` where there is none."""
        rest = a.dims[1:]
        border = self.space.stretch(edge, rest)
        if isinstance(a, Const):
            value = np.broadcast_to(np.asarray(a.value, dtype=float), self.space.shape(a.dims))
            shifted = np.concatenate([border[None], value[:-1]] if by > 0 else [value[1:], border[None]])
            return Const(a.dims, shifted)
        assert isinstance(a, Affine)
        k = self.space.size(rest)
        n = a.matrix.shape[0] - k
        empty = sp.csr_matrix((k, a.matrix.shape[1]))
        parts = [empty, a.matrix[:n]] if by > 0 else [a.matrix[k:], empty]
        const = [border.ravel(), a.const[:n]] if by > 0 else [a.const[k:], border.ravel()]
        return Affine(a.dims, sp.vstack(parts, format="csr"), np.concatenate(const))

    def _recent(self, a: Value, span: Value) -> Value:
        """Sum over the last `span` hours, shorter at the beginning."""
        assert isinstance(span, Const)
        rest = a.dims[1:]
        hours, k = self.space.sizes["hour"], self.space.size(rest)
        length = np.maximum(self.space.stretch(span, rest).ravel().astype(np.int64), 1)
        count = np.minimum(np.arange(hours)[:, None] + 1, length[None, :]).ravel()
        row = np.repeat(np.arange(hours * k), count)
        back = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        window = sp.csr_matrix((np.ones(len(row)), (row, row - back * k)), shape=(hours * k, hours * k))
        if isinstance(a, Const):
            flat = np.broadcast_to(np.asarray(a.value, dtype=float), self.space.shape(a.dims)).ravel()
            return Const(a.dims, (window @ flat).reshape(self.space.shape(a.dims)))
        assert isinstance(a, Affine)
        return Affine(a.dims, sp.csr_matrix(window @ a.matrix), window @ a.const)
