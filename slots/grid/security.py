"""What branches carry after outages, in DC: the pairs that can matter, and their factors.

A pair is a branch and the outage after which it is watched. Its flow is the branch's own plus the share of the failed
branch's that moves to it (LODF). Pairs that move little, or that no flows within ratings can overload, are left out.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slots.grid.dc import lodf
from slots.grid.model import Floats, Grid, Ints

CUTOFF = 0.05  # shares moved below are left out, as is usual in reliability coordination
DENSE_ENTRIES = 4_000_000  # up to which factors are written down


class Factors(Protocol):
    """Factors too many to write down."""

    shape: tuple[int, int]

    def apply(self, x: Floats) -> Floats:
        """(…, row) MW of (…, column) MW."""
        ...

    def rows(self, index: Ints) -> Floats:
        """(row, column) factors of some rows."""
        ...


@dataclass(frozen=True)
class Pairs:
    """Branches watched after outages; all arrays are (pair,).

    Attributes:
        branch, outage: positions of the branch watched and of the one that fails.
        moved: share of the failed one's power that moves to the branch (LODF).
    """

    branch: Ints
    outage: Ints
    moved: Floats

    def joined(self, flow: Floats) -> Floats:
        """(…, branch + pair) MW: flows, then those after the outages, of (…, branch) MW."""
        after = flow[..., self.branch] + self.moved * flow[..., self.outage]
        return np.concatenate([flow, after], axis=-1)

    def limits(self, intact: Floats, after: Floats) -> Floats:
        """(branch + pair,) MW, of (branch,) limits of the intact grid and after an outage."""
        return np.concatenate([intact, after[self.branch]])

    def factors(self, of_branches: Floats) -> "Floats | PairedFactors":
        """(branch + pair, column), of (branch, column); an operator where that is too much."""
        if (len(of_branches) + len(self.branch)) * of_branches.shape[1] <= DENSE_ENTRIES:
            return self.joined(of_branches.T).T
        return PairedFactors(of_branches, self)


NONE = Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


class PairedFactors:
    """Factors of branches, then of pairs."""

    def __init__(self, of_branches: Floats, pairs: Pairs) -> None:
        self._of, self._pairs = of_branches, pairs
        self.shape: tuple[int, int] = (len(of_branches) + len(pairs.branch), of_branches.shape[1])

    def apply(self, x: Floats) -> Floats:
        """(…, branch + pair) MW of (…, column) MW."""
        return self._pairs.joined(np.asarray(x @ self._of.T))

    def rows(self, index: Ints) -> Floats:
        """(row, column) factors of some rows."""
        own, pairs = len(self._of), self._pairs
        out = np.empty((len(index), self.shape[1]))
        intact = index < own
        k = index[~intact] - own
        out[intact] = self._of[index[intact]]
        out[~intact] = self._of[pairs.branch[k]] + pairs.moved[k, None] * self._of[pairs.outage[k]]
        return out


def pairs_of(grid: Grid, factors: Floats, outages: Ints, intact: Floats, after: Floats) -> Pairs:
    """The pairs that can matter.

    Args:
        grid: the grid; factors: its PTDF (branch, bus).
        outages: positions of the branches that may fail; those that split the grid have no pairs.
        intact, after: (branch,) MW limits of the intact grid and after an outage; inf: none.
    """
    with np.errstate(invalid="ignore"):
        moved = np.nan_to_num(lodf(grid, factors)[:, outages])
    moved[outages, np.arange(len(outages))] = 0.0
    share = np.abs(moved)
    within = np.where(share > 0, share * intact[outages][None, :], 0.0)
    branch, k = np.nonzero(
        (share >= CUTOFF) & np.isfinite(after)[:, None] & (intact[:, None] + within > after[:, None])
    )
    return Pairs(branch, outages[k], moved[branch, k])
