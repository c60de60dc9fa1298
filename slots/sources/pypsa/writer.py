"""A grid with a schedule as a PyPSA network: netCDF file or CSV folder, opened by `pypsa.Network(path)`.

Branches at their nominal ratio between buses of one voltage are lines, all others transformers (pi). What a bus takes beyond
its units, fixed injections included, is one load; switched banks are loads of reactive power. Units that hold a voltage are
PV with the voltage of the schedule, so that `n.pf()` finds the same state.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bos_core.objects.errors import ParameterError
from slots.grid.admittance import admittance, as_set, branch_flows
from slots.grid.model import PQ, STORAGE, Bools, Complexes, Floats, Grid
from slots.sources.nominal import told_of_kv, written_kv

UNRATED_MVA = 9999.0  # PyPSA has no branches without a rating
COLORS = {"coal": "#4d4d4d", "gas": "#d9a066", "nuclear": "#b23a48", "oil": "#7a4b2b", "hydro": "#3a7ca5", "wind": "#6fb1c9",
          "solar": "#f2c14e", "biomass": "#6b8f3a", "storage": "#8e6bbf"}  # fmt: skip


@dataclass(frozen=True)
class Schedule:
    """Hours of a grid as they were planned; loads and units in MW and MVAr, voltages p.u.

    Attributes:
        start: timestamp of the first hour.
        fixed: (hour, bus) MVA that everything but units and DC links between two live buses puts in.
        p: (hour, unit); on: (hour, unit); available: (hour, unit), NaN where weather does not decide.
        energy: (hour, unit) MWh in store at the end of the hour; inflow: (hour, unit) MWh.
        q: (hour, bus) of the units; v: (hour, bus).
        shunt: (hour, bus) p.u. of switched banks; tap: (hour, changer) beyond the grid's own.
    """

    start: datetime
    fixed: Complexes
    p: Floats
    on: Bools
    available: Floats
    energy: Floats
    inflow: Floats
    q: Floats
    v: Complexes
    shunt: Floats
    tap: Floats


@dataclass
class Sheet:
    """A list of components to be written: static attributes and series by name."""

    names: list[str]
    static: dict[str, Any] = field(default_factory=dict)
    series: dict[str, Floats] = field(default_factory=dict)


def write_pypsa(grid: Grid, schedule: Schedule, path: Path) -> list[str]:
    """Write a network; a path without a suffix is a folder. Sentences on what PyPSA cannot hold.

    Raises:
        ParameterError: a branch whose impedance depends on the end.
    """
    if grid.branches.r_asym[grid.branches.in_service].any() or grid.branches.x_asym[grid.branches.in_service].any():
        raise ParameterError(
            "PyPSA has no branch whose impedance depends on the end it is seen from", "export to another format"
        )
    bus = np.array([str(n) for n in _names(grid)])
    rows, extra = _branches(grid, bus, schedule)
    sheets = {"buses": _buses(grid, bus, schedule), "carriers": _carriers(grid), **rows, "loads": _loads(grid, bus, schedule),
              "generators": _generators(grid, bus, schedule), "storage_units": _storage(grid, bus, schedule),
              "shunt_impedances": _shunts(grid, bus, extra), "links": _links(grid, bus, schedule)}  # fmt: skip
    sheets = {k: s for k, s in sheets.items() if s.names}
    stamps = pd.date_range(schedule.start.replace(tzinfo=None), periods=len(schedule.p), freq="h")
    (_netcdf if path.suffix else _folder)(path, grid.name, sheets, stamps)
    moved = int(schedule.tap.any(axis=0).sum()) if schedule.tap.size else 0
    told = told_of_kv(grid)
    return (
        [*told, f"{moved} transformers change their ratios by the hour: PyPSA holds the ones of the model"]
        if moved
        else told
    )


def _names(grid: Grid) -> list[str]:
    names = [str(n) for n in grid.buses.name]
    return names if len(set(names)) == len(names) else [str(n) for n in grid.buses.number]


def _buses(grid: Grid, bus: Any, s: Schedule) -> Sheet:
    b, live = grid.buses, grid.live
    x, y = _places(grid)
    net = s.fixed.copy()
    np.add.at(net.T, grid.units.bus, s.p.T.astype(complex))
    net = net + 1j * s.q
    static = {
        "v_nom": written_kv(grid),
        "x": x,
        "y": y,
        "v_mag_pu_min": b.vmin,
        "v_mag_pu_max": b.vmax,
        "carrier": np.full(len(bus), "AC"),
    }
    series = {
        "v_mag_pu": np.abs(s.v),
        "v_ang": np.angle(s.v),
        "v_mag_pu_set": np.abs(s.v),
        "p": net.real,
        "q": net.imag,
    }
    return Sheet(list(bus[live]), {k: v[live] for k, v in static.items()}, {k: v[:, live] for k, v in series.items()})


def _places(grid: Grid) -> tuple[Floats, Floats]:
    """Where buses are drawn: as the grid says, else by a layout of its branches."""
    if np.isfinite(grid.buses.lat).all() and np.isfinite(grid.buses.lon).all() and np.ptp(grid.buses.lat) > 0:
        return grid.buses.lon, grid.buses.lat
    import networkx as nx

    on = grid.branches.in_service
    graph = nx.Graph()
    graph.add_nodes_from(range(grid.n_bus))
    graph.add_edges_from(zip(grid.branches.f[on].tolist(), grid.branches.t[on].tolist(), strict=True))
    found = nx.spring_layout(graph, seed=1, iterations=30) if grid.n_bus <= 3000 else nx.circular_layout(graph)
    at = np.array([found[k] for k in range(grid.n_bus)])
    return at[:, 0], at[:, 1]


def _carriers(grid: Grid) -> Sheet:
    names = ["AC", *sorted(set(grid.units.fuel.tolist()) - {"AC", ""})]
    return Sheet(names, {"color": np.array([COLORS.get(n, "#888888") for n in names])})


def _branches(grid: Grid, bus: Any, s: Schedule) -> tuple[dict[str, Sheet], Complexes]:
    """Lines and transformers, and (bus,) p.u. of shunts that stand at one end only."""
    br, kv, base = grid.branches, written_kv(grid), grid.base_mva
    live = grid.live[br.f] & grid.live[br.t]
    left, right = br.g_f + 1j * (br.b_f + br.b / 2), br.g_t + 1j * (br.b_t + br.b / 2)
    both = np.where(np.abs(left) < np.abs(right), left, right)
    extra: Complexes = np.zeros(grid.n_bus, complex)
    on = live & br.in_service
    np.add.at(extra, br.f[on], ((left - both) / br.tap**2)[on])
    np.add.at(extra, br.t[on], (right - both)[on])
    adm = admittance(grid)
    flows = [np.empty((len(s.v), len(br)), complex) for _ in range(2)]
    for h in range(len(s.v)):
        moved = as_set(grid, adm, np.zeros(grid.n_bus), s.tap[h] if s.tap.size else np.zeros(len(grid.changers)))
        flows[0][h], flows[1][h] = (x * base for x in branch_flows(grid, moved, s.v[h]))
    off = [
        (left - both) / br.tap**2,
        right - both,
    ]  # flows of what is written as a shunt of the bus are not the branch's
    for end, at, y in ((0, br.f, off[0]), (1, br.t, off[1])):
        flows[end] = flows[end] - base * np.abs(s.v[:, at]) ** 2 * np.conj(y) * on
    plain = (br.tap == 1) & (br.shift == 0) & (kv[br.f] == kv[br.t])
    rate = np.where(np.isfinite(br.rate), br.rate, UNRATED_MVA)
    out = {}
    for name, mine in (("lines", plain & live), ("transformers", ~plain & live)):
        ohm = kv[br.f] ** 2 / base if name == "lines" else rate / base
        static = {"bus0": bus[br.f], "bus1": bus[br.t], "r": br.r * ohm, "x": br.x * ohm, "g": 2 * both.real / ohm, "b": 2 * both.imag / ohm,
                  "s_nom": rate, "active": br.in_service}  # fmt: skip
        if name == "transformers":
            static |= {"model": np.full(len(br), "pi"), "tap_ratio": br.tap, "phase_shift": np.rad2deg(br.shift)}
        series = {f"{k}{e}": getattr(flows[e], part) for e in (0, 1) for k, part in (("p", "real"), ("q", "imag"))}
        out[name] = Sheet(
            br.name[mine].tolist(), {k: v[mine] for k, v in static.items()}, {k: v[:, mine] for k, v in series.items()}
        )
    return out, extra


def _loads(grid: Grid, bus: Any, s: Schedule) -> Sheet:
    """What each bus takes beyond its units, and what its switched banks give."""
    banks = s.shunt * np.abs(s.v) ** 2 * grid.base_mva
    taking, banked = np.flatnonzero(grid.live & s.fixed.any(axis=0)), np.flatnonzero(grid.live & s.shunt.any(axis=0))
    p = np.concatenate([-s.fixed.real[:, taking], 0 * banks[:, banked]], axis=1)
    q = np.concatenate([-s.fixed.imag[:, taking], -banks[:, banked]], axis=1)
    names = [f"load {bus[k]}" for k in taking] + [f"bank {bus[k]}" for k in banked]
    return Sheet(names, {"bus": bus[np.concatenate([taking, banked])]}, {"p_set": p, "q_set": q, "p": p, "q": q})


def _reactive(grid: Grid, s: Schedule) -> Floats:
    """(hour, unit) MVAr of each unit: its bus's, shared among those that run by their range."""
    units = grid.units
    range_ = np.where(s.on, np.maximum(units.qmax - units.qmin, 1e-6), 0.0)
    none = ~s.on.any(axis=1)
    range_[none] = 1e-6
    whole = np.zeros((len(range_), grid.n_bus))
    np.add.at(whole.T, units.bus, range_.T)
    alone = whole[:, units.bus] == 0  # nothing runs at the bus, yet it may give reactive power: the first unit there
    share = np.divide(range_, whole[:, units.bus], out=np.zeros_like(range_), where=~alone)
    first = np.zeros(len(units), bool)
    first[np.unique(units.bus, return_index=True)[1]] = True
    return np.asarray((share + alone * first) * s.q[:, units.bus])


