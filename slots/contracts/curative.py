"""Curative actions: what is done after an outage, and only then, so that the grid survives it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from slots.grid.model import Complexes
from slots.grid.outage import Hour


@dataclass(frozen=True)
class CurativeAction:
    """Actions after one outage in one hour.

    Attributes:
        outage: position of the branch that fails.
        change: (bus,) p.u. change of the injections.
        run_back, shed: MW of generation run back and of load shed.
    """

    outage: int
    change: Complexes
    run_back: float
    shed: float

    @property
    def mw(self) -> float:
        """MW of all actions."""
        return self.run_back + self.shed

    @classmethod
    def none(cls, outage: int, buses: int) -> CurativeAction:
        """Nothing."""
        return cls(outage, np.zeros(buses, complex), 0.0, 0.0)


def with_change(hour: Hour, change: Complexes) -> Hour:
    """The hour as an outage finds it after which injections change by `change` ((bus,) p.u.)."""
    q = change.imag
    return replace(hour, s=hour.s + change, low=hour.low + q, high=hour.high + q)
