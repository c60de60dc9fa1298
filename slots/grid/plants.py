"""Units of one plant as one unit: its capacity is theirs, its cost the least at which they give its output."""

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from slots.grid.model import Floats, Ints, Units

_SUMMED = ("p", "q", "pmin", "pmax", "qmin", "qmax", "start_cost", "ramp", "ramp_10min", "energy_max",
           "energy_initial", "charge_max", "stop_cost", "start_limit", "stop_limit")  # fmt: skip
_LARGEST = ("min_up", "min_down")


def grouping(units: Units) -> Ints:
    """(unit,) number of the group that each unit belongs to; a unit out of service or without a plant is one."""
    alone = (units.plant == "") | ~units.in_service
    label = np.where(alone, np.char.add("\t", units.name), units.plant)
    _, first, group = np.unique(label, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))  # groups in the order of their first units
    return np.asarray(order[group], dtype=np.int64)


def merged(units: Units, group: Ints, unit_map: sp.csr_matrix) -> tuple[Units, sp.csr_matrix]:
    """One unit per group, and its (bus, unit) shares: those of its members by capacity.

    Args:
        units, group: the units and their `grouping`.
        unit_map: (bus, unit) shares of the units.
    """
    n = int(group.max()) + 1
    first = np.array([int(np.flatnonzero(group == k)[0]) for k in range(n)])
    if n == len(units):
        return units, unit_map
    size = np.maximum(units.pmax, 1e-3)
    share = size / np.bincount(group, size)[group]
    member = sp.csr_matrix((share, (np.arange(len(units)), group)), shape=(len(units), n))
    out = units.take(first)
    columns: dict[str, Any] = {name: np.bincount(group, getattr(units, name)) for name in _SUMMED}
    for name in _LARGEST:
        columns[name] = np.array([getattr(units, name)[group == k].max() for k in range(n)])
    starts = [_starts(units.take(group == k), units.start_off.shape[1]) for k in range(n)]
    columns["start_off"], columns["start_share"] = (np.array(x) for x in zip(*starts, strict=True))
    names = np.where(out.plant == "", out.name, np.char.add("plant ", out.plant))
    out = replace(out, name=np.where(np.bincount(group) > 1, names, out.name), **columns)
    curves = [_merit(units.take(group == k)) for k in range(n)]
    mw, usd = (np.array(x) for x in zip(*curves, strict=True))
    return replace(out, cost_mw=mw, cost_usd=usd), sp.csr_matrix(unit_map @ member)


def _merit(units: Units) -> tuple[Floats, Floats]:
    """Breakpoints of the least cost of several units that all run: their pieces in order of slope.

    The curve is convex; where it has more pieces than a unit may have, chords at equal steps replace it.
    """
    points = units.cost_mw.shape[1]
    if len(units) == 1:
        return units.cost_mw[0], units.cost_usd[0]
    width, rise = np.diff(units.cost_mw, axis=1).ravel(), np.diff(units.cost_usd, axis=1).ravel()
    slope = np.divide(rise, width, out=np.full(len(width), np.inf), where=width > 1e-9)
    order = np.argsort(slope, kind="stable")[: int((width > 1e-9).sum())]
    mw = np.concatenate([[0.0], np.cumsum(width[order])]) + units.cost_mw[:, 0].sum()
    usd = np.concatenate([[0.0], np.cumsum(rise[order])]) + units.cost_usd[:, 0].sum()
    at = np.linspace(mw[0], mw[-1], points)
    return at, np.interp(at, mw, usd)


def _starts(units: Units, tiers: int) -> tuple[Floats, Floats]:
    """Hours off and shares of the start cost of several units that start together.

    Every hour off at which the cost of any of them steps is a step of all; where there are more than a unit may have,
    the smallest steps are taken an earlier step's hours, so that no start is priced below what it costs.
    """
    if len(units) == 1:
        return units.start_off[0], units.start_share[0]
    off = np.unique(units.start_off)
    usd = np.zeros(len(off))
    for k in range(len(units)):
        usd += units.start_cost[k] * units.start_share[k, (units.start_off[k] <= off[:, None]).sum(axis=1) - 1]
    while len(off) > tiers:
        least = int(np.argmin(np.diff(usd)))
        usd = np.delete(usd, least)  # the earlier hours, at the later cost
        off = np.delete(off, least + 1)
    total = units.start_cost.sum()
    share = usd / total if total > 0 else np.ones(len(off))
    further = off[-1] + 1.0 + np.arange(tiers - len(off))  # tiers that cost what the last one does
    return np.concatenate([off, further]), np.pad(share, (0, len(further)), mode="edge")