def _generators(grid: Grid, bus: Any, s: Schedule) -> Sheet:
    u = grid.units
    mine = (u.kind != STORAGE) & grid.live[u.bus]
    control = np.where(grid.buses.kind[u.bus] == PQ, "PQ", "PV")
    slack = np.flatnonzero(mine & (u.bus == grid.slack))
    control[slack[:1]] = "Slack"
    size = np.where(u.pmax > 0, u.pmax, 1.0)
    span = np.where(u.pmax - u.pmin > 1e-9, u.pmax - u.pmin, 1.0)
    price = np.where(u.pmax - u.pmin > 1e-9, (u.cost_usd[:, -1] - u.cost_usd[:, 0]) / span, 0.0)
    thermal = u.kind == "thermal"
    static = {
        "bus": bus[u.bus], "control": control, "p_nom": u.pmax, "p_min_pu": np.where(thermal, u.pmin / size, 0.0), "carrier": u.fuel,
        "marginal_cost": price, "stand_by_cost": np.maximum(u.cost_usd[:, 0] - price * u.pmin, 0.0) * thermal, "committable": thermal,
        "start_up_cost": u.start_cost, "shut_down_cost": u.stop_cost, "min_up_time": np.ceil(u.min_up).astype(np.int64),
        "min_down_time": np.ceil(u.min_down).astype(np.int64), "ramp_limit_up": np.minimum(u.ramp / size, 1.0),
        "ramp_limit_down": np.minimum(u.ramp / size, 1.0), "active": u.in_service,
    }  # fmt: skip
    q = _reactive(grid, s)
    series = {"p": s.p, "q": q, "p_set": s.p, "q_set": q, "status": s.on.astype(float),
              "p_max_pu": np.where(np.isnan(s.available), 1.0, s.available / size)}  # fmt: skip
    return Sheet(
        u.name[mine].tolist(), {k: v[mine] for k, v in static.items()}, {k: v[:, mine] for k, v in series.items()}
    )


