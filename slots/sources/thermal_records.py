"""Thermal units of commitment cases, checked one by one and stacked into a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slots.contracts.commitment_case import CaseLines, CaseStores, ThermalUnits
from slots.grid.model import Bools, Floats
from slots.sources.json_fields import Fields

SLOPE_TOLERANCE = 1e-6  # USD/MWh, and the same share of a slope, by which a curve may bend the wrong way: rounding


@dataclass(frozen=True)
class ThermalRecord:
    """A unit as a file states it; `fields` is where it stands. (K,) or (step, K) points; times in steps."""

    fields: Fields
    name: str
    bus: int
    mw: Floats
    usd: Floats
    start_off: Floats
    start_usd: Floats
    min_up: float
    min_down: float
    rise: float
    fall: float
    start_limit: float
    stop_limit: float
    must_run: Bools
    must_rest: Bools
    on: bool
    since: float
    power: float


def thermal_units(records: list[ThermalRecord], steps: int, rise_from_rest: bool) -> ThermalUnits:
    """The table of some units.

    Raises:
        GridError: a unit that cannot be; names it.
    """
    for r in records:
        _check(r)
    points, tiers = max(r.mw.shape[-1] for r in records), max(len(r.start_off) for r in records)
    mw = np.stack([_filled(r.mw, points, steps) for r in records], axis=1)
    usd = np.stack([_filled(r.usd, points, steps) for r in records], axis=1)
    off, cost = np.full((len(records), tiers), np.inf), np.zeros((len(records), tiers))
    for k, r in enumerate(records):
        off[k, : len(r.start_off)], cost[k, : len(r.start_off)] = r.start_off, r.start_usd
        cost[k, len(r.start_off) :] = r.start_usd[-1]

    def column(name: str) -> Floats:
        return np.array([getattr(r, name) for r in records], dtype=float)

    return ThermalUnits(
        np.array([r.name for r in records], dtype=str), np.array([r.bus for r in records], np.int64), mw, usd,
        np.stack([r.must_run for r in records], axis=1).astype(bool),
        np.stack([r.must_rest for r in records], axis=1).astype(bool),
        np.ceil(np.maximum(column("min_up"), 1)), np.ceil(np.maximum(column("min_down"), 1)), column("rise"),
        column("fall"), column("start_limit"), column("stop_limit"), off, cost, np.zeros(len(records)),
        column("on") > 0, column("since"), column("power"), rise_from_rest,
    )  # fmt: skip


def _filled(points: Floats, count: int, steps: int) -> Floats:
    """(step, count) points, the last one repeated."""
    each = np.broadcast_to(points, (steps, points.shape[-1]))
    return np.asarray(np.pad(each, ((0, 0), (0, count - points.shape[-1])), mode="edge"))


def _check(r: ThermalRecord) -> None:
    f = r.fields
    if not r.mw.shape[-1] or r.mw.shape != r.usd.shape:
        raise f.refuse("the cost curve has no points, or not as many costs as powers")
    if (np.diff(r.mw, axis=-1) < 0).any() or (r.mw < 0).any():
        raise f.refuse("the powers of the cost curve do not grow from zero or more")
    width, rise = np.atleast_2d(np.diff(r.mw, axis=-1)), np.atleast_2d(np.diff(r.usd, axis=-1))
    if (np.abs(rise[width <= 1e-9]) > 1e-9).any():
        raise f.refuse("the cost curve jumps: two costs at one power")
    for w, c in zip(width, rise, strict=True):
        slope = c[w > 1e-9] / w[w > 1e-9]
        if (np.diff(slope) < -SLOPE_TOLERANCE * (1 + np.abs(slope[:-1]))).any():
            raise f.refuse("the cost curve is not convex: a marginal cost falls", "replace it by a convex one")
    if not len(r.start_off) or len(r.start_off) != len(r.start_usd):
        raise f.refuse("it has no start cost, or not as many start costs as times off")
    if (np.diff(r.start_off) <= 0).any():
        raise f.refuse("the times off of its start costs do not grow")
    if (np.diff(r.start_usd) < 0).any() or (r.start_usd < 0).any():
        raise f.refuse("its start costs are negative, or fall with the time off")
    if len(r.start_off) > 1 and r.start_off[0] > max(r.min_down, 1):
        raise f.refuse(f"no start cost is stated for {max(r.min_down, 1):g} h off", "begin with the minimum time off")
    if (r.on and r.since <= 0) or (not r.on and r.since <= 0):
        raise f.refuse("its time in the state before the horizon is not positive")
    if not r.on and r.power > 1e-3:
        raise f.refuse(f"it rests before the horizon and gives {r.power:g} MW")
    if (r.must_run & r.must_rest).any():
        raise f.refuse("it must run and rest in the same step")


def no_stores(steps: int) -> CaseStores:
    """No store at all."""
    none, wide = np.zeros(0), np.zeros((steps, 0))
    names, at = np.zeros(0, dtype=str), np.zeros(0, np.int64)
    return CaseStores(names, at, none, wide, wide, wide, wide, wide, wide, wide, wide, wide, wide, wide, wide > 0)


def no_lines(steps: int) -> CaseLines:
    """No line at all."""
    names, at, wide = np.zeros(0, dtype=str), np.zeros(0, np.int64), np.zeros((steps, 0))
    return CaseLines(names, at, at, np.zeros(0), wide, wide, wide, at)
