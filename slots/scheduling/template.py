"""The numerical problem `min c x + 1/2 x Q x + k, lo <= A x <= hi, lb <= x <= ub`, some x integer."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from slots.grid.model import Bools, Floats, Ints


@dataclass(frozen=True)
class Cone:
    """Rows with |parts x + const| <= within x + const: (matrix, const) pairs of equal height."""

    parts: tuple[tuple[sp.csr_matrix, Floats], ...]
    within: tuple[sp.csr_matrix, Floats]


@dataclass
class Template:
    """Arrays of a problem; `quadratic` is None for linear costs. Bounds and costs may be changed in place."""

    cost: Floats
    lower: Floats
    upper: Floats
    integer: Bools
    matrix: sp.csr_matrix
    low: Floats
    high: Floats
    quadratic: sp.csc_matrix | None = None
    offset: float = 0.0
    cones: tuple[Cone, ...] = ()


@dataclass(frozen=True)
class Block:
    """Consecutive columns of a model, shaped as the modeller thinks of them."""

    first: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of columns."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def index(self) -> Ints:
        """Column numbers in the block's shape."""
        return np.arange(self.first, self.first + self.size).reshape(self.shape)


@dataclass(frozen=True)
class Rows:
    """Where a constraint's rows are: `kept` are the elements of its index sets that have a row."""

    first: int
    shape: tuple[int, ...]
    kept: Ints

    def spread(self, values: Floats) -> Floats:
        """Values of all rows of the problem as an array over the constraint's index sets; NaN without a row."""
        out = np.full(int(np.prod(self.shape, dtype=np.int64)), np.nan)
        out[self.kept] = values[self.first : self.first + len(self.kept)]
        return out.reshape(self.shape)
