"""Slot `borders`: the monthly unit commitment that gives the daily problems their boundary conditions."""

from itertools import pairwise
from typing import Protocol

import numpy as np

from slots.contracts.unit_commitment import Border, Horizon, check_minimum_times
from slots.grid.model import Floats, Units


class BorderAlgorithm(Protocol):
    """Plans a month and returns its midnights.

    `horizon` covers the month and possibly some hours after it (a look-ahead); `days` midnights are wanted,
    of which the last is the month's end.
    """

    def __call__(self, horizon: Horizon, days: int) -> list[Border]:
        """Borders at hours 24, 48, …, 24 * days after the horizon's first hour."""
        ...


def check_borders(horizon: Horizon, borders: list[Border]) -> None:
    """Invariant: the commitments and hours promised can be kept with the minimum times."""
    units = horizon.units
    states = [horizon.start, *borders] if horizon.start is not None else list(borders)
    for a, b in pairwise(states):
        assert a is not None
        for g in np.flatnonzero((units.kind == "thermal") & units.in_service):
            least = units.min_up[g] if a.on[g] else units.min_down[g]
            locked = max(0.0, least - a.hours[g])
            tail = min(b.hours[g], 24.0)
            if a.on[g] != b.on[g]:
                assert locked + tail <= 24 + 1e-6, f"unit {units.name[g]} cannot reach its border"
            path = np.concatenate([np.full(24 - int(tail), a.on[g]), np.full(int(tail), b.on[g])])
            lone: Units = units.take(np.array([g]))
            history: Floats = np.array([a.hours[g]])
            check_minimum_times(lone, np.concatenate([[a.on[g]], path])[:, None], history)
        assert (b.energy <= units.energy_max + 1e-6).all(), "a store above its size"
