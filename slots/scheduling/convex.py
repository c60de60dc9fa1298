"""Quadratic costs: PIQP or Clarabel through CVXPY; with integers, tangent planes in HiGHS.

The same calls as the linear solver's, so that lazy rows and updates need not know which is behind.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from bos_core.objects.errors import InfeasibleError, ParameterError, SolverError
from slots.grid.model import Floats, Ints
from slots.scheduling.highs import Solver
from slots.scheduling.template import Cone, Template

SOLVERS = ("PIQP", "CLARABEL", "ECOS")  # tried in this order
FIRST_TANGENTS = 8  # per square, between its bounds
MAX_TANGENTS = 40
WIDEST = 1e6  # stands for no bound
TIGHT = {"PIQP": {"eps_abs": 1e-9, "eps_rel": 1e-10}, "CLARABEL": {"tol_gap_abs": 1e-9, "tol_gap_rel": 1e-10}}


class ConvexSolver:
    """A convex quadratic problem that can be changed and solved again."""

    def __init__(self, template: Template) -> None:
        n = len(template.cost)
        squares = template.quadratic if template.quadratic is not None else sp.csc_matrix((n, n))
        t = self._t = Template(
            template.cost.copy(), template.lower.copy(), template.upper.copy(), template.integer.copy(),
            template.matrix, template.low.copy(), template.high.copy(), squares, template.offset, template.cones,
        )  # fmt: skip
        self.offset = t.offset
        self.objective = self.bound = np.nan
        self._model: _Model | None = None
        self._gap = 1e-4

    def option(self, name: str, value: Any) -> None:
        """Set the relative gap of the integer search; nothing else is known here."""
        if name == "mip_rel_gap":
            self._gap = float(value)

    def add_rows(self, rows: sp.csr_matrix, low: Floats, high: Floats) -> int:
        """Add rows; the number of the first."""
        t, first = self._t, len(self._t.low)
        wide = sp.csr_matrix((rows.data, rows.indices, rows.indptr), shape=(rows.shape[0], len(t.cost)))
        t.matrix = sp.vstack([t.matrix, wide], format="csr")
        t.low, t.high = np.concatenate([t.low, low]), np.concatenate([t.high, high])
        self._model = None
        return first

    def add_columns(self, cost: Floats) -> Ints:
        """Add non-negative columns without entries; returns their numbers."""
        t, n, k = self._t, len(self._t.cost), len(cost)
        t.cost, t.integer = np.concatenate([t.cost, cost]), np.concatenate([t.integer, np.zeros(k, bool)])
        t.lower, t.upper = np.concatenate([t.lower, np.zeros(k)]), np.concatenate([t.upper, np.full(k, np.inf)])
        t.matrix = sp.csr_matrix((t.matrix.data, t.matrix.indices, t.matrix.indptr), shape=(len(t.low), n + k))
        assert t.quadratic is not None
        t.quadratic = sp.block_diag([t.quadratic, sp.csc_matrix((k, k))], format="csc")
        self._model = None
        return np.arange(n, n + k)

    def bound_columns(self, columns: Ints, low: Floats, high: Floats) -> None:
        """Change bounds of columns."""
        self._t.lower[columns], self._t.upper[columns] = low, high

    def bound_rows(self, rows: Ints, low: Floats, high: Floats) -> None:
        """Change bounds of rows."""
        self._t.low[rows], self._t.high[rows] = low, high

    def price_columns(self, columns: Ints, cost: Floats) -> None:
        """Change linear costs of columns."""
        self._t.cost[columns] = cost
        self._model = None

    def change_entries(self, rows: Ints, columns: Ints, values: Floats) -> None:
        """Change coefficients."""
        table = self._t.matrix.tolil()
        table[rows, columns] = values
        self._t.matrix, self._model = table.tocsr(), None

    def change_cones(self, cones: tuple[Cone, ...]) -> None:
        """Change cones."""
        self._t.cones, self._model = cones, None

    def fix(self, columns: Ints, values: Floats) -> None:
        """Fix columns at values."""
        at = np.asarray(values, float).ravel()
        self.bound_columns(np.asarray(columns).ravel(), at, at)

    def run(self, what: str, relax: bool = False) -> Floats:
        """Solve and return the columns' values.

        Raises:
            InfeasibleError: it is proved that no solution exists for `what`.
            SolverError: no solver finds a solution, and none proves that there is none.
            ParameterError: integers with cones, or with products of different outputs in the cost.
        """
        if self._t.integer.any() and not relax:
            return self._run_tangents(what)
        return self._run_convex(what, self._t.lower, self._t.upper)

    def row_duals(self) -> Floats:
        """Change of the cost per unit of each row's bound in the last continuous solve."""
        assert self._model is not None
        return self._model.duals(len(self._t.low))

    def _run_convex(self, what: str, lower: Floats, upper: Floats) -> Floats:
        if self._model is None or not self._model.fits(self._t, lower, upper):
            self._model = _Model(self._t, lower, upper)
        x = self._model.run(what, self._t, lower, upper)
        self.objective = self.bound = self._cost(x)
        return x

    def _cost(self, x: Floats) -> float:
        t = self._t
        assert t.quadratic is not None
        return float(t.cost @ x + 0.5 * x @ (t.quadratic @ x)) + t.offset

    def _run_tangents(self, what: str) -> Floats:
        """Squares replaced by tangent planes from below, joined where the solution is, until they are close."""
        t = self._t
        assert t.quadratic is not None
        if t.cones:
            raise ParameterError(f"{what} has integer decisions and cones", "relax one of them")
        curve = t.quadratic.diagonal()
        if abs(t.quadratic - sp.diags(curve)).max() > 0:
            raise ParameterError(f"{what} has integer decisions and products of outputs in its cost", "use squares")
        bent = np.flatnonzero(curve > 0)
        n = len(t.cost)
        milp = Solver(Template(
            np.concatenate([t.cost, np.ones(len(bent))]), np.concatenate([t.lower, np.zeros(len(bent))]),
            np.concatenate([t.upper, np.full(len(bent), np.inf)]), np.concatenate([t.integer, np.zeros(len(bent), bool)]),
            sp.csr_matrix((t.matrix.data, t.matrix.indices, t.matrix.indptr), shape=(len(t.low), n + len(bent))),
            t.low, t.high, None, t.offset,
        ))  # fmt: skip
        milp.option("mip_rel_gap", self._gap / 2)
        at = self._run_convex(what, t.lower, t.upper)[bent]
        low, high = (np.clip(side[bent], -WIDEST, WIDEST) for side in (t.lower, t.upper))
        for share in np.linspace(0.0, 1.0, FIRST_TANGENTS):
            _touch(milp, n, bent, curve[bent], low + share * (high - low))
        _touch(milp, n, bent, curve[bent], at)
        for _ in range(MAX_TANGENTS):
            x = milp.run(what)
            error = 0.5 * curve[bent] * x[bent] ** 2 - x[n:]
            enough = self._gap / 2 * abs(milp.objective)
            if error.sum() <= enough:
                break
            _touch(milp, n, bent, curve[bent], x[bent], np.flatnonzero(error > enough / len(bent)))
        bound = milp.bound
        lower, upper = t.lower.copy(), t.upper.copy()
        whole = np.flatnonzero(t.integer)
        lower[whole] = upper[whole] = x[whole].round()
        x = self._run_convex(what, lower, upper)
        self.bound = min(bound, self.objective)
        return x


