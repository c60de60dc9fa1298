"""Slot `loss_allocation`: whose the losses of a state are."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slots.grid.admittance import admittance
from slots.grid.model import Complexes, Floats, Grid


@dataclass(frozen=True)
class SolvedState:
    """A state: the grid, (bus,) voltages (p.u.), (bus,) MW generated and taken."""

    grid: Grid
    v: Complexes
    generated: Floats
    taken: Floats

    def losses(self) -> float:
        """MW in the grid, bus shunts included."""
        y = admittance(self.grid).ybus
        return float((self.v * np.conj(y @ self.v)).real.sum() * self.grid.base_mva)


@dataclass(frozen=True)
class Allocation:
    """(bus,) MW of losses that generation and that load at each bus answer for."""

    to_generation: Floats
    to_load: Floats


class LossAllocationAlgorithm(Protocol):
    """Allocates losses."""

    def __call__(self, request: SolvedState) -> Allocation:
        """Allocate."""
        ...


def check_allocation(request: SolvedState, result: Allocation) -> None:
    """Invariants: nothing is left over (1e-6 MW), nobody pays who neither generates nor takes."""
    total = result.to_generation.sum() + result.to_load.sum()
    assert abs(total - request.losses()) < 1e-6 * (1 + request.losses()), (
        f"{total:.4f} MW allocated of {request.losses():.4f}"
    )
    assert (np.abs(result.to_generation[request.generated == 0]) < 1e-9).all(), (
        "losses for generation that is not there"
    )
    assert (np.abs(result.to_load[request.taken == 0]) < 1e-9).all(), "losses for a load that is not there"
