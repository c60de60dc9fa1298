"""A sparse linear model built in blocks and handed to HiGHS as one matrix.

Modelling layers cost 11 to 43 times this hand-over for a day's unit commitment; structure is plain scipy.
"""

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
import scipy.sparse as sp

from bos_core.objects.errors import InfeasibleError
from slots.grid.model import Floats, Ints

INF = highspy.kHighsInf


@dataclass(frozen=True)
class Block:
    """Consecutive columns of a model, shaped as the modeller thinks of them."""

    first: int
    shape: tuple[int, ...]

    @property
    def index(self) -> Ints:
        """Column numbers in the block's shape."""
        return np.arange(self.first, self.first + int(np.prod(self.shape))).reshape(self.shape)


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

    def solver(self, threads: int = 1) -> "Solver":
        """A HiGHS instance that holds the model."""
        lp = highspy.HighsLp()
        a = self.matrix()
        lp.num_col_, lp.num_row_ = self.n, self.m
        lp.col_cost_ = np.concatenate(self._cost)
        lp.col_lower_, lp.col_upper_ = np.concatenate(self._lb), np.concatenate(self._ub)
        lp.row_lower_, lp.row_upper_ = np.concatenate(self._lo), np.concatenate(self._hi)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = a.indptr, a.indices, a.data
        integer = np.concatenate(self._integer)
        if integer.any():
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            lp.integrality_ = [kinds[int(i)] for i in integer]
        return Solver(lp, threads)


class Solver:
    """HiGHS with the calls the chain needs: solve, relax, add rows, read."""

    def __init__(self, lp: Any, threads: int) -> None:
        self._highs = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", threads), ("random_seed", 0)):
            self._highs.setOptionValue(option, value)
        self._highs.passModel(lp)

    def option(self, name: str, value: Any) -> None:
        """Set a HiGHS option."""
        self._highs.setOptionValue(name, value)

    def add_rows(self, rows: list[tuple[Ints, Floats]], lo: Floats, hi: Floats) -> None:
        """Add rows given as (columns, coefficients)."""
        starts = np.concatenate([[0], np.cumsum([len(c) for c, _ in rows])])[:-1]
        index = np.concatenate([c for c, _ in rows]).astype(np.int32)
        value = np.concatenate([v for _, v in rows])
        self._highs.addRows(len(rows), lo, hi, len(index), starts.astype(np.int32), index, value)

    def add_columns(self, count: int, cost: float) -> Ints:
        """Add non-negative columns without entries; returns their numbers."""
        first = self._highs.getNumCol()
        none = np.zeros(0, np.int32)
        full = np.full(count, INF)
        self._highs.addCols(count, np.full(count, cost), np.zeros(count), full, 0, none, none, np.zeros(0))
        return np.arange(first, first + count)

    def fix(self, columns: Ints, values: Floats) -> None:
        """Fix columns at values."""
        index = np.asarray(columns, np.int32).ravel()
        at = np.asarray(values, float).ravel()
        self._highs.changeColsBounds(len(index), index, at, at)

    def start_from(self, x: Floats) -> None:
        """Offer a solution to start from."""
        solution = highspy.HighsSolution()
        solution.col_value = list(x)
        self._highs.setSolution(solution)

    def run(self, what: str, relax: bool = False) -> Floats:
        """Solve and return the columns' values.

        Raises:
            InfeasibleError: no solution exists for `what`, or none was found in time.
        """
        self._highs.setOptionValue("solve_relaxation", relax)
        self._highs.run()
        status = self._highs.getModelStatus()
        good = (
            highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kTimeLimit,
            highspy.HighsModelStatus.kSolutionLimit,
        )  # fmt: skip
        info = self._highs.getInfo()
        if status not in good or info.primal_solution_status != 2:
            text = self._highs.modelStatusToString(status)
            raise InfeasibleError(f"{what} has no solution ({text})", "check capacities, limits and borders")
        return np.array(self._highs.getSolution().col_value)

    def reduced_costs(self) -> Floats:
        """Reduced costs of the columns in the last relaxation."""
        return np.array(self._highs.getSolution().col_dual)

    @property
    def objective(self) -> float:
        """Cost of the last solution."""
        return float(self._highs.getInfo().objective_function_value)

    @property
    def bound(self) -> float:
        """Proven lower bound on the cost of the last mixed-integer solve."""
        return float(self._highs.getInfo().mip_dual_bound)
