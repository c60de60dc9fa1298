"""Machines behind a reactance: synchronous machines with governors, converters that emulate one."""

import csv
from dataclasses import dataclass, replace
from importlib import resources

import numpy as np

from slots.grid.model import Bools, Floats, Ints

# Governor and turbine of synchronous machines (TGOV1): class values of a reheat steam unit.
DROOP, VALVE_S, LEAD_S, REHEAT_S = 0.05, 0.3, 2.1, 7.0


@dataclass(frozen=True)
class Machines:
    """Machines; arrays are (machine,), per unit on each machine's own rating.

    Attributes:
        bus: position of the bus.
        rating: MVA.
        inertia: M = 2H (s); damping: p.u. power per p.u. frequency.
        reactance: transient reactance, for a converter that of its virtual machine.
        governed: whether a governor follows the frequency; converters have none.
    """

    bus: Ints
    rating: Floats
    inertia: Floats
    damping: Floats
    reactance: Floats
    governed: Bools

    def as_converters(self, which: Ints, inertia: Floats, damping: Floats) -> "Machines":
        """Some machines replaced by converters that emulate inertia and damping."""
        m, d, g = self.inertia.copy(), self.damping.copy(), self.governed.copy()
        m[which], d[which], g[which] = inertia, damping, False
        return replace(self, inertia=m, damping=d, governed=g)


def new_england() -> tuple[Ints, Machines]:
    """Bus numbers and machines of the IEEE 39-bus system (Athay, Podmore and Virmani, 1979), in the case's order.

    Positions of buses are the numbers less one, as in the MATPOWER case. Damping is 0.5 p.u. of every machine.
    """
    text = resources.files("slots.dynamics").joinpath("case39.csv").read_text()
    rows = np.array([[float(v) for v in row.values()] for row in csv.DictReader(text.splitlines())])
    n = len(rows)
    number = rows[:, 0].astype(np.int64)
    return number, Machines(number - 1, rows[:, 1], rows[:, 2], np.full(n, 0.5), rows[:, 3], np.ones(n, bool))


def class_machines(bus: Ints, pmax: Floats) -> Machines:
    """Class values for units without data: power factor 0.9, M 7 s, x' 0.3 p.u., D 0.5 p.u., governed."""
    n = len(bus)
    rating = np.maximum(pmax, 1.0) / 0.9
    return Machines(bus, rating, np.full(n, 7.0), np.full(n, 0.5), np.full(n, 0.3), np.ones(n, bool))
