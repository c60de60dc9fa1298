"""Curative actions: what is done after an outage, and only then, so that the grid survives it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slots.grid.model import Complexes


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
