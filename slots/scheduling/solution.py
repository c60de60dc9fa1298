"""What a solve found: values by name, prices, cost and its bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slots.grid.model import Floats

if TYPE_CHECKING:
    from slots.scheduling.problem import Problem


@dataclass(frozen=True)
class Solution:
    """A solution.

    Attributes:
        x: (column,) values.
        cost: USD.
        bound: proven lower bound on the cost (USD); equal to it for continuous problems.
        duals: (row,) change of the cost per unit added to a row's right side; None for integer problems.
    """

    problem: Problem
    x: Floats
    cost: float
    bound: float
    duals: Floats | None

    def __getitem__(self, name: str) -> Any:
        """A variable, named expression or parameter over its index sets."""
        return self.problem.value(name, self.x)

    def price(self, constraint: str) -> Floats:
        """Change of the cost (USD) per unit added to the right side of a constraint, over its index sets.

        NaN where it has no row.
        """
        assert self.duals is not None, "an integer problem has no prices; fix its decisions and solve again"
        return self.problem.rows[constraint].spread(self.duals)
