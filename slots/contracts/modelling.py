"""Slot `modelling`: from a grid source to the model of the system."""

from dataclasses import dataclass
from typing import Protocol

from slots.grid.model import Grid
from slots.grid.validate import check_grid
from slots.sources.series import Series


@dataclass(frozen=True)
class ModellingRequest:
    """What to model.

    Attributes:
        source: name or path of a grid source.
        inverter_power_factor: reactive range of wind and solar units without one; 1 leaves data as they are.
    """

    source: str
    inverter_power_factor: float


@dataclass(frozen=True)
class SystemModel:
    """The system: its grid, and its series where the source has them."""

    grid: Grid
    series: Series | None


class ModellingAlgorithm(Protocol):
    """Reads and validates a source."""

    def __call__(self, request: ModellingRequest) -> SystemModel:
        """Model the system."""
        ...


def check_model(model: SystemModel) -> None:
    """Invariants: the grid keeps all rules, every unit names its source, series fit the grid."""
    check_grid(model.grid)
    assert (model.grid.units.source != "").all(), "a unit without a source"
    if model.series is not None:
        model.series.check(model.grid)
