"""Reader of PyPSA networks: the AC network and what stands at it as a grid, the snapshots as hourly series.

Buses of other carriers (DC, heat, hydrogen, …) are no part of an AC grid. A store behind a link each way is read as one
store; everything else there is told and left out. Links between AC buses become DC links on their schedule. Investment is no
matter here: what PyPSA may extend has the size of the file's own optimum where there is one.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bos_core.objects.errors import GridError
from slots.grid.model import PQ, PV, SLACK, Bools, Buses, DcLinks, Floats, Grid, Units
from slots.grid.reading import ReadingLog
from slots.grid.reference import normalised
from slots.sources.pypsa.branches import BASE_MVA, branches_of
from slots.sources.pypsa.file import NetworkFile, read_file
from slots.sources.pypsa.hours import series_of
from slots.sources.pypsa.stores import store_links
from slots.sources.pypsa.units import units_of
from slots.sources.series import Series

_UNUSED = ("global_constraints", "processes")


def read_pypsa(path: Path) -> tuple[Grid, Series | None]:
    """The grid and, where the file has hourly snapshots, the series of a PyPSA network.

    Raises:
        GridError: the file cannot be read, or holds no AC network that could be planned.
    """
    log = ReadingLog(str(path), "PyPSA network")
    file = read_file(path, log)
    table = file.static["buses"]
    table = table[table.carrier.isin(["AC", ""])]
    others = file.static["buses"].index.difference(table.index, sort=False)
    log.leave_out("buses", others.tolist(), "their carrier is not AC")
    if not len(table):
        raise GridError(f"grid file {path} has no bus of carrier AC", "give a network with an AC part")
    at = {str(b): k for k, b in enumerate(table.index)}
    for kind in _UNUSED:
        log.leave_out(kind, file.static[kind].index.tolist(), "no part of a planning run")
    buses = _buses(file, table, at, log)
    units, generators, stores = units_of(file, at, buses.vm, log)
    holds, reference = _controls(generators, units)
    buses = _with_kinds(buses, units, holds, reference)
    units = _with_outputs(file, units, buses, log)
    branches, links = branches_of(file, at, buses.kv, log), _links(file, at, log)
    grid = Grid(path.stem, BASE_MVA, buses, branches, units, links, f"PyPSA network {path.name}")
    grid = normalised(grid, log, holds if holds.any() else None)
    series = series_of(file, grid, generators, stores, at, log)
    used = {"buses": len(buses), "branches": len(branches), "units": len(units), "dc_links": len(links)}
    if series is not None:
        used["hours"] = series.hours
        series.check(grid)
    return grid.replace(reading=log.done(used)), series


def _buses(file: NetworkFile, table: pd.DataFrame, at: dict[str, int], log: ReadingLog) -> Buses:
    n = len(table)
    pd_, qd, gs, bs = (np.zeros(n) for _ in range(4))
    loads, shunts = file.static["loads"], file.static["shunt_impedances"]
    p, q = file.values("loads", "p_set"), file.values("loads", "q_set")
    for k, (bus, sign, on) in enumerate(zip(loads.bus, loads.sign, loads.active, strict=True)):
        if bus in at and on:
            pd_[at[bus]] -= sign * p[k]
            qd[at[bus]] -= sign * q[k]
    log.leave_out("loads", loads.index[~loads.bus.isin(at)].tolist(), "their bus is not part of the AC network")
    kv = table.v_nom.to_numpy(float)
    for bus, g, b, on in zip(shunts.bus, shunts.g, shunts.b, shunts.active, strict=True):
        if bus in at and on:
            gs[at[bus]] += g * kv[at[bus]] ** 2
            bs[at[bus]] += b * kv[at[bus]] ** 2
    vset = file.values("buses", "v_mag_pu_set")[file.static["buses"].index.get_indexer(table.index)]
    low, high = table.v_mag_pu_min.to_numpy(float), table.v_mag_pu_max.to_numpy(float)
    log.fill("buses.vmin", int((low <= 0).sum()), "0.9 p.u.", "the file states none")
    log.fill("buses.vmax", int((~np.isfinite(high)).sum()), "1.1 p.u.", "the file states none")
    countries = table.country.tolist()
    area = np.array([sorted(set(countries)).index(c) + 1 for c in countries], dtype=np.int64)
    placed = ((table.x != 0) | (table.y != 0)) & (table.x.abs() <= 180) & (table.y.abs() <= 90)
    return Buses(
        number=np.arange(1, n + 1), name=np.array(table.index.tolist(), dtype=np.str_), kv=kv,
        kind=np.full(n, PQ), pd=pd_, qd=qd, gs=gs, bs=bs, bs_low=bs.copy(), bs_high=bs.copy(), bs_step=np.zeros(n),
        vm=vset, va=np.zeros(n), vmin=np.where(low > 0, low, 0.9), vmax=np.where(np.isfinite(high), high, 1.1), area=area,
        lat=np.where(placed, table.y, np.nan), lon=np.where(placed, table.x, np.nan),
    )  # fmt: skip


def _controls(generators: pd.DataFrame, units: Units) -> tuple[Bools, int | None]:
    """(unit,) whether a unit holds the voltage of its bus, and the unit of the reference by PyPSA's rule.

    That is the first generator of control Slack, else the first of all; PyPSA's power flow lets no store hold a voltage.
    """
    stores = len(units) - len(generators)
    told = np.array([*generators.control, *["PQ"] * stores], dtype=np.str_)
    on = units.in_service & (np.arange(len(units)) < len(generators))
    found = np.flatnonzero(on & (told == "Slack"))
    found = found if len(found) else np.flatnonzero(on)
    reference = int(found[0]) if len(found) else None
    holds = np.isin(told, ("PV", "Slack")) & units.in_service
    if reference is not None:
        holds[reference] = True
    return np.asarray(holds), reference


def _with_kinds(buses: Buses, units: Units, holds: Bools, reference: int | None) -> Buses:
    kind = buses.kind.copy()
    kind[units.bus[holds]] = PV
    if reference is not None:
        kind[units.bus[reference]] = SLACK
    out: Buses = replace(buses, kind=kind)
    return out


def _with_outputs(file: NetworkFile, units: Units, buses: Buses, log: ReadingLog) -> Units:
    """Outputs as set; where nothing is set those of the file's own result, else shares of capacity that meet the load."""
    stated, p = np.isfinite(units.p), np.nan_to_num(units.p)
    if not p.any():
        result = file.series.get(("generators", "p"))
        if result is not None:
            of = {str(c): float(v) for c, v in result.iloc[0].items()}
            p = np.array([of.get(n, 0.0) for n in units.name.tolist()])
            log.fill("units.p", len(p), "the file's own result in its first snapshot", "no output is set")
        elif buses.pd.sum() > 0:
            size = np.where(units.in_service & (units.kind != "storage"), np.maximum(units.pmax, 0.0), 0.0)
            p = size * min(1.0, buses.pd.sum() / max(size.sum(), 1e-9))
            log.fill("units.p", len(p), "the share of capacity that meets the load", "no output is set")
    else:
        log.fill("units.p", int((~stated).sum()), "0 MW", "no output is set")
    out: Units = replace(units, p=p)
    return out