def _storage(grid: Grid, bus: Any, s: Schedule) -> Sheet:
    u = grid.units
    mine = (u.kind == STORAGE) & grid.live[u.bus]
    size = np.maximum(np.maximum(u.pmax, u.charge_max), 1e-6)
    one_way, q = np.sqrt(u.efficiency), _reactive(grid, s)
    static = {
        "bus": bus[u.bus], "p_nom": size, "p_min_pu": -u.charge_max / size, "p_max_pu": u.pmax / size, "max_hours": u.energy_max / size,
        "efficiency_store": one_way, "efficiency_dispatch": one_way, "state_of_charge_initial": u.energy_initial, "carrier": u.fuel,
        "active": u.in_service,
    }  # fmt: skip
    series = {"p": s.p, "p_set": s.p, "q": q, "q_set": q, "p_dispatch": np.maximum(s.p, 0), "p_store": np.maximum(-s.p, 0),
              "state_of_charge": s.energy, "inflow": s.inflow}  # fmt: skip
    return Sheet(
        u.name[mine].tolist(), {k: v[mine] for k, v in static.items()}, {k: v[:, mine] for k, v in series.items()}
    )


def _shunts(grid: Grid, bus: Any, extra: Complexes) -> Sheet:
    y = ((grid.buses.gs + 1j * grid.buses.bs) / grid.base_mva + extra) * grid.base_mva
    at = np.flatnonzero(grid.live & (np.abs(y) > 0))
    kv = written_kv(grid)[at]
    return Sheet([f"shunt {bus[k]}" for k in at], {"bus": bus[at], "g": y.real[at] / kv**2, "b": y.imag[at] / kv**2})


