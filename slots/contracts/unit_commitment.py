"""Slot `unit_commitment`: which units run in each hour of a day, between two borders.

A border is a midnight contract that two neighbouring days share: each day keeps its side, so days can be
solved apart and their schedules still join.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from slots.grid.model import Bools, Floats, Units
from slots.grid.security import Factors

SHED_USD_MWH = 10_000.0
SPILL_USD_MWH = 500.0
RESERVE_USD_MWH = 2_000.0
OVERLOAD_USD_MWH = 1_500.0
TOLERANCE_MW = 1e-4
BORDER_FIELDS = ("on", "hours", "power", "energy", "cap", "past")


@dataclass(frozen=True)
class Border:
    """State at a midnight; all arrays are (unit,).

    Attributes:
        on: whether a unit runs in the last hour before.
        hours: hours for which it has been in that state; the day before grants them, the day after counts
            on no more.
        power: MW about which both days stay within half a ramp (units whose ramp is below their range).
        energy: MWh in store.
        cap: MW that the day before stays below in its last hour, so that a unit can stop at midnight; inf: none.
        past: hours in that state as planned, which the cost of the next start is counted from; nothing binds the day
            before to more than `hours` of them. Left out: those hours.
    """

    on: Bools
    hours: Floats
    power: Floats
    energy: Floats
    cap: Floats
    past: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def rested(self) -> Floats:
        """(unit,) hours off that the cost of the next start is counted from; 0 of units that run."""
        past = np.maximum(self.past, self.hours) if len(self.past) else self.hours
        return np.asarray(np.where(self.on, 0.0, past))

    def to_arrays(self, prefix: str) -> dict[str, Any]:
        """Arrays for a file."""
        past = self.past if len(self.past) else self.hours
        return {f"{prefix}/{k}": getattr(self, k) for k in BORDER_FIELDS} | {f"{prefix}/past": past}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any], prefix: str) -> Border:
        """The inverse of `to_arrays`."""
        return cls(**{k: arrays[f"{prefix}/{k}"] for k in BORDER_FIELDS})


@dataclass(frozen=True)
class Horizon:
    """What a scheduling problem knows about its hours.

    Attributes:
        units: all units of the network.
        first_hour: hour of the scenario at which it begins.
        demand: (hour,) MW to be generated: load, losses and fixed injections.
        available, floor, inflow: (hour, unit) MW; `available` is NaN for units weather does not decide.
        reserve: (hour,) MW of spinning reserve.
        unit_factors: (branch, unit) MW on a branch per MW of a unit; an operator where it is too large to write.
            After the branches, pairs may follow: branches after outages (`slots.grid.security`).
        fixed_flow: (hour, branch) MW that fixed injections drive.
        rate: (branch,) MW limit.
        start, end: borders; None leaves a side free.
    """

    units: Units
    first_hour: int
    demand: Floats
    available: Floats
    floor: Floats
    inflow: Floats
    reserve: Floats
    unit_factors: Floats | Factors
    fixed_flow: Floats
    rate: Floats
    start: Border | None
    end: Border | None

    @property
    def hours(self) -> int:
        """Number of hours."""
        return len(self.demand)

    def flow(self, p: Floats) -> Floats:
        """(hour, branch) MW that outputs (hour, unit) drive together with what is fixed."""
        return self.fixed_flow + self.driven(p)

    def driven(self, p: Floats) -> Floats:
        """(hour, branch) MW that outputs (hour, unit) drive by themselves."""
        factors = self.unit_factors
        return np.asarray(p @ factors.T) if isinstance(factors, np.ndarray) else factors.apply(p)

    def upper(self) -> Floats:
        """(hour, unit) most MW each unit could give: capacity, or what weather allows."""
        units = self.units
        cap = np.where(np.isnan(self.available), units.pmax[None, :], self.available)
        return np.asarray(np.where(units.in_service[None, :], cap, 0.0))


@dataclass(frozen=True)
class Schedule:
    """A schedule: arrays are (hour, unit) MW unless said otherwise.

    Attributes:
        on: commitment of thermal units; others count as on when in service.
        p: output; negative where a store charges.
        reserve: spinning reserve held.
        energy: MWh in store at the end of the hour.
        shed, spill, reserve_short: (hour,) MW of load not served, generation too much, reserve missing.
        overload: (hour, branch) MW above the limit.
        fuel_cost, start_cost, penalty: USD, starts with stops; `bound`: proven lower bound on their sum.
    """

    on: Bools
    p: Floats
    reserve: Floats
    energy: Floats
    shed: Floats
    spill: Floats
    reserve_short: Floats
    overload: Floats
    fuel_cost: float
    start_cost: float
    penalty: float
    bound: float

    @property
    def cost(self) -> float:
        """Everything the objective counts (USD)."""
        return self.fuel_cost + self.start_cost + self.penalty


def fuel_cost(h: Horizon, on: Bools, p: Floats) -> float:
    """Hourly cost of the thermal units' outputs on their curves, summed (USD)."""
    total = 0.0
    for g in np.flatnonzero(h.units.kind == "thermal"):
        run = on[:, g]
        mw, usd = h.units.cost_mw[g], h.units.cost_usd[g]
        total += float(np.interp(p[run, g], mw, usd).sum())
    return total


def start_room(units: Units) -> Floats:
    """(unit,) MW that a unit can give in the first hour after a start: as stated, else as far as its ramp carries."""
    return _room(units, units.start_limit)


def stop_room(units: Units) -> Floats:
    """(unit,) MW that a unit can give in the last hour before a stop: as stated, else as far as its ramp carries."""
    return _room(units, units.stop_limit)


