"""Series of an RTS-GMLC folder on its grid: load by area, wind, sun and water, inflow, spinning reserve."""

from datetime import UTC
from pathlib import Path

import numpy as np

from bos_core.objects.errors import GridError, ProfileError
from slots.grid.model import STORAGE, VARIABLE, Floats, Grid
from slots.grid.reading import ReadingLog
from slots.sources.rts_gmlc.hours import Files
from slots.sources.rts_gmlc.sheets import Pointer, Pointers, Sheet
from slots.sources.series import Series


def series_of(folder: Path, grid: Grid, pointers: Pointers, stores: Sheet, reserves: Sheet, log: ReadingLog) -> Series:
    """Load by the areas' series, what weather allows, inflow and spinning reserve.

    Raises:
        ProfileError: a file is missing or has holes, or does not fit the grid.
    """
    chosen = _chosen(grid, pointers, stores, log)
    if not chosen:
        raise GridError(
            f"RTS-GMLC folder {folder} has no series of its areas, units or reserves", "give the whole folder"
        )
    files = Files(folder, log)
    files.of(chosen)
    files.tell_factors()
    live = [p for p in chosen if p.simulation != "DAY_AHEAD"]
    if live:
        log.warn(
            f"{len(live)} series are those of {live[0].simulation}, for there is no day-ahead one: {live[0].object}, …"
        )
    load, load_q = _load(files, grid, [p for p in chosen if p.category == "Area"], log)
    available, floor, inflow = _of_units(files, grid, [p for p in chosen if p.category == "Generator"], stores, log)
    reserve = _reserve(files, [p for p in chosen if p.category == "Reserve"], reserves, log)
    return Series(
        files.first.replace(tzinfo=UTC), load, load_q, available, floor, inflow, reserve,
        "RTS-GMLC series of the folder: regional load, wind, sun, water and reserve requirements as published",
    )  # fmt: skip


def _chosen(grid: Grid, pointers: Pointers, stores: Sheet, log: ReadingLog) -> list[Pointer]:
    """The series that a run reads; the others are told."""
    kind = dict(zip(grid.units.name.tolist(), grid.units.kind.tolist(), strict=True))
    store_of = _owners(stores)
    areas = {str(a) for a in np.unique(grid.buses.area)}
    out, left = [], dict[str, list[str]]()
    for category in dict.fromkeys(p.category for p in pointers.rows):
        for (name, parameter), p in pointers.of(category).items():
            unit = kind.get(store_of.get(name, name))
            if category == "Area" and parameter == "MW Load":
                why = "" if name in areas else "bus.csv has no such area"
            elif category == "Generator" and parameter in ("PMax MW", "PMin MW"):
                why = "only the output of wind, sun and water is a series" if unit else "gen.csv has no such unit"
                why = "" if unit == VARIABLE else why
            elif category == "Generator" and parameter == "Natural_Inflow":
                why = "" if unit == STORAGE else "it flows into no store of gen.csv"
            elif category == "Reserve" and parameter == "Requirement":
                why = "no schedule holds downward reserve" if _is_down(name) else ""
            else:
                why = f"no run reads {parameter} of {category}"
            if why:
                left.setdefault(why, []).append(f"{name} {parameter}")
            else:
                out.append(p)
    for why, names in left.items():
        log.leave_out("series", names, why)
    log.read("series", len(pointers.rows))
    return out


def _load(files: Files, grid: Grid, pointers: list[Pointer], log: ReadingLog) -> tuple[Floats, Floats]:
    """(hour, bus) MW and MVAr: a bus takes of its area's load what it takes of the area's load in bus.csv.

    Reactive load follows the area, too. Buses of an area without a series keep their load of bus.csv.
    """
    buses, hours = grid.buses, files.hours
    factor = np.ones((hours, grid.n_bus))
    said = {p.object: p for p in pointers}
    for area in np.unique(buses.area).tolist():
        mine = buses.area == area
        total = float(buses.pd[mine].sum())
        if str(area) not in said:
            if total:
                log.warn(f"area {area} has no series of load: its buses keep their {total:g} MW in every hour")
            continue
        series = files.column(said[str(area)])
        if abs(total) < 1e-9 and (series != 0).any():
            raise ProfileError(
                f"area {area} has a series of load, but no load in bus.csv that it could be spread like",
                "give its buses MW Load, or take its pointer out",
            )
        factor[:, mine] = (series / total if abs(total) >= 1e-9 else np.zeros(hours))[:, None]
    return factor * buses.pd * grid.live, factor * buses.qd * grid.live


