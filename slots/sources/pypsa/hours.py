"""A PyPSA network's snapshots as hourly series."""

import numpy as np
import pandas as pd

from bos_core.objects.errors import GridError
from slots.grid.model import VARIABLE, Floats, Grid
from slots.grid.reading import ReadingLog
from slots.sources.pypsa.file import NetworkFile
from slots.sources.pypsa.stores import Store, inflow_of
from slots.sources.series import Series, calendar_start

RESERVE_SHARE_OF_LOAD, RESERVE_SHARE_OF_WEATHER = 0.03, 0.05
YEAR = 8784


def series_of(
    file: NetworkFile, grid: Grid, generators: pd.DataFrame, stores: list[Store], at: dict[str, int], log: ReadingLog
) -> Series | None:
    """The hourly series of a network; None where it has no snapshots in time.

    Shorter steps are averaged and longer ones held over their hours, which is told.

    Raises:
        GridError: the snapshots are not evenly spaced, or leave the year that they begin in.
    """
    if file.snapshots is None:
        log.warn("the file has no hourly snapshots: the year is synthetic unless you import profiles")
        return None
    to_hours, start, first = _hours(file, file.snapshots, log)
    live = grid.live
    load, load_q = (to_hours(_loads(file, k, at, grid.n_bus)) * live for k in ("p_set", "q_set"))
    available = np.full((len(load), len(grid.units)), np.nan)
    floor, inflow = np.zeros_like(available), np.zeros_like(available)
    names, size = file.static["generators"].index, generators["size"].to_numpy()
    mine = names.get_indexer(generators.index)
    weather = np.flatnonzero(grid.units.kind[: len(generators)] == VARIABLE)
    most, least = (to_hours(file.hourly("generators", k)[:, mine] * size) for k in ("p_max_pu", "p_min_pu"))
    available[:, weather] = np.clip(most[:, weather], 0.0, grid.units.pmax[weather])
    floor[:, weather] = np.clip(least[:, weather], 0.0, available[:, weather])
    inflow[:, len(generators) :] = to_hours(inflow_of(file, stores))
    sun = np.isin(grid.units.fuel, ["wind", "solar"]) & (grid.units.kind == VARIABLE)
    reserve = RESERVE_SHARE_OF_LOAD * load.sum(axis=1) + RESERVE_SHARE_OF_WEATHER * available[:, sun].sum(axis=1)
    log.fill("series.reserve", len(load), f"{RESERVE_SHARE_OF_LOAD:.0%} of load and {RESERVE_SHARE_OF_WEATHER:.0%} of wind and sun",
             "PyPSA states no reserve")  # fmt: skip
    return Series(
        calendar_start(start),
        load,
        load_q,
        available,
        floor,
        inflow,
        reserve,
        "hourly series of the PyPSA network",
        first,
    )


class _ToHours:
    """From snapshots to hours: means of shorter steps, repeats of longer ones."""

    def __init__(self, step_h: float) -> None:
        self._step = step_h

    def __call__(self, values: Floats) -> Floats:
        if self._step >= 1:
            return np.asarray(np.repeat(values, round(self._step), axis=0))
        per_hour = round(1 / self._step)
        hours = len(values) // per_hour
        whole = values[: hours * per_hour]
        return np.asarray(whole.reshape(hours, per_hour, *values.shape[1:]).mean(axis=1))


def _hours(file: NetworkFile, snapshots: pd.DatetimeIndex, log: ReadingLog) -> tuple[_ToHours, int, int]:
    """How to come from snapshots to hours, the year, and the first hour in it."""
    gaps = np.diff(snapshots.to_numpy()) / np.timedelta64(1, "h")
    step = float(gaps[0])
    odd = np.flatnonzero(np.abs(gaps - step) > 1e-6)
    if len(odd):
        k = int(odd[0])
        raise GridError(
            f"grid {file.name}: its snapshots jump from {snapshots[k]} to {snapshots[k + 1]}", "space them evenly"
        )
    exact = step > 0 and (step if step >= 1 else 1 / step) == round(step if step >= 1 else 1 / step)
    begin = snapshots[0].tz_convert("UTC") if snapshots.tz is not None else snapshots[0]
    first = (begin - pd.Timestamp(year=begin.year, month=1, day=1, tz=begin.tz)) / pd.Timedelta(hours=1)
    if not exact or first != round(first):
        raise GridError(
            f"grid {file.name}: its snapshots, every {step:g} h from {begin}, do not fall on hours", "resample them"
        )
    if step > 1:
        log.warn(f"snapshots every {step:g} h: each holds for all its hours")
    if step < 1:
        log.warn(f"snapshots every {60 * step:g} min: each hour is the mean of its own")
    if first + step * len(snapshots) > YEAR:
        raise GridError(
            f"grid {file.name}: its snapshots from {begin} leave the year {begin.year}", "give one year at a time"
        )
    return _ToHours(step), int(begin.year), int(first)


def _loads(file: NetworkFile, attribute: str, at: dict[str, int], buses: int) -> Floats:
    """(snapshot, bus) MW or MVAr of the loads in service at kept buses."""
    table, hourly = file.static["loads"], file.hourly("loads", attribute)
    inside = (table.bus.isin(at) & table.active).to_numpy(bool)
    position = np.array([at[b] for b in table.bus[inside]], dtype=np.int64)
    drawn = -hourly[:, inside] * table.sign.to_numpy()[inside]
    return np.asarray(drawn @ (position[:, None] == np.arange(buses)))
