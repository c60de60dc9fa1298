"""HiGHS, handed a template as one matrix and changed in place between solves."""

from typing import Any

import highspy
import numpy as np
import scipy.sparse as sp

from bos_core.objects.errors import InfeasibleError, ParameterError, SolverError
from slots.grid.model import Floats, Ints
from slots.scheduling.template import Cone, Template

INF = highspy.kHighsInf
_ERROR, _Status = highspy.HighsStatus.kError, highspy.HighsModelStatus
_FOUND = (_Status.kOptimal, _Status.kTimeLimit, _Status.kSolutionLimit)  # if they come with a solution
_OUT_OF_TIME = (_Status.kTimeLimit, _Status.kSolutionLimit, _Status.kInterrupt)
# What is tried after HiGHS gave up: the other method, another scaling, none, each on the problem as it stands.
_OTHER_WAYS: tuple[dict[str, Any], ...] = (
    {"presolve": "off"},
    {"solver": "ipm"},
    {"solver": "simplex", "presolve": "off", "simplex_scale_strategy": 4},
    {"solver": "simplex", "presolve": "off", "simplex_scale_strategy": 0},
)


class Solver:
    """HiGHS with the calls that scheduling needs: solve, relax, change, add rows, read."""

    def __init__(self, template: Template, threads: int = 1) -> None:
        self.offset = template.offset
        self._highs = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", threads), ("random_seed", 0)):
            self._highs.setOptionValue(option, value)
        numbers = (template.cost, template.lower, template.upper, template.low, template.high, template.matrix.data)
        if any(np.isnan(x).any() for x in numbers) or self._highs.passModel(_lp(template)) == _ERROR:
            raise ParameterError(
                "the problem has numbers that no solver takes (NaN or infinite)", "check its parameters"
            )

    def option(self, name: str, value: Any) -> None:
        """Set a HiGHS option."""
        self._highs.setOptionValue(name, value)

    def add_rows(self, rows: sp.csr_matrix, low: Floats, high: Floats) -> int:
        """Add rows; the number of the first."""
        first = int(self._highs.getNumRow())
        self._highs.addRows(
            rows.shape[0], low, high, rows.nnz, rows.indptr[:-1].astype(np.int32), rows.indices.astype(np.int32),
            rows.data,
        )  # fmt: skip
        return first

    def add_columns(self, cost: Floats) -> Ints:
        """Add non-negative columns without entries; returns their numbers."""
        first, count = self._highs.getNumCol(), len(cost)
        none = np.zeros(0, np.int32)
        self._highs.addCols(count, cost, np.zeros(count), np.full(count, INF), 0, none, none, np.zeros(0))
        return np.arange(first, first + count)

    def bound_columns(self, columns: Ints, low: Floats, high: Floats) -> None:
        """Change bounds of columns."""
        self._highs.changeColsBounds(len(columns), np.asarray(columns, np.int32), low, high)

    def bound_rows(self, rows: Ints, low: Floats, high: Floats) -> None:
        """Change bounds of rows."""
        self._highs.changeRowsBounds(len(rows), np.asarray(rows, np.int32), low, high)

    def price_columns(self, columns: Ints, cost: Floats) -> None:
        """Change costs of columns."""
        self._highs.changeColsCost(len(columns), np.asarray(columns, np.int32), cost)

    def change_entries(self, rows: Ints, columns: Ints, values: Floats) -> None:
        """Change coefficients."""
        for row, column, value in zip(rows.tolist(), columns.tolist(), values.tolist(), strict=True):
            self._highs.changeCoeff(row, column, value)

    def change_cones(self, cones: tuple[Cone, ...]) -> None:
        """Linear problems have none."""
        assert not cones

    def fix(self, columns: Ints, values: Floats) -> None:
        """Fix columns at values."""
        at = np.asarray(values, float).ravel()
        self.bound_columns(np.asarray(columns).ravel(), at, at)

    def start_from(self, x: Floats) -> None:
        """Offer a solution to start from."""
        solution = highspy.HighsSolution()
        solution.col_value = list(x)
        self._highs.setSolution(solution)

    def run(self, what: str, relax: bool = False) -> Floats:
        """Solve and return the columns' values.

        Raises:
            InfeasibleError: it is proved that no solution exists for `what`.
            SolverError: there is neither a solution nor that proof, by any method and scaling.
        """
        self._highs.setOptionValue("solve_relaxation", relax)
        told: list[str] = []
        for way in ({}, *_OTHER_WAYS):
            status = self._attempt(way)
            if status in _FOUND and self._highs.getInfo().primal_solution_status == 2:
                return np.array(self._highs.getSolution().col_value)
            if status == _Status.kInfeasible:
                raise InfeasibleError(f"{what} has no solution", "check capacities, limits and borders")
            told.append(self._highs.modelStatusToString(status))
            if status in _OUT_OF_TIME:
                raise SolverError(
                    f"no solution of {what} was found within the limits of its search", "give it more time"
                )
            if status == _Status.kUnbounded:
                raise SolverError(f"{what} has no least cost, it falls for ever", "bound what is paid for")
        raise SolverError(
            f"HiGHS found no solution of {what} and no proof that there is none, by any method"
            f" ({', '.join(dict.fromkeys(told))})",
            "look for coefficients of very different size",
        )

    def _attempt(self, way: dict[str, Any]) -> Any:
        """The status of a solve, with these options for its time; from scratch if there are any."""
        before = {name: self._highs.getOptionValue(name)[1] for name in way}
        if way:
            self._highs.clearSolver()
        for name, value in way.items():
            self._highs.setOptionValue(name, value)
        self._highs.run()
        status = self._highs.getModelStatus()
        for name, value in before.items():
            self._highs.setOptionValue(name, value)
        return status

    def reduced_costs(self) -> Floats:
        """Reduced costs of the columns in the last relaxation."""
        return np.array(self._highs.getSolution().col_dual)

    def row_duals(self) -> Floats:
        """Change of the cost per unit of each row's bound in the last linear solve."""
        return np.array(self._highs.getSolution().row_dual)

    @property
    def optimal(self) -> bool:
        """Whether the last solution is proved to be optimal (a linear one that ran out of time bounds nothing)."""
        return bool(self._highs.getModelStatus() == _Status.kOptimal)

    @property
    def objective(self) -> float:
        """Cost of the last solution."""
        return float(self._highs.getInfo().objective_function_value)

    @property
    def bound(self) -> float:
        """Proven lower bound on the cost of the last mixed-integer solve."""
        return float(self._highs.getInfo().mip_dual_bound)


def _lp(t: Template) -> Any:
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = t.matrix.shape
    lp.offset_ = t.offset
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = t.cost, t.lower, t.upper
    lp.row_lower_, lp.row_upper_ = t.low, t.high
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = t.matrix.indptr, t.matrix.indices, t.matrix.data
    if t.integer.any():
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(i)] for i in t.integer]
    return lp