def _room(units: Units, stated: Floats) -> Floats:
    limit = np.where(np.isfinite(stated), stated, units.ramp)
    return np.asarray(np.minimum(np.maximum(units.pmin, limit), units.pmax))


def starts_cost(h: Horizon, on: Bools) -> float:
    """Costs of starts and stops within the horizon, counted from its start border if it has one (USD)."""
    if h.start is None:
        return changes_cost(h.units, np.vstack([on[:1], on]), np.full(len(h.units), np.inf))
    return changes_cost(h.units, np.vstack([h.start.on, on]), h.start.rested)


def changes_cost(units: Units, on: Bools, rested: Floats) -> float:
    """Costs of the starts and stops of thermal units in `on` (hour, unit), whose first row is history (USD).

    Args:
        rested: (unit,) hours off at the end of that first hour; the tier of a unit's first start follows from it.
    """
    thermal = units.kind == "thermal"
    change = np.diff(on.astype(int), axis=0)
    stops = float(((change < 0)[:, thermal] * units.stop_cost[thermal]).sum())
    started = (change > 0) & thermal
    simple = units.start_share.shape[1] == 1
    if simple:
        return stops + float((started * units.start_cost).sum())
    total = stops
    for g in np.flatnonzero(started.any(axis=0)):
        off = float(rested[g])
        for t in range(1, len(on)):
            if started[t - 1, g]:
                total += float(units.start_cost[g]) * start_share(units, int(g), off)
            off = 0.0 if on[t, g] else off + 1.0
    return total


def start_share(units: Units, unit: int, off: float) -> float:
    """Share of a unit's start cost after so many hours off."""
    tier = int(np.flatnonzero(units.start_off[unit] <= off)[-1]) if off > 0 else 0
    return float(units.start_share[unit, tier])


class UnitCommitmentAlgorithm(Protocol):
    """Commits and dispatches one horizon. The relative gap between cost and bound stays below `gap`."""

    def __call__(self, horizon: Horizon, gap: float) -> Schedule:
        """Solve the horizon."""
        ...


def check_schedule(h: Horizon, s: Schedule) -> None:
    """Invariants of any schedule, to TOLERANCE_MW: balance, limits, minimum times, ramps, reserve, borders."""
    units, eps = h.units, TOLERANCE_MW
    assert np.abs(s.p.sum(axis=1) + s.shed - s.spill - h.demand).max() < 1e-3, "power does not balance"
    thermal = units.kind == "thermal"
    on, p = s.on[:, thermal], s.p[:, thermal]
    assert (p >= units.pmin[thermal] * on - eps).all(), "below minimum"
    assert (p <= units.pmax[thermal] * on + eps).all(), "above maximum"
    assert (p + s.reserve[:, thermal] <= units.pmax[thermal] * on + eps).all(), "reserve without headroom"
    held = s.reserve.sum(axis=1) + s.reserve_short
    assert (held >= h.reserve - 1e-3).all(), "reserve missing and not reported"
    variable = (units.kind == "variable") & units.in_service
    assert (s.p[:, variable] <= h.upper()[:, variable] + eps).all(), "more than weather allows"
    assert (s.p[:, variable] >= h.floor[:, variable] - eps).all(), "curtailed below the floor"
    seen_on, seen_p = s.on, s.p
    if h.start is not None:
        seen_on = np.vstack([h.start.on, seen_on])
        check_minimum_times(units, seen_on, h.start.hours)
    else:
        check_minimum_times(units, seen_on, np.full(len(units), np.inf))
    check_ramps(units, s.on, seen_p)
    check_changes(units, s.on, s.p)
    if h.end is not None:
        assert (s.on[-1, thermal] == h.end.on[thermal]).all(), "leaves its end border"
        for g in np.flatnonzero(thermal & units.in_service):
            tail = int(min(h.end.hours[g], h.hours))
            assert (s.on[h.hours - tail :, g] == h.end.on[g]).all(), "does not grant the hours it promised"


def check_minimum_times(units: Units, on: Bools, hours_before: Floats) -> None:
    """Assert minimum up and down times in `on` (hour, unit); row 0 has lasted `hours_before` hours."""
    for g in np.flatnonzero((units.kind == "thermal") & units.in_service):
        run = float(hours_before[g])
        for t in range(1, len(on)):
            if on[t, g] == on[t - 1, g]:
                run += 1
                continue
            least = units.min_up[g] if on[t - 1, g] else units.min_down[g]
            assert run >= least - 1e-6, f"unit {units.name[g]} changes after {run} h, minimum {least} h"
            run = 1


def check_ramps(units: Units, on: Bools, p: Floats, eps: float = 1e-3) -> None:
    """Assert hourly ramps of thermal units between hours in which they run."""
    thermal = units.kind == "thermal"
    both = (on[1:] & on[:-1])[:, thermal]
    step = np.abs(np.diff(p, axis=0))[:, thermal]
    assert (step[both] <= np.broadcast_to(units.ramp[thermal], step.shape)[both] + eps).all(), "ramp broken"


def check_changes(units: Units, on: Bools, p: Floats, eps: float = 1e-3) -> None:
    """Assert the stated limits of output in first and last hours of running, within hours whose neighbours are known."""
    thermal = units.kind == "thermal"
    for what, limit, hours, at in (
        ("start", units.start_limit, on[1:] & ~on[:-1], p[1:]), ("stop", units.stop_limit, on[:-1] & ~on[1:], p[:-1])
    ):  # fmt: skip
        most = np.where(np.isfinite(limit), np.maximum(limit, units.pmin), np.inf)
        over = hours & thermal & (at > most + eps)
        assert not over.any(), f"unit {units.name[np.argwhere(over)[0, 1]]} above its {what} limit"
