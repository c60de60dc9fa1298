"""Reactive capability of inverters where a data set gives wind and solar units none."""

from dataclasses import replace

import numpy as np

from bos_core.objects.errors import ParameterError
from slots.grid.model import Grid


def with_inverter_capability(grid: Grid, power_factor: float) -> Grid:
    """Wind and solar units without a reactive range get that of a power factor at full capacity.

    0.95 is what FERC Order 827 (2016) asks of new non-synchronous plants; 1 leaves the data as they are.

    Raises:
        ParameterError: the power factor is not above 0 and at most 1.
    """
    if not 0 < power_factor <= 1:
        raise ParameterError(f"inverter power factor {power_factor:g} is out of range", "give one above 0, at most 1")
    if power_factor == 1:
        return grid
    units = grid.units
    bare = np.isin(units.fuel, ["wind", "solar"]) & (units.kind == "variable") & (units.qmax - units.qmin < 1e-9)
    if not bare.any():
        return grid
    room = units.pmax * np.tan(np.arccos(power_factor))
    note = f"; reactive range: power factor {power_factor:g} at capacity (FERC Order 827)"
    source = np.where(bare, np.char.add(units.source, note), units.source)
    changed = replace(
        units, qmin=np.where(bare, -room, units.qmin), qmax=np.where(bare, room, units.qmax), source=source
    )
    value = f"that of power factor {power_factor:g} at capacity"
    reading = grid.reading.with_filled("units.qmin, units.qmax", int(bare.sum()), value, "FERC Order 827")
    return grid.replace(units=changed, reading=reading)
