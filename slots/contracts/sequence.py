"""Slot `sequence`: hourly snapshots of a year for a grid."""

from dataclasses import dataclass
from typing import Protocol

from slots.grid.model import Grid
from slots.sources.series import Series


@dataclass(frozen=True)
class SequenceRequest:
    """What to generate.

    Attributes:
        grid: the full grid.
        series: the series that came with the grid, if any.
        seed: of everything random.
        peak_share: annual peak load as a share of the case's own load.
    """

    grid: Grid
    series: Series | None
    seed: int
    peak_share: float = 0.95


class SequenceAlgorithm(Protocol):
    """Returns a whole year, or the series that the grid came with; a run takes the hours it needs. The same request gives the same bits."""

    def __call__(self, request: SequenceRequest) -> Series:
        """Generate the series."""
        ...


def check_sequence(request: SequenceRequest, series: Series) -> None:
    """Invariants: complete, non-negative, within unit capacity, load reaches the stated peak.

    Raises:
        ProfileError: a hole or a negative value.
        AssertionError: a breach of the contract by the algorithm.
    """
    series.check(request.grid)
    decided = request.grid.units.kind == "variable"
    pmax = request.grid.units.pmax[decided]
    assert (series.available[:, decided] <= pmax + 1e-6).all(), "more wind, sun or water than a unit can take"
    assert (series.floor <= series.available.clip(min=0) + 1e-6)[:, decided].all(), "floor above availability"
    assert series is request.series or series.hours >= 8760, "less than a year"