def _of_units(
    files: Files, grid: Grid, pointers: list[Pointer], stores: Sheet, log: ReadingLog
) -> tuple[Floats, Floats, Floats]:
    """(hour, unit) MW: what weather allows, what of it cannot be curtailed, what flows into a store."""
    units, hours = grid.units, files.hours
    position = {n: k for k, n in enumerate(units.name.tolist())}
    available = np.full((hours, len(units)), np.nan)
    floor, inflow = np.zeros((hours, len(units))), np.zeros((hours, len(units)))
    for p in pointers:
        if p.parameter == "Natural_Inflow":
            unit = _owners(stores).get(p.object, p.object)
            named = next((c for c in (p.object, unit) if c in files.columns(p)), p.object)
            inflow[:, position[unit]] = files.column(p, named)
        else:
            (available if p.parameter == "PMax MW" else floor)[:, position[p.object]] = files.column(p)
    weather = units.kind == VARIABLE
    lacking = np.flatnonzero(weather & units.in_service & np.isnan(available).any(axis=0))
    if len(lacking):
        raise ProfileError(
            f"weather decides the output of {units.name[lacking[0]]}, but no series says its PMax MW",
            "add it to timeseries_pointers.csv",
        )
    below = weather & (available < 0).any(axis=0)
    if below.any():
        k = int(np.flatnonzero(below)[0])
        raise ProfileError(
            f"the PMax MW series of {units.name[k]} holds {available[:, k].min():g} MW", "give 0 or more"
        )
    above = weather & (available > units.pmax + 1e-6).any(axis=0)
    log.fill("series.available", int(above.sum()), "PMax MW of gen.csv", "the series goes beyond it in some hours")
    available = np.where(weather, np.minimum(available, units.pmax), np.nan)
    over = weather & (floor > available + 1e-6).any(axis=0)
    log.fill("series.floor", int(over.sum()), "what is available", "the PMin MW series goes beyond it in some hours")
    return available, np.where(weather, np.minimum(floor, np.nan_to_num(available)), 0.0), inflow


def _owners(stores: Sheet) -> dict[str, str]:
    """The unit of each store by name."""
    if not len(stores) or not stores.has("Storage"):
        return {}
    return dict(zip(stores.texts("Storage"), stores.texts("GEN UID"), strict=True))


def _is_down(product: str) -> bool:
    return "down" in product.lower()


def _reserve(files: Files, pointers: list[Pointer], s: Sheet, log: ReadingLog) -> Floats:
    """(hour,) MW of upward spinning reserve: the sum of all products that have a series."""
    total = np.zeros(files.hours)
    names = s.texts("Reserve Product") if len(s) else []
    direction = dict(zip(names, s.texts("Direction", "Up") if len(s) else [], strict=True))
    strange = [p.object for p in pointers if p.object not in direction and "up" not in p.object.lower()]
    if strange:
        log.warn(f"reserve {', '.join(strange[:5])} is taken as upward: no name or table says that it is not")
    for p in pointers:
        if direction.get(p.object, "Up").lower() == "up":
            total += files.total(p)
        else:
            log.leave_out("series", [p.object], "no schedule holds downward reserve")
    said = {p.object for p in pointers}
    fixed = s.floats("Requirement (MW)", 0.0) if len(s) else np.zeros(0)
    for name, mw in zip(names, fixed.tolist(), strict=True):
        if name not in said and direction[name].lower() == "up" and not _is_down(name) and mw:
            total += mw
            log.fill("series.reserve", 1, f"{mw:g} MW in every hour", f"reserves.csv; {name} has no series")
    if len(s):
        bound = [c for c in ("Eligible Regions", "Eligible Device Categories", "Eligible Device SubCategories", "Timeframe (sec)")
                 if s.has(c)]  # fmt: skip
        s.read.update(bound)
        log.leave_out(
            "column of reserves.csv", bound, "reserve is held by the system as a whole, by every unit that can"
        )
    if not total.any():
        log.warn("the folder asks for no reserve: none is held")
    return total