def _links(grid: Grid, bus: Any, s: Schedule) -> Sheet:
    """DC links between two buses that take part, in the direction in which power flows; others are in the loads."""
    d = grid.dc_links
    on = np.flatnonzero(d.in_service & grid.live[d.f] & grid.live[d.t])
    back = d.p[on] < 0
    f, t, p = np.where(back, d.t[on], d.f[on]), np.where(back, d.f[on], d.t[on]), np.abs(d.p[on])
    loss = d.loss0[on] + d.loss1[on] * p
    sent = np.where(back, p + loss, p)
    arrives = sent - loss
    efficiency = np.divide(arrives, sent, out=np.ones(len(on)), where=sent > 0)
    hours = np.ones((len(s.p), 1))
    static = {"bus0": bus[f], "bus1": bus[t], "p_nom": np.maximum(np.maximum(np.abs(d.pmax[on]), np.abs(d.pmin[on])), sent), "efficiency": efficiency,
              "carrier": np.full(len(on), "AC")}  # fmt: skip
    return Sheet(d.name[on].tolist(), static, {"p0": hours * sent, "p1": -hours * arrives, "p_set": hours * sent})


def _netcdf(path: Path, name: str, sheets: dict[str, Sheet], stamps: pd.DatetimeIndex) -> None:
    import xarray as xr

    data: dict[str, Any] = {"snapshots_snapshot": ("snapshots", stamps)}
    data |= {f"snapshots_{k}": ("snapshots", np.ones(len(stamps))) for k in ("objective", "stores", "generators")}
    coords: dict[str, Any] = {"snapshots": np.arange(len(stamps))}
    for key, sheet in sheets.items():
        names = np.array(sheet.names, dtype=object)
        coords[f"{key}_i"] = names
        data |= {
            f"{key}_{k}": (f"{key}_i", v.astype(object) if v.dtype.kind == "U" else v) for k, v in sheet.static.items()
        }
        for k, v in sheet.series.items():
            coords[f"{key}_t_{k}_i"] = names
            data[f"{key}_t_{k}"] = (("snapshots", f"{key}_t_{k}_i"), v)
    attributes = {"network__multi_invest": 0, "network_name": name, "network_pypsa_version": "1.0.0", "network_srid": 4326,
                  "meta": json.dumps({"made by": "BOS"})}  # fmt: skip
    packed = {k: {"zlib": True, "complevel": 4} for k in data if "_t_" in k}
    part = path.with_name(f".{path.name}.part")
    xr.Dataset(data, coords, attributes).to_netcdf(part, engine="h5netcdf", encoding=packed)
    part.replace(path)


def _folder(path: Path, name: str, sheets: dict[str, Sheet], stamps: pd.DatetimeIndex) -> None:
    path.mkdir(parents=True, exist_ok=True)
    one = np.ones(len(stamps))
    pd.DataFrame({"snapshot": stamps, "objective": one, "stores": one, "generators": one}).to_csv(
        path / "snapshots.csv"
    )
    pd.DataFrame({"name": [name], "_multi_invest": [0], "pypsa_version": ["1.0.0"], "srid": [4326]}).to_csv(
        path / "network.csv", index=False
    )
    for key, sheet in sheets.items():
        index = pd.Index(sheet.names, name="name")
        pd.DataFrame(sheet.static, index=index).to_csv(path / f"{key}.csv")
        for k, v in sheet.series.items():
            pd.DataFrame(v, columns=sheet.names).to_csv(path / f"{key}-{k}.csv")
