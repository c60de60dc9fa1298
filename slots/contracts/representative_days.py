"""Slot `representative_days`: a few days that stand for a year, each with the number of days that it stands for."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.spatial.distance import cdist

from slots.grid.model import Floats, Ints


@dataclass(frozen=True)
class DaysRequest:
    """What to choose from.

    Attributes:
        features: (day, feature) what makes days alike: loads and available power of their hours, scaled by the caller.
        count: days to choose.
        seed: of everything random.
    """

    features: Floats
    count: int
    seed: int = 1


@dataclass(frozen=True)
class Days:
    """The choice: (chosen,) positions of days, (chosen,) days that each stands for."""

    day: Ints
    weight: Floats


class RepresentativeDaysAlgorithm(Protocol):
    """Chooses days."""

    def __call__(self, request: DaysRequest) -> Days:
        """Choose."""
        ...


def features_of(load: Floats, weather: Floats, hours: int = 3) -> Floats:
    """(day, feature) means of some hours each of load and of what weather gives, both (hour,) MW, as shares of their peaks."""
    days = len(load) // 24
    parts = [x[: 24 * days].reshape(days, -1, hours).mean(axis=2) / max(float(x.max()), 1e-9) for x in (load, weather)]
    return np.concatenate(parts, axis=1)


def distance(request: DaysRequest, day: Ints) -> float:
    """Sum of the distances (Euclidean) of all days to the nearest of those chosen."""
    return float(cdist(request.features, request.features[day]).min(axis=1).sum())


def nearest(request: DaysRequest, day: Ints) -> Days:
    """The choice in which every day is stood for by the one nearest to it."""
    to = cdist(request.features, request.features[day]).argmin(axis=1)
    return Days(np.asarray(day, dtype=np.int64), np.bincount(to, minlength=len(day)).astype(float))


def check_days(request: DaysRequest, result: Days) -> None:
    """Invariants: as many different days as asked for; every day is stood for once."""
    n = len(request.features)
    assert len(result.day) == request.count, f"{len(result.day)} days where {request.count} are asked for"
    assert len(set(result.day.tolist())) == request.count, "a day is chosen twice"
    assert ((result.day >= 0) & (result.day < n)).all(), "a day outside the year"
    assert (result.weight > 0).all(), "a day that stands for none"
    assert abs(result.weight.sum() - n) < 1e-6, "the days stood for are not all"
