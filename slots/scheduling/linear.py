"""A linear model built block by block, for problems whose rows are made by a program, not declared."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from slots.grid.model import Floats, Ints
from slots.scheduling.highs import INF, Solver
from slots.scheduling.template import Block, Template

__all__ = ["INF", "LinearModel"]


class LinearModel:
    """Columns and rows of `min c x, lo <= A x <= hi, lb <= x <= ub`, some x integer."""

    def __init__(self) -> None:
        self.n = 0
        self._cost: list[Floats] = []
        self._lb: list[Floats] = []
        self._ub: list[Floats] = []
        self._integer: list[Any] = []
        self._entries: list[tuple[Ints, Ints, Floats]] = []
        self._lo: list[Floats] = []
        self._hi: list[Floats] = []
        self.m = 0

    def columns(
        self, shape: tuple[int, ...], lb: Any = 0.0, ub: Any = INF, cost: Any = 0.0, integer: bool = False
    ) -> Block:
        """Add a block of columns; bounds and cost broadcast to its shape."""
        size = int(np.prod(shape))
        for store, value in ((self._lb, lb), (self._ub, ub), (self._cost, cost)):
            store.append(np.broadcast_to(np.asarray(value, dtype=float), shape).ravel())
        self._integer.append(np.full(size, integer))
        self.n += size
        return Block(self.n - size, shape)

    def rows(self, terms: list[tuple[Any, Any]], lo: Any, hi: Any) -> None:
        """Add rows of equal shape: the sum of coefficient * column over `terms` (coefficients, columns).

        Columns of shape (k,) give k rows; (k, j) are summed over j. Coefficients broadcast.
        """
        k = len(terms[0][1])
        for coefficient, cols in terms:
            cols = np.asarray(cols).reshape(k, -1)
            coefficient = np.asarray(coefficient, dtype=float)
            if coefficient.ndim == 1 and len(coefficient) == k:  # one coefficient per row
                coefficient = coefficient[:, None]
            values = np.broadcast_to(coefficient, cols.shape)
            row = np.broadcast_to(np.arange(self.m, self.m + k)[:, None], cols.shape)
            used = values.ravel() != 0
            self._entries.append((row.ravel()[used], cols.ravel()[used], values.ravel()[used]))
        self._lo.append(np.broadcast_to(np.asarray(lo, dtype=float), (k,)))
        self._hi.append(np.broadcast_to(np.asarray(hi, dtype=float), (k,)))
        self.m += k

    def matrix(self) -> sp.csr_matrix:
        """The constraint matrix (row, column)."""
        row, col, val = (np.concatenate(part) for part in zip(*self._entries, strict=True))
        return sp.csr_matrix((val, (row, col)), shape=(self.m, self.n))

    def solver(self, threads: int = 1) -> Solver:
        """A HiGHS instance that holds the model."""
        parts = (np.concatenate(part) for part in (self._cost, self._lb, self._ub, self._integer))
        cost, lower, upper, integer = parts
        low, high = np.concatenate(self._lo), np.concatenate(self._hi)
        return Solver(Template(cost, lower, upper, integer > 0, self.matrix(), low, high), threads)
