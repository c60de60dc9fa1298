"""The grid of an AMS or ANDES workbook, and a report that names every sheet and column that plays no part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bos_core.objects.errors import GridError
from slots.grid.model import STORAGE, Floats, Grid, Units
from slots.grid.reading import ReadingLog
from slots.sources.costs import DEFAULT_COST_USD_MWH
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import Case
from slots.sources.workbook import BASE_MVA, NO_LIMIT, Workbook, blocks, blocks_on, column, read_workbook

_COMMON = "uid idx u name owner bus Sn Vn"
_READ = {
    "Bus": "vmax vmin v0 a0 area xcoord ycoord",
    "PQ": "p0 q0",
    "PV": "p0 q0 pmax pmin qmax qmin v0 td1 td2 R10 R30 uf",
    "Slack": "p0 q0 pmax pmin qmax qmin v0 a0 td1 td2 R10 R30 uf",
    "Shunt": "g b",
    "ShuntTD": "g b",
    "ShuntSw": "g b gs bs ns",
    "Line": "bus1 bus2 Vn1 Vn2 r x b g b1 g1 b2 g2 trans tap phi rate_a rate_b rate_c amin amax",
    "Jumper": "bus1 bus2",
    "GCost": "gen type csu csd c2 c1 c0",
    "ESD1": "gen SOCmin SOCmax SOCinit En EtaC EtaD",
}
_DYNAMIC = set(["fn", "ra", "xs", "dt", "wmod", "subidx", "xcoord", "ycoord"])  # columns that dynamics or drawings use
_NAMES_ONLY = set(["Area", "Zone", "Region", "Owner", "Summary", "_config", "Output"])
_STUDY = set(["EDSlot", "EDSlotGen", "EDSlotLoad", "EDLoad", "UCSlot", "UCSlotLoad", "UCLoad", "SFR", "SFRCost", "SR", "SRCost", "NSR", "NSRCost", "DCost", "VSGR", "VSGCost", "EDTSlot", "UCTSlot", "TimeSlot", "CDemand", "GenType"])  # fmt: skip
_IN_POWER_FLOW = set(
    ["Fortescue", "Motor3", "Motor5", "Node", "Ground", "R", "L", "C", "RCp", "RCs", "RLs", "RLCs", "RLCp", "VSCShunt"]
)
_NO_PART = "a model of the dynamics: no plan uses it"
_WHY_STUDY = "it belongs to the workbook's own studies (`bos analyse`); the year has its own series and reserves"


def read_workbook_grid(path: Path) -> Grid:
    """The grid of a workbook.

    Raises:
        GridError: as `read_workbook`, or it holds what takes part in its power flow and cannot be planned.
    """
    book = read_workbook(path)
    held = [s for s in book.sheets if s in _IN_POWER_FLOW and (column(book.table(s), "u", 1) > 0).any()]
    if held:
        raise GridError(f"grid file {path} has elements that take part in its power flow and are not planned here: {', '.join(held)}",
                        "give their power as PQ")  # fmt: skip
    log = ReadingLog(str(path), "AMS or ANDES workbook")
    for sheet in book.sheets:
        _tell_sheet(book, sheet, log)
    grid = grid_from_case(_planned(book, log), f"AMS or ANDES workbook {path.name}")
    grid = grid.replace(
        branches=replace(grid.branches, name=_names(book.table("Line")), **book.shunts),
        units=_with_times(book, grid.units, log), buses=replace(grid.buses, **_banks(book, grid, log), **_places(book)),
    )  # fmt: skip
    for x in grid.reading.left_out:
        log.leave_out(x.kind, list(x.names), x.why)
    for y in grid.reading.filled:
        if y.what in ("units.ramp", "units.ramp_10min"):  # this format's ramps are told with its times
            continue
        log.fill(y.what, y.count, y.value, y.source)
    for sentence in grid.reading.warnings:
        log.warn(sentence)
    return grid.replace(reading=log.done(grid.reading.used))


def _tell_sheet(book: Workbook, sheet: str, log: ReadingLog) -> None:
    table = book.table(sheet)
    log.read(sheet, len(table))
    names = [str(x) for x in table.get("idx", table.index)]
    if sheet not in _READ:
        if sheet not in _NAMES_ONLY:
            log.leave_out(sheet, names, _WHY_STUDY if sheet in _STUDY else _NO_PART)
        return
    known = set(_COMMON.split()) | set(_READ[sheet].split())
    other = [str(c) for c in table.columns if c not in known and table[c].notna().any()]
    for columns, why in (([c for c in other if c in _DYNAMIC], "for dynamics and drawings"),
                         ([c for c in other if c not in _DYNAMIC], "nothing in a plan depends on it")):  # fmt: skip
        log.leave_out(f"column of {sheet}", columns, why)
    log.leave_out(sheet, [n for n, u in zip(names, column(table, "u", 1), strict=True) if u <= 0], "out of service")


def _planned(book: Workbook, log: ReadingLog) -> Case:
    """The case, with what the format writes for 'none' as none, and costs where a unit has no row of them."""
    gen = book.case.gen.copy()
    none = BASE_MVA * NO_LIMIT
    stated = "pmin" in pd.concat([book.table("PV"), book.table("Slack")])
    if not stated:
        gen[:, 9] = np.minimum(0.0, gen[:, 1])
        log.fill("units.pmin", len(gen), "0, or the output where it is less", "the workbook states none")
    gen[gen[:, 8] >= none, 8] = np.inf
    most = np.where(np.isfinite(gen[:, 8]), gen[:, 8], 2 * np.abs(gen[:, 1]))
    low, high = gen[:, 4] <= -none, gen[:, 3] >= none
    gen[low, 4], gen[high, 3] = -np.maximum(most[low], 1.0), np.maximum(most[high], 1.0)
    log.fill("units.qmin, units.qmax", int((low | high).sum()), "± the greatest output", "the workbook states none")
    if book.joins:
        log.warn(f"{len(book.joins)} elements without impedance, from {book.joins[0]} on, join their buses: no outage of them "
                 "is verified")  # fmt: skip
    rated = book.case.branch[book.case.branch[:, 5] > 0, 5]
    if len(rated) and rated.min() > 50 * BASE_MVA:
        log.warn(f"ratings are p.u. of {BASE_MVA:g} MVA, as AMS reads them; {rated.min() / BASE_MVA:g} and more look like MVA: "
                 "nothing can be overloaded")  # fmt: skip
    return replace(book.case, gen=gen, gencost=_costs(book, log))


def _costs(book: Workbook, log: ReadingLog) -> Floats | None:
    cost = book.case.gencost
    if cost is None:
        return None
    bare = ~np.isin([str(u) for u in book.units], [str(g) for g in book.table("GCost")["gen"]])
    out = cost.copy()
    out[bare, 5] = DEFAULT_COST_USD_MWH
    log.fill("units.cost_usd", int(bare.sum()), f"{DEFAULT_COST_USD_MWH:g} USD/MWh", "GCost has no row for the unit")
    return out


def _with_times(book: Workbook, units: Units, log: ReadingLog) -> Units:
    """Names, minimum times, ramps, enforced states and stores."""
    g = pd.concat([book.table(s) for s in ("PV", "Slack") if len(book.table(s))], ignore_index=True)
    changes: dict[str, Any] = {"name": _names(g)}
    for word, name in (("min_up", "td1"), ("min_down", "td2")):
        if name in g:
            changes[word] = np.where(
                g[name].notna() & (units.kind == "thermal"), np.ceil(column(g, name, 1)), getattr(units, word)
            )
    hourly, ten = column(g, "R30", NO_LIMIT), column(g, "R10", NO_LIMIT)
    changes["ramp"] = np.where((hourly > 0) & (hourly < NO_LIMIT), BASE_MVA * hourly, np.maximum(units.pmax, 1.0))
    fast = np.where((ten > 0) & (ten < NO_LIMIT), BASE_MVA * ten, changes["ramp"] / 6)
    changes["ramp_10min"] = np.minimum(fast, units.pmax)
    log.fill("units.ramp", int(((hourly <= 0) | (hourly >= NO_LIMIT)).sum()), "the whole range within an hour",
             "the workbook states no R30")  # fmt: skip
    forced = column(g, "uf", 0)
    changes["must_run"] = units.must_run | (forced > 0)
    changes["in_service"] = units.in_service & (forced >= 0)
    return _with_stores(book, replace(units, **changes))


def _with_stores(book: Workbook, units: Units) -> Units:
    """A unit that stands for an ESD1 is a store: its content between SOCmin and SOCmax, charged at most at its output."""
    table = book.table("ESD1")
    if table.empty or "gen" not in table:
        return units
    at = {str(u): k for k, u in enumerate(book.units)}
    rows = [k for k, x in enumerate(table["gen"]) if str(x) in at and column(table, "u", 1)[k] > 0]
    own = np.array([at[str(table["gen"][k])] for k in rows], dtype=int)
    content = BASE_MVA * column(table, "En", 100)[rows]
    low, high, now = (column(table, n, d)[rows] for n, d in (("SOCmin", 0.1), ("SOCmax", 0.9), ("SOCinit", 0.8)))
    out = {k: getattr(units, k).copy() for k in
           ("kind", "pmin", "energy_max", "energy_initial", "charge_max", "efficiency", "cost_mw", "cost_usd")}  # fmt: skip
    out["kind"][own], out["pmin"][own], out["cost_usd"][own] = STORAGE, 0.0, 0.0
    out["cost_mw"][own] = np.linspace(0.0, units.pmax[own], out["cost_mw"].shape[1], axis=1)
    out["energy_max"][own], out["energy_initial"][own] = (
        (high - low) * content,
        np.clip(now - low, 0, high - low) * content,
    )
    out["charge_max"][own] = units.pmax[own]
    out["efficiency"][own] = column(table, "EtaC", 1)[rows] * column(table, "EtaD", 1)[rows]
    return replace(units, **out)


def _names(table: pd.DataFrame) -> Any:
    """Names of elements, or their idx; repeated ones get their idx, too."""
    idx = [str(x) for x in (table["idx"] if "idx" in table else range(1, len(table) + 1))]
    named = [
        str(n) if isinstance(n, str) and n.strip() else i for n, i in zip(table.get("name", idx), idx, strict=True)
    ]
    return np.array(
        [n if named.count(n) == 1 else f"{n} ({i})" for n, i in zip(named, idx, strict=True)], dtype=np.str_
    )


def _banks(book: Workbook, grid: Grid, log: ReadingLog) -> dict[str, Any]:
    """Columns of the buses' switched banks: blocks of one size and no conductance can be planned, others stay."""
    low, high, step = (grid.buses.bs_low.copy(), grid.buses.bs_high.copy(), grid.buses.bs_step.copy())
    table, fixed = book.table("ShuntSw"), []
    at = {idx: k for k, idx in enumerate(book.table("Bus")["idx"])}
    for k, row in table.iterrows():
        steps, bus = blocks(row, "bs"), int(book.joined[at[row["bus"]]])
        sizes = np.diff(steps)
        if (
            column(table, "u", 1)[k] <= 0
            or len(steps) < 2
            or np.ptp(sizes) > 1e-9
            or sizes[0] == 0
            or blocks(row, "gs").any()
            or step[bus]
        ):
            fixed.append(str(row["idx"]))
            continue
        kv = column(book.table("Bus"), "Vn", 110, False)[at[row["bus"]]]
        y = column(table, "Sn", 100, False)[k] * (kv / column(table, "Vn", 110, False)[k]) ** 2
        now = steps[blocks_on(steps, column(table, "b", 0)[k])]
        low[bus] += (steps.min() - now) * y
        high[bus] += (steps.max() - now) * y
        step[bus] = abs(sizes[0]) * y
    log.leave_out(
        "blocks of ShuntSw", fixed, "uneven, with conductance, or the second at a bus: the shunt stays as it is"
    )
    return {"bs_low": low, "bs_high": high, "bs_step": step}


def _places(book: Workbook) -> dict[str, Any]:
    """Latitude and longitude, where a workbook has any."""
    bus = book.table("Bus")
    lon, lat = (column(bus, c, 0) if c in bus else np.zeros(len(bus)) for c in ("xcoord", "ycoord"))
    if not (lon.any() and lat.any()) or (np.abs(lat) > 90).any() or (np.abs(lon) > 180).any():
        return {}
    return {"lat": lat, "lon": lon}
