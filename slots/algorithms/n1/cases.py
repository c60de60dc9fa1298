"""The states after outages of one hour, and what an engine must be able to do."""

from dataclasses import dataclass
from typing import Protocol

from slots.grid.model import Bools, Complexes, Ints
from slots.grid.outage import Hour


@dataclass(frozen=True)
class Cases:
    """An hour's outages: (1 + outage, …), case 0 is the intact grid.

    Attributes:
        v: (case, bus) p.u.; converged: (case,); held: (case, bus) buses that still hold their voltage.
    """

    v: Complexes
    converged: Bools
    held: Bools


class Engine(Protocol):
    """Solves outages of a network's hours.

    Attributes:
        splitting: for each contingency that splits the grid, (bus,) the main part, which goes on.
    """

    splitting: dict[int, Bools]

    def cases(self, hour: Hour, outages: Ints) -> Cases:
        """Voltages of some outages of an hour.

        Args:
            hour: the intact hour.
            outages: positions in the network's contingencies.
        """
        ...
