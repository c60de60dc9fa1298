"""Slot `load_forecast`: the hours ahead of a load whose past is known."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slots.grid.model import Floats


@dataclass(frozen=True)
class ForecastRequest:
    """What is known.

    Attributes:
        history: (hour,) MW until now, at least five weeks.
        hours: ahead.
        first_hour: of the history within its week (0: Monday, midnight).
    """

    history: Floats
    hours: int
    first_hour: int = 0


class LoadForecastAlgorithm(Protocol):
    """Returns (hour,) MW ahead, as an array."""

    def __call__(self, request: ForecastRequest) -> Floats:
        """Forecast."""
        ...


def check_forecast(request: ForecastRequest, result: Floats) -> None:
    """Invariants: every hour a load that has been possible before (half the least to twice the most)."""
    assert result.shape == (request.hours,), "an hour is missing"
    assert np.isfinite(result).all(), "an hour is not a number"
    low, high = 0.5 * request.history.min(), 2 * request.history.max()
    assert ((result >= low) & (result <= high)).all(), "a load far from all that has been"