def _touch(milp: Solver, n: int, bent: Ints, curve: Floats, at: Floats, which: Ints | None = None) -> None:
    """Join z >= c a x - c a²/2, the tangents of c x²/2 at `a`."""
    k = np.arange(len(bent)) if which is None else which
    row = np.arange(len(k))
    entries = np.concatenate([-curve[k] * at[k], np.ones(len(k))])
    columns = np.concatenate([bent[k], n + k])
    rows = sp.csr_matrix((entries, (np.concatenate([row, row]), columns)), shape=(len(k), n + len(bent)))
    milp.add_rows(rows, -0.5 * curve[k] * at[k] ** 2, np.full(len(k), np.inf))


class _Model:
    """The problem in CVXPY; bounds are parameters, so that changes do not build it again."""

    def __init__(self, t: Template, lower: Floats, upper: Floats) -> None:
        self._pattern = _pattern(t, lower, upper)
        self._equal, self._least, self._most, self._low, self._high = (np.flatnonzero(p) for p in self._pattern)
        self.x = cp.Variable(len(t.cost))
        self._sides = [cp.Parameter(len(p)) for p in (self._equal, self._least, self._most, self._low, self._high)]
        a, x = t.matrix, self.x
        parts = (a[self._equal] @ x, a[self._least] @ x, a[self._most] @ x, x[self._low], x[self._high])
        build = (cp.Zero, cp.NonNeg, cp.NonPos, cp.NonNeg, cp.NonPos)
        self._rows = [
            make(part - side) if side.size else None for make, part, side in zip(build, parts, self._sides, strict=True)
        ]
        squares = t.quadratic
        assert squares is not None
        bent = np.flatnonzero(np.diff(squares.indptr))
        curve = squares.diagonal()
        if abs(squares - sp.diags(curve)).max() > 0:
            quadratic = cp.quad_form(x, cp.psd_wrap(squares)) / 2
        else:
            quadratic = cp.sum_squares(cp.multiply(np.sqrt(curve[bent] / 2), x[bent])) if len(bent) else 0.0
        cones = [_second_order(c, x) for c in t.cones]
        rows = [r for r in self._rows if r is not None]
        self._problem = cp.Problem(cp.Minimize(t.cost @ x + quadratic), rows + cones)

    def fits(self, t: Template, lower: Floats, upper: Floats) -> bool:
        """Whether the same bounds are finite and equal as when it was built."""
        return all(np.array_equal(a, b) for a, b in zip(self._pattern, _pattern(t, lower, upper), strict=True))

    def run(self, what: str, t: Template, lower: Floats, upper: Floats) -> Floats:
        """Solve with the first solver that succeeds."""
        values = (t.low[self._equal], t.low[self._least], t.high[self._most], lower[self._low], upper[self._high])
        for side, value in zip(self._sides, values, strict=True):
            side.value = value
        told: list[str] = []
        rough = None
        for name in SOLVERS:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # the status tells what was reached
                    self._problem.solve(solver=name, **TIGHT.get(name, {}))
            except cp.SolverError:
                told.append(f"{name}: gave up")
                continue
            status = str(self._problem.status)
            if status == "optimal":
                return np.asarray(self.x.value)
            if status == "infeasible":
                self._prove(what, t, lower, upper)
            told.append(f"{name}: {status}")
            rough = self.x.value if status == "optimal_inaccurate" else rough
        if rough is not None:
            return np.asarray(rough)
        if t.cones and sum(s.endswith(": infeasible") for s in told) > 1:  # each by a certificate of its own
            raise InfeasibleError(f"{what} has no solution", "check capacities, limits and borders")
        raise SolverError(
            f"no solver found a solution of {what}, or a proof that there is none ({', '.join(told)})",
            "look for coefficients of very different size",
        )

    @staticmethod
    def _prove(what: str, t: Template, lower: Floats, upper: Floats) -> None:
        """Raise InfeasibleError if the rows and bounds contradict each other, whatever the cost and the cones are."""
        n = len(t.cost)
        bare = Template(np.zeros(n), lower, upper, np.zeros(n, bool), t.matrix, t.low, t.high)
        with suppress(SolverError):
            Solver(bare).run(what)

    def duals(self, rows: int) -> Floats:
        """Duals of the rows, in HiGHS's sign."""
        out = np.zeros(rows)
        for part, index, sign in zip(self._rows, (self._equal, self._least, self._most), (-1, 1, -1), strict=False):
            if part is not None:
                out[index] += sign * np.asarray(part.dual_value)
        return out


def _second_order(cone: Cone, x: cp.Variable) -> cp.SOC:
    def of(side: tuple[sp.csr_matrix, Floats]) -> cp.Expression:
        matrix, const = side
        wide = sp.csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], x.size))
        return wide @ x + const

    return cp.SOC(of(cone.within), cp.vstack([of(p) for p in cone.parts]), axis=0)


def _pattern(t: Template, lower: Floats, upper: Floats) -> tuple[Any, ...]:
    equal = t.low == t.high
    return (
        equal, np.isfinite(t.low) & ~equal, np.isfinite(t.high) & ~equal, np.isfinite(lower), np.isfinite(upper)
    )  # fmt: skip
