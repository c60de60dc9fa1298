"""Between which outputs a unit may move in an hour without breaking a ramp to its neighbours."""

import numpy as np

from bos_core.objects.task import Chunk
from flows.steps.inputs import border_at, reader
from slots.grid.model import Bools, Floats, Units


def movable(
    units: Units, on: Bools, p: Floats, available: Floats, floor: Floats, curtail: bool
) -> tuple[Floats, Floats]:
    """(hour, unit) limits from capacity and weather; stores keep their schedule.

    Args:
        units: the units; on, p: (hour, unit) as dispatched (MW).
        available, floor: (hour, unit) MW.
        curtail: whether weather-driven units may move within what weather allows.
    """
    thermal, variable = units.kind == "thermal", (units.kind == "variable") & units.in_service
    low = np.where(thermal[None, :] & on, units.pmin[None, :], p)
    high = np.where(thermal[None, :] & on, np.minimum(units.pmax[None, :], changing(units, on)), p)
    if curtail:
        up = np.nan_to_num(available, nan=0.0)
        low = np.where(variable[None, :], np.minimum(np.minimum(floor, up), p), low)
        high = np.where(variable[None, :], np.maximum(up, p), high)
    return np.minimum(low, p), np.maximum(high, p)


def changing(units: Units, on: Bools) -> Floats:
    """(hour, unit) most MW that stated limits of starts and stops leave in first and last hours of running."""
    out = np.full(on.shape, np.inf)
    start, stop = np.maximum(units.start_limit, units.pmin), np.maximum(units.stop_limit, units.pmin)
    out[1:] = np.where(on[1:] & ~on[:-1], start, out[1:])
    out[:-1] = np.where(on[:-1] & ~on[1:], np.minimum(out[:-1], stop), out[:-1])
    return out


def ramp_room(units: Units, on: Bools, p: Floats, share: float) -> Floats:
    """(hour, unit) MW that a unit may move in every hour at once without breaking a ramp (inf: no limit).

    Each hour takes `share` (at most a half) of what the steps to its two neighbours leave.
    """
    room = np.full(p.shape, np.inf)
    tight = (units.kind == "thermal") & (units.ramp < units.pmax - units.pmin - 1e-6)
    if len(p) < 2 or not tight.any():
        return room
    left = np.where(on[1:] & on[:-1], np.maximum(units.ramp - np.abs(np.diff(p, axis=0)), 0.0) * share, np.inf)
    room[1:] = np.minimum(room[1:], left)
    room[:-1] = np.minimum(room[:-1], left)
    room[:, ~tight] = np.inf
    return room


def around(chunk: Chunk) -> tuple[int, int]:
    """(first hour, hours) of the chunk and the hours beside it, within its month: what its ramp room depends on."""
    month_first, month_hours = chunk.payload["month"]
    first = max(chunk.first_hour - 1, month_first)
    return first, min(chunk.first_hour + chunk.hours + 1, month_first + month_hours) - first


def within(
    chunk: Chunk, units: Units, on: Bools, p: Floats, low: Floats, high: Floats, first: int, share: float
) -> tuple[Floats, Floats]:
    """Limits cut to the ramp room between the hours, and to the border bands where they begin or end at a month's."""
    room = ramp_room(units, on, p, share)
    low, high = np.maximum(low, p - room), np.minimum(high, p + room)
    tight = (units.kind == "thermal") & (units.ramp < units.pmax - units.pmin - 1e-6)
    for hour, row in ((first, 0), (first + len(p), -1)):
        border = border_at(chunk, hour)
        if border is None:
            continue
        if row == -1:  # a unit that may stop at midnight
            high[row] = np.where(border.on & on[row], np.minimum(high[row], border.cap), high[row])
        if not tight.any():
            continue
        held = tight & border.on & on[row] & np.isfinite(border.power)
        low[row, held] = np.maximum(low[row], border.power - units.ramp / 2)[held]
        high[row, held] = np.minimum(high[row], border.power + units.ramp / 2)[held]
    return np.minimum(low, p), np.maximum(high, p)


def weather(chunk: Chunk, first: int, hours: int) -> tuple[Floats, Floats]:
    """(hour, unit) available and floor (MW)."""
    source = reader(chunk, "sequence")
    return source.read("kept_available", first, hours), source.read("kept_floor", first, hours)
