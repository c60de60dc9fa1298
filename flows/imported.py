"""What an import of profiles did, as a user is told it: what was understood, and what might not be expected."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from bos_core.index.client import Index
from bos_core.index.scenarios import Ontology
from bos_core.objects.data import Attribute, Category
from flows.hourly import read_hours, sources_of
from slots.grid.model import ISOLATED, Floats

_READ_BY_RUNS = ("load", "load_q", "available", "floor", "inflow", "reserve")


@dataclass(frozen=True)
class Part:
    """What one file gives: devices by name, and their (hour, device) values; (hour,) of a system."""

    file: str
    first: int
    names: list[str]
    values: Floats

    @property
    def end(self) -> int:
        """The hour after the last one."""
        return self.first + len(self.values)


@dataclass(frozen=True)
class Imported:
    """What became of files.

    Attributes:
        version: the new version.
        dataset: hourly array that they give.
        devices: how many; 0 of the system as a whole.
        rows: of the files.
        first, hours: from the first hour to the last.
        start: timestamp of hour 0; None if nothing says one.
        low, high: range of the values, in `unit`.
        remarks: sentences that a user is told.
    """

    version: int
    dataset: str
    devices: int
    rows: int
    first: int
    hours: int
    start: datetime | None
    low: float
    high: float
    unit: str
    remarks: tuple[str, ...]

    @property
    def told(self) -> str:
        """One line."""
        of = f"{self.devices} device{'s' * (self.devices != 1)}" if self.devices else "the system"
        last = self.first + self.hours - 1
        when = f"hours {self.first} to {last}"
        if self.start is not None:
            a, b = (self.start + timedelta(hours=h) for h in (self.first, last))
            when += f" ({a:%Y-%m-%d %H:%M} to {b:%Y-%m-%d %H:%M} UTC)"
        return (f"{self.dataset} of {of} from {self.rows} rows, {when}, "
                f"{self.low:g} to {self.high:g} {self.unit}")  # fmt: skip


def isolated(told: Ontology, gid: str) -> bool:
    """Whether a bus takes no part."""
    return bool(told.values[Category.STATIC_MODEL].get(gid, {}).get("bus_type") == ISOLATED)


def consequences(index: Index, version: int, told: Ontology, parts: list[Part], a: Attribute) -> list[str]:
    """What follows from an import that a user might not expect."""
    if a.hourly not in _READ_BY_RUNS:
        return [f"no run reads {a.hourly} of a scenario version"]
    if a.hourly == "available":
        return _above(told, parts)
    if a.hourly != "load":
        return []
    states, named = told.values[Category.ENTITY_STATE], {f"bus:{n}" for p in parts for n in p.names}
    apart = sorted(g for g in named if isolated(told, g))
    out = [f"{', '.join(apart[:3])}: isolated, no run serves its load"] if apart else []
    buses = [g for g, t in told.things.items() if t.kind == "bus" and g not in apart
             and (g in named or (states[g]["pd"] and not isolated(told, g)))]  # fmt: skip
    first, load = read_hours(index, "load", sources_of(index, version)["load"], [g.partition(":")[2] for g in buses])
    never = np.isnan(load).all(axis=0)
    partly = np.flatnonzero(np.isnan(load).any(axis=0) & ~never)
    for k in partly[:3]:
        hours = np.flatnonzero(np.isnan(load[:, k])) + first
        out.append(f"{buses[k]} keeps the grid's {states[buses[k]]['pd']:g} MW in the {len(hours)} hours that no profile has "
                   f"(from {hours[0]} to {hours[-1]})")  # fmt: skip
    if len(partly) > 3:
        out.append(f"so do {len(partly) - 3} more buses in hours that no profile has")
    if never.any():
        kept = sum(states[g]["pd"] for g, n in zip(buses, never, strict=True) if n)
        which = "1 bus" if never.sum() == 1 else f"{never.sum()} buses"
        out.append(f"the grid's own constant load of {kept:g} MW stays at {which} without a profile")
    return out


def _above(told: Ontology, parts: list[Part]) -> list[str]:
    limits = {g: v["pmax"] for g, v in told.values[Category.STATIC_MODEL].items() if v.get("pmax") is not None}
    out = []
    for p in parts:
        most = np.array([limits.get(f"unit:{n}", np.inf) for n in p.names])
        for k in np.flatnonzero((p.values > most + 1e-6).any(axis=0))[:3]:
            out.append(
                f"unit:{p.names[k]} is given up to {p.values[:, k].max():g} MW, but takes {most[k]:g} MW at most"
            )
    return out
