"""What a source of grids gives."""

from dataclasses import dataclass

from slots.grid.model import Grid
from slots.sources.series import Series


@dataclass(frozen=True)
class Source:
    """A grid and, where its data set has them, a year of series."""

    grid: Grid
    series: Series | None = None