def _links(file: NetworkFile, at: dict[str, int], log: ReadingLog) -> DcLinks:
    """Links between AC buses, on the schedule of the file's first snapshot."""
    table = file.static["links"]
    p: Floats = file.values("links", "p_set")
    inside = (table.bus0.isin(at) & table.bus1.isin(at)).to_numpy()
    part = table.index.isin(list(store_links(file, at)))
    log.leave_out("links", table.index[~inside & ~part].tolist(), "an end of it is not part of the AC network")
    kept = table[inside]
    schedule = p[inside]
    unset = ~np.isfinite(schedule)
    log.fill("dc_links.p", int(unset.sum()), "0 MW", "the file sets no schedule, and links are on schedule here")
    moving = int(file.varying("links", "p_set")[inside].sum())
    if moving:
        log.warn(f"{moving} links have a schedule that varies with time: that of the first snapshot holds")
    built = kept.p_nom_extendable.to_numpy(bool) & (kept.p_nom_opt.to_numpy() > 0)
    size = np.where(built, kept.p_nom_opt, kept.p_nom)
    return DcLinks(
        name=np.array(kept.index.tolist(), dtype=np.str_), f=np.array([at[b] for b in kept.bus0], dtype=np.int64),
        t=np.array([at[b] for b in kept.bus1], dtype=np.int64), p=np.nan_to_num(schedule),
        pmin=size * kept.p_min_pu.to_numpy(), pmax=size * kept.p_max_pu.to_numpy(), loss0=np.zeros(len(kept)),
        loss1=1 - kept.efficiency.to_numpy(), in_service=kept.active.to_numpy(bool),
    )  # fmt: skip
