"""Reader of a folder in the RTS-GMLC format: `SourceData` and the day-ahead series.

Everything the chain needs is in the folder, so nothing is filled in: heat rates give costs, the unit table
gives minimum times, ramps and start-up fuel, and the hourly series give load, wind, sun, water and reserves.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bos_core.objects.errors import GridError, ProfileError
from slots.grid.model import (
    CONDENSER,
    STORAGE,
    THERMAL,
    VARIABLE,
    Branches,
    Buses,
    DcLinks,
    Floats,
    Grid,
    Units,
    plain_pi,
    plain_starts,
)
from slots.grid.reading import Reading
from slots.sources.costs import SEGMENTS, breakpoints
from slots.sources.series import Series, calendar_start

_KIND = {
    "Solar PV": VARIABLE, "Solar RTPV": VARIABLE, "Wind": VARIABLE, "Hydro": VARIABLE,
    "Storage": STORAGE, "CSP": STORAGE, "Sync_Cond": CONDENSER,
}  # fmt: skip
_FUEL = {"NG": "gas", "Sync_Cond": "none"}
_BUS_KIND = {"PQ": 1, "PV": 2, "Ref": 3}
_UP_PRODUCTS = ("Spin_Up_R1", "Spin_Up_R2", "Spin_Up_R3", "Reg_Up", "Flex_Up")


def is_rts_gmlc(folder: Path) -> bool:
    """Whether a folder has the RTS-GMLC layout."""
    return (folder / "SourceData" / "bus.csv").is_file()


def _table(folder: Path, name: str) -> pd.DataFrame:
    path = folder / "SourceData" / name
    try:
        return pd.read_csv(path, na_values=["NA"])
    except FileNotFoundError:
        raise GridError(f"RTS-GMLC folder {folder} has no SourceData/{name}", "give the whole folder") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError):
        raise GridError(f"{path} is not a readable CSV table", "mend or replace the file") from None


def read_rts_gmlc(folder: Path) -> tuple[Grid, Series]:
    """The grid and its year of series.

    Raises:
        GridError: a table or a column of it is missing.
        ProfileError: a series file is missing or has holes.
    """
    try:
        grid = _grid(folder)
        series = _series(folder, grid)
    except KeyError as error:
        raise GridError(f"RTS-GMLC folder {folder}: column or element {error} is missing",
                        "use the published layout") from None  # fmt: skip
    series.check(grid)
    return grid, series


def _grid(folder: Path) -> Grid:
    bus, gen = _table(folder, "bus.csv"), _table(folder, "gen.csv")
    position = {int(n): i for i, n in enumerate(bus["Bus ID"])}
    n = len(bus)
    buses = Buses(
        number=bus["Bus ID"].to_numpy(np.int64), name=np.array(bus["Bus Name"].astype(str).tolist()),
        kv=_f(bus["BaseKV"]), kind=np.array([_BUS_KIND[k] for k in bus["Bus Type"]], np.int64),
        pd=_f(bus["MW Load"]), qd=_f(bus["MVAR Load"]), gs=_f(bus["MW Shunt G"]), bs=_f(bus["MVAR Shunt B"]), bs_low=_f(bus["MVAR Shunt B"]), bs_high=_f(bus["MVAR Shunt B"]),
        bs_step=np.zeros(n),
        vm=_f(bus["V Mag"]), va=np.deg2rad(_f(bus["V Angle"])), vmin=np.full(n, 0.95), vmax=np.full(n, 1.05),
        area=bus["Area"].to_numpy(np.int64), lat=_f(bus["lat"]), lon=_f(bus["lng"]),
    )  # fmt: skip
    return Grid(
        "rts-gmlc", 100.0, buses, _branches(folder, position), _units(gen, _table(folder, "storage.csv"), position),
        _dc(folder, position), f"RTS-GMLC data set of GridMod ({folder.name}), NREL data use notice applies",
        Reading(str(folder), "RTS-GMLC folder").with_filled(
            "buses.vmin, buses.vmax", n, "0.95 to 1.05 p.u.", "the published MATPOWER case; bus.csv has none"
        ),
    )  # fmt: skip


def _f(column: pd.Series) -> Floats:
    return np.array(column, dtype=float)


def _branches(folder: Path, position: dict[int, int]) -> Branches:
    b = _table(folder, "branch.csv")
    tap = _f(b["Tr Ratio"])
    n = len(b)
    return Branches(
        name=np.array(b["UID"].astype(str).tolist()),
        f=np.array([position[int(k)] for k in b["From Bus"]], np.int64),
        t=np.array([position[int(k)] for k in b["To Bus"]], np.int64), r=_f(b["R"]), x=_f(b["X"]), b=_f(b["B"]),
        **plain_pi(np.where(tap == 0, 1.0, tap)), shift=np.zeros(n), rate=_f(b["Cont Rating"]),
        rate_emergency=_f(b["LTE Rating"]), in_service=np.ones(n, bool), equivalent=np.zeros(n, bool),
    )  # fmt: skip


def _dc(folder: Path, position: dict[int, int]) -> DcLinks:
    d = _table(folder, "dc_branch.csv")
    power = _f(d["MW Load"])
    zero = np.zeros(len(d))
    return DcLinks(
        np.array(d["UID"].astype(str).tolist(), dtype=np.str_),
        np.array([position[int(k)] for k in d["From Bus"]], np.int64),
        np.array([position[int(k)] for k in d["To Bus"]], np.int64),
        power, -power, power, zero, zero.copy(), np.ones(len(d), bool),
    )  # fmt: skip


def _units(gen: pd.DataFrame, storage: pd.DataFrame, position: dict[int, int]) -> Units:
    n = len(gen)
    kind = np.array([_KIND.get(c, THERMAL) for c in gen["Category"]])
    pmax, pmin = _f(gen["PMax MW"]), np.where(kind == THERMAL, _f(gen["PMin MW"]), 0.0)
    mw, usd = np.zeros((n, SEGMENTS + 1)), np.zeros((n, SEGMENTS + 1))
    for i, row in enumerate(gen.to_dict("records")):
        x, y = _heat_rate_cost(row) if kind[i] == THERMAL else (np.array([pmin[i], pmax[i]]), np.zeros(2))
        mw[i], usd[i] = breakpoints(x, y, pmin[i], pmax[i])
    start = _f(gen["Start Heat Cold MBTU"]) * _f(gen["Fuel Price $/MMBTU"]) + _f(gen["Non Fuel Start Cost $"])
    ramp = 60.0 * np.where(kind == THERMAL, _f(gen["Ramp Rate MW/Min"]), np.maximum(pmax, 1.0))
    head = storage[storage["position"] == "head"].set_index("GEN UID")
    stores = kind == STORAGE
    size = np.array([1e3 * head["Max Volume GWh"].get(u, 0.0) for u in gen["GEN UID"]]) * stores
    initial = np.array([1e3 * head["Initial Volume GWh"].get(u, 0.0) for u in gen["GEN UID"]]) * stores
    trip = np.nan_to_num(_f(gen["Storage Roundtrip Efficiency"]), nan=0.0) / 100.0
    return Units(
        name=np.array(gen["GEN UID"].astype(str).tolist()),
        bus=np.array([position[int(b)] for b in gen["Bus ID"]], np.int64), kind=kind,
        fuel=np.array([_FUEL.get(f, str(f).lower()) for f in gen["Fuel"]]),
        technology=np.array([str(c).lower() for c in gen["Category"]]),
        p=_f(gen["MW Inj"]), q=_f(gen["MVAR Inj"]), pmin=pmin, pmax=pmax, qmin=_f(gen["QMin MVAR"]),
        qmax=_f(gen["QMax MVAR"]), vset=_f(gen["V Setpoint p.u."]), in_service=np.ones(n, bool),
        must_run=np.array(gen["Fuel"] == "Nuclear"), start_cost=np.where(kind == THERMAL, start, 0.0),
        min_up=np.ceil(_f(gen["Min Up Time Hr"])), min_down=np.ceil(_f(gen["Min Down Time Hr"])), ramp=ramp,
        ramp_10min=np.minimum(ramp / 6, pmax), cost_mw=mw, cost_usd=usd, energy_max=size,
        energy_initial=initial, charge_max=np.nan_to_num(_f(gen["Pump Load MW"])), efficiency=np.where(trip > 0, trip, 1.0),
        plant=np.full(n, ""), source=np.full(n, "SourceData/gen.csv"), **plain_starts(n),
    )  # fmt: skip


def _heat_rate_cost(row: dict[Any, Any]) -> tuple[Floats, Floats]:
    """Breakpoints (MW, USD/h) of a unit from its average heat rate at the first and increments after it.

    Heat rates are BTU/kWh; fuel price is USD per million BTU; VOM is USD/MWh.
    """
    share = np.array([row[f"Output_pct_{k}"] for k in range(5)], dtype=float)
    share = share[~np.isnan(share)]
    mw = share * row["PMax MW"]
    rates = np.array([row[f"HR_incr_{k}"] for k in range(1, len(mw))], dtype=float)
    first = row["HR_avg_0"] * mw[0]
    heat = np.concatenate([[first], first + np.cumsum(np.diff(mw) * rates)]) / 1e3
    return mw, heat * row["Fuel Price $/MMBTU"] + np.nan_to_num(row["VOM"]) * mw


def _read_series(folder: Path, relative: str) -> pd.DataFrame:
    stem = relative.split("timeseries_data_files/")[-1]
    root = folder / "timeseries_data_files"
    path = next((p for p in root.glob("*/*.csv") if str(p.relative_to(root)).lower() == stem.lower()), None)
    if path is None:
        raise ProfileError(f"series file {stem} is not in {root}", "give the whole folder")
    return pd.read_csv(path)


def _series(folder: Path, grid: Grid) -> Series:
    pointers = _table(folder, "timeseries_pointers.csv")
    pointers = pointers[pointers["Simulation"] == "DAY_AHEAD"]
    files = {name: _read_series(folder, name) for name in pointers["Data File"].unique()}
    unit = {str(n): i for i, n in enumerate(grid.units.name)}
    load = _load(pointers, files, grid)
    hours = len(load)
    available = np.full((hours, len(unit)), np.nan)
    floor, inflow = np.zeros((hours, len(unit))), np.zeros((hours, len(unit)))
    for row in pointers[pointers["Category"] == "Generator"].to_dict("records"):
        table = files[row["Data File"]]
        if row["Parameter"] == "Natural_Inflow":
            for name in (c for c in table.columns if c in unit):  # the pointer names the store, not the unit
                inflow[:, unit[name]] = table[name].to_numpy(float)
            continue
        target = available if row["Parameter"] == "PMax MW" else floor
        target[:, unit[row["Object"]]] = table[row["Object"]].to_numpy(float)
    available = np.minimum(available, grid.units.pmax[None, :] + 0 * available)
    floor = np.minimum(floor, np.nan_to_num(available, nan=np.inf))
    power_factor = grid.buses.qd / np.where(grid.buses.pd != 0, grid.buses.pd, 1.0)
    year = int(next(iter(files.values()))["Year"].iloc[0])
    return Series(
        calendar_start(year), load, load * power_factor[None, :], available, floor, inflow,
        _reserve(pointers, files, hours), "RTS-GMLC day-ahead series of the folder: regional load, wind, sun, "
        "water and reserve requirements as published",
    )  # fmt: skip


def _load(pointers: pd.DataFrame, files: dict[str, pd.DataFrame], grid: Grid) -> Floats:
    rows = pointers[pointers["Category"] == "Area"]
    table = files[rows["Data File"].iloc[0]]
    load = np.zeros((len(table), grid.n_bus))
    for area in rows["Object"].astype(int):
        mine = grid.buses.area == area
        share = grid.buses.pd * mine / grid.buses.pd[mine].sum()
        load += table[str(area)].to_numpy(float)[:, None] * share[None, :]
    return load


def _reserve(pointers: pd.DataFrame, files: dict[str, pd.DataFrame], hours: int) -> Floats:
    total = np.zeros(hours)
    for row in pointers[pointers["Category"] == "Reserve"].to_dict("records"):
        if row["Object"] not in _UP_PRODUCTS:
            continue
        table = files[row["Data File"]]
        if "Period" in table:
            total += table[row["Object"]].to_numpy(float)
        else:
            total += table[[str(h) for h in range(1, 25)]].to_numpy(float).reshape(-1)
    return total
