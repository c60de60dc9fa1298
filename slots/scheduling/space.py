"""Index sets with their sizes, and arrays and linear expressions over them.

An expression over dims (d1, …, dk) is stored with its elements in row-major order. `Const` holds numbers,
`Affine` one sparse row of column coefficients per element and a constant part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from slots.grid.model import Floats, Ints

Dims = tuple[str, ...]


@dataclass(frozen=True)
class Const:
    """Numbers; `value` has one axis per dim, a sparse matrix or an operator where it is a matrix."""

    dims: Dims
    value: Any


@dataclass(frozen=True)
class Affine:
    """`matrix` (element, column) times the columns, plus `const` (element,)."""

    dims: Dims
    matrix: sp.csr_matrix
    const: Floats


@dataclass(frozen=True)
class Quadratic:
    """Weighted squares of linear expressions plus a linear `rest` over `dims`.

    A square keeps the index sets it was written with, also those that were summed over since.
    """

    dims: Dims
    squares: tuple[tuple[Floats, Affine], ...]
    rest: Affine


class Space:
    """Index sets in order with their sizes."""

    def __init__(self, sizes: Mapping[str, int], columns: int) -> None:
        self.sizes, self.columns = dict(sizes), columns
        self.order = tuple(sizes)

    def shape(self, dims: Dims) -> tuple[int, ...]:
        """Sizes of index sets."""
        return tuple(self.sizes[d] for d in dims)

    def size(self, dims: Dims) -> int:
        """Number of elements."""
        return int(np.prod(self.shape(dims), dtype=np.int64))

    def union(self, a: Dims, b: Dims) -> Dims:
        """Index sets of both, in order."""
        return tuple(d for d in self.order if d in a or d in b)

    def stretch(self, c: Const, dims: Dims) -> Floats:
        """A constant broadcast to more index sets, as an array with one axis each."""
        value = np.asarray(c.value.toarray() if sp.issparse(c.value) else c.value, dtype=float)
        at = tuple(slice(None) if d in c.dims else None for d in dims)
        return np.broadcast_to(value[at] if value.ndim else value, self.shape(dims))

    def positions(self, own: Dims, dims: Dims) -> Ints:
        """(element of dims,) which element of `own` each belongs to."""
        mine = np.arange(self.size(own)).reshape(self.shape(own))
        return np.asarray(self.stretch_index(mine, own, dims)).ravel()

    def stretch_index(self, index: Ints, own: Dims, dims: Dims) -> Ints:
        """An index array over `own` broadcast to `dims`."""
        at = tuple(slice(None) if d in own else None for d in dims)
        return np.broadcast_to(index[at] if index.ndim else index, self.shape(dims))

    def spread(self, a: Affine, dims: Dims) -> Affine:
        """An expression repeated along more index sets."""
        if a.dims == dims:
            return a
        rows = self.positions(a.dims, dims)
        return Affine(dims, a.matrix[rows], a.const[rows])

    def scale(self, a: Affine, c: Const, dims: Dims) -> Affine:
        """An expression times a constant."""
        wide, factor = self.spread(a, dims), self.stretch(c, dims).ravel()
        m = wide.matrix
        data = m.data * np.repeat(factor, np.diff(m.indptr))
        out = sp.csr_matrix((data, m.indices, m.indptr), shape=m.shape)
        return Affine(dims, out, wide.const * factor)

    def add(self, a: Affine, b: Affine, sign: float = 1.0) -> Affine:
        """a + sign * b."""
        dims = self.union(a.dims, b.dims)
        a, b = self.spread(a, dims), self.spread(b, dims)
        return Affine(dims, a.matrix + sign * b.matrix, a.const + sign * b.const)

    def lift(self, c: Const) -> Affine:
        """A constant as an expression without columns."""
        n = self.size(c.dims)
        flat = np.array(self.stretch(c, c.dims), dtype=float).ravel()
        return Affine(c.dims, sp.csr_matrix((n, self.columns)), flat)

    def collect(self, a: Affine, dims: Dims) -> Affine:
        """An expression summed over the index sets that `dims` lacks."""
        target = self.positions(dims, a.dims)
        n = self.size(dims)
        gather = sp.csr_matrix((np.ones(len(target)), (target, np.arange(len(target)))), shape=(n, len(target)))
        return Affine(dims, gather @ a.matrix, gather @ a.const)

    def reorder(self, a: Affine, own: Dims, dims: Dims) -> Affine:
        """Rows of an expression over `own` (any order) in the order of `dims` (the same sets)."""
        if own == dims:
            return Affine(dims, a.matrix, a.const)
        index = np.arange(self.size(own)).reshape(self.shape(own)).transpose([own.index(d) for d in dims]).ravel()
        return Affine(dims, a.matrix[index], a.const[index])

    def repeat_squares(self, q: Quadratic, by: Const, dims: Dims) -> Quadratic:
        """A quadratic times a constant, repeated along the index sets of `dims` that it lacks."""
        extra = tuple(d for d in dims if d not in q.dims)
        squares = []
        for weight, inner in q.squares:
            wide = self.union(self.union(inner.dims, by.dims), extra)
            rows = self.positions(inner.dims, wide)
            again = Affine(wide, inner.matrix[rows], inner.const[rows])
            squares.append((weight[rows] * self.stretch(by, wide).ravel(), again))
        return Quadratic(dims, tuple(squares), self.scale(q.rest, by, dims))
