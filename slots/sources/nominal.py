"""Nominal voltages for formats that need one at every bus, and what is told of buses that have none."""

import numpy as np

from slots.grid.model import Floats, Grid

UNKNOWN_KV = 1.0  # so that ohms are p.u. on the system base


def written_kv(grid: Grid) -> Floats:
    """(bus,) kV to write."""
    return np.where(grid.buses.kv > 0, grid.buses.kv, UNKNOWN_KV)


def told_of_kv(grid: Grid) -> list[str]:
    """The sentence for whoever reads the file, if there is something to tell."""
    n = int((grid.buses.kv <= 0).sum())
    if not n:
        return []
    return [f"{n} of {grid.n_bus} buses have no nominal voltage: they are written at {UNKNOWN_KV:g} kV, and what the file states "
            "of them in kV, ohm and ampere is meant at that"]  # fmt: skip
