"""Reader of AMS and ANDES case workbooks (.xlsx): one sheet per device model, powers in p.u. of the system base.

The power-flow sheets become a MATPOWER-like case; the scheduling sheets are kept as tables. As in ANDES a device is out of
service where its bus is, an empty cell has the format's default, and so has a 0 where 0 has no meaning. Jumpers, and
lines without impedance, join their buses: the first stands for all, the others are isolated rows of the case.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bos_core.objects.errors import GridError
from slots.grid.model import Bools, Floats, Ints
from slots.sources.matpower import Case

BASE_MVA = 100.0  # the format fixes it
NEEDED = ("Bus", "Line", "Slack")
NO_LIMIT = 999.0  # p.u.; what the format writes for none
ZERO_Z = 1e-7  # p.u.; a line of less joins its buses. ANDES itself puts 1e-8 where none is given


@dataclass(frozen=True)
class Workbook:
    """A workbook's sheets by name, its case, and where the case's rows come from.

    Attributes:
        units: idx of each unit of the case, in order.
        shunts: columns of `Branches` that the case's rows lack, by name.
        joined: (bus,) row that stands for each bus.
        joins: names of what joins them.
    """

    name: str
    sheets: dict[str, pd.DataFrame]
    case: Case
    units: list[Any]
    shunts: dict[str, Any] = field(default_factory=dict)
    joined: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    joins: tuple[str, ...] = ()

    def table(self, sheet: str) -> pd.DataFrame:
        """A sheet; empty if the workbook has none."""
        return self.sheets.get(sheet, pd.DataFrame())

    def column(self, sheet: str, name: str, default: float) -> Floats:
        """A numeric column; the default where it or a value is missing."""
        return column(self.table(sheet), name, default)


def column(table: pd.DataFrame, name: str, default: float, meaning: bool = True) -> Floats:
    """A numeric column of a sheet; the default where it or a value is missing.

    Args:
        meaning: whether a 0 has one; if not, it has the default, too.

    Raises:
        GridError: a cell holds no number.
    """
    if name not in table:
        return np.full(len(table), float(default))
    values = pd.to_numeric(table[name], errors="coerce")
    wrong = table[name].notna() & values.isna()
    if wrong.any():
        raise GridError(f"column {name} of a workbook's sheet holds '{table[name][wrong].iloc[0]}', which is no number",
                        "mend the cell")  # fmt: skip
    out = np.asarray(values.fillna(default), dtype=np.float64)
    return out if meaning else np.where(out == 0, default, out)


def read_workbook(path: Path) -> Workbook:
    """Read a workbook.

    Raises:
        GridError: it cannot be read, or lacks a sheet or an element that is referred to.
    """
    sheets = _sheets(path)
    missing = [s for s in NEEDED if s not in sheets or sheets[s].empty]
    if missing:
        raise GridError(f"grid file {path} lacks the sheets {', '.join(missing)}", "give a whole AMS or ANDES case")
    try:
        return _assembled(path, sheets)
    except KeyError as error:
        raise GridError(f"grid file {path} lacks the column {error.args[0]} of a sheet", "give a whole case") from None


def _sheets(path: Path) -> dict[str, pd.DataFrame]:
    try:
        found = pd.read_excel(path, sheet_name=None)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise GridError(
            f"grid file {path} cannot be read ({str(error)[:80]})", "give an .xlsx case of AMS or ANDES"
        ) from None
    return {str(k): v.dropna(how="all").reset_index(drop=True) for k, v in found.items()}


def _assembled(path: Path, sheets: dict[str, pd.DataFrame]) -> Workbook:
    bus = sheets["Bus"]
    number = {idx: k + 1 for k, idx in enumerate(bus["idx"])}
    if len(number) < len(bus):
        twice = bus["idx"][bus["idx"].duplicated()].iloc[0]
        raise GridError(f"grid file {path} has two buses with idx {twice}", "number them uniquely")
    joined, joins = _joined(sheets, number, path)
    generation = pd.concat([sheets[s] for s in ("PV", "Slack") if s in sheets and len(sheets[s])], ignore_index=True)
    branches, shunts = _branches(sheets, number, joined, path)
    buses = _buses(sheets, number, joined, path)
    units = _units(sheets, generation, number, joined, path)
    _onto_buses(buses, branches, shunts)
    case = Case(
        path.stem, BASE_MVA, buses, units, branches, _costs(sheets.get("GCost"), generation, path),
        names={"bus_name": [str(n) for n in (bus["name"] if "name" in bus else bus["idx"])]},
    )  # fmt: skip
    return Workbook(path.stem, sheets, case, list(generation["idx"]), shunts, joined, tuple(joins))


def _at(values: pd.Series, number: dict[Any, int], what: str, path: Path) -> Ints:
    """(element,) 0-based row of the bus that each names."""
    unknown = [v for v in values if v not in number]
    if unknown:
        raise GridError(f"grid file {path}: a {what} is connected to bus {unknown[0]}, which does not exist", "mend it")
    return np.array([number[v] - 1 for v in values], dtype=np.int64)


def _alive(sheets: dict[str, pd.DataFrame]) -> Bools:
    return np.asarray(column(sheets["Bus"], "u", 1) > 0)


def _joined(sheets: dict[str, pd.DataFrame], number: dict[Any, int], path: Path) -> tuple[Ints, list[str]]:
    """(bus,) the row that stands for each bus, and what joins them."""
    root, alive, names = np.arange(len(number)), _alive(sheets), []
    line = sheets["Line"]
    z = np.abs(column(line, "r", 0) + 1j * column(line, "x", 0))
    plain = (column(line, "tap", 1, False) == 1) & (column(line, "phi", 0) == 0)
    for name, table in (("Jumper", sheets.get("Jumper", pd.DataFrame())), ("Line", line[plain & (z < ZERO_Z)])):
        if table.empty:
            continue
        f, t = (_at(table[end], number, name, path) for end in ("bus1", "bus2"))
        on = (column(table, "u", 1) > 0) & alive[f] & alive[t]
        for a, b, idx in zip(f[on], t[on], table["idx"][on], strict=True):
            low, high = sorted((root[a], root[b]))
            root[root == high] = low
            names.append(f"{name} {idx}")
    return root, names


def _per_unit(table: pd.DataFrame, kv: Floats, voltage: str) -> Floats:
    """(device,) impedance base of a device over that of the system at its bus."""
    return np.asarray(BASE_MVA / column(table, "Sn", 100, False) * (column(table, voltage, 110, False) / kv) ** 2)


def _buses(sheets: dict[str, pd.DataFrame], number: dict[Any, int], joined: Ints, path: Path) -> Floats:
    bus, alive = sheets["Bus"], _alive(sheets)
    own_kv = column(bus, "Vn", 110, False)
    out = np.zeros((len(bus), 13))
    out[:, 0], out[:, 1] = np.arange(1, len(bus) + 1), 1
    for name in ("PQ", "Shunt", "ShuntTD", "ShuntSw"):
        table = sheets.get(name, pd.DataFrame())
        if table.empty:
            continue
        at = _at(table["bus"], number, name, path)
        on = (column(table, "u", 1) > 0) & alive[at]
        if name == "PQ":
            add, to = column(table, "p0", 0) + 1j * column(table, "q0", 0), 2
        else:
            add, to = _conducting(table, name) / _per_unit(table, own_kv[at], "Vn"), 4
        np.add.at(out[:, to], joined[at], BASE_MVA * np.where(on, add.real, 0.0))
        np.add.at(out[:, to + 1], joined[at], BASE_MVA * np.where(on, add.imag, 0.0))
    for name, kind in (("PV", 2), ("Slack", 3)):
        if name in sheets and len(sheets[name]):
            own = _at(sheets[name]["bus"], number, name, path)
            at = joined[own[(column(sheets[name], "u", 1) > 0) & alive[own]]]
            out[at, 1] = np.maximum(out[at, 1], kind)
    areas = [str(a) for a in bus["area"]] if "area" in bus else [""] * len(bus)
    out[:, 6] = [list(dict.fromkeys(areas)).index(a) + 1 for a in areas]
    out[:, 7], out[:, 8] = column(bus, "v0", 1.0, False), np.rad2deg(column(bus, "a0", 0.0))
    out[:, 9], out[:, 11], out[:, 12] = own_kv, column(bus, "vmax", 1.1), column(bus, "vmin", 0.9)
    out[~alive | (joined != np.arange(len(bus))), 1] = 4
    return out


def _conducting(table: pd.DataFrame, name: str) -> Floats:
    """(shunt,) complex p.u. of the device; a switched one has as many blocks on as ANDES starts with."""
    g, b = column(table, "g", 0), column(table, "b", 0)
    if name == "ShuntSw":
        for k, row in table.iterrows():
            steps = blocks(row, "bs")
            if len(steps) > 1:
                count, conductance = blocks_on(steps, b[k]), blocks(row, "gs")
                g[k], b[k] = conductance[min(count, len(conductance) - 1)], steps[count]
    return np.asarray(g + 1j * b)


def blocks_on(steps: Floats, b: float) -> int:
    """How many blocks of a ShuntSw are on: of capacitors the fewest that give `b`, of others those that come nearest."""
    if (np.diff(steps) >= 0).all():
        return min(int((steps < b - 1e-12).sum()), len(steps) - 1)
    return int(np.argmin(np.abs(steps - b)))


def blocks(row: Any, name: str) -> Floats:
    """What 0, 1, … switched elements of a ShuntSw give (p.u. of the device), by its list literals.

    Raises:
        GridError: a literal is no list of numbers.
    """
    try:
        each, counts = (
            [float(x) for x in str(row.get(k, 0)).strip("[] ").replace(",", " ").split()] for k in (name, "ns")
        )
        of_each = [x for x, n in zip(each, counts, strict=False) for _ in range(int(n))]
    except ValueError:
        raise GridError(f"ShuntSw {row['idx']}: '{row.get(name)}' or '{row.get('ns')}' is no list of numbers",
                        "write it as [0.1, 0.2]")  from None  # fmt: skip
    return np.cumsum([0.0, *[x for x in of_each if np.isfinite(x)]])


def _units(
    sheets: dict[str, pd.DataFrame], g: pd.DataFrame, number: dict[Any, int], joined: Ints, path: Path
) -> Floats:
    out = np.zeros((len(g), 21))
    own = _at(g["bus"], number, "unit", path)
    out[:, 0] = joined[own] + 1
    for k, (name, default) in {1: ("p0", 0), 2: ("q0", 0), 3: ("qmax", NO_LIMIT), 4: ("qmin", -NO_LIMIT),
                               8: ("pmax", NO_LIMIT), 9: ("pmin", -1)}.items():  # fmt: skip
        out[:, k] = BASE_MVA * column(g, name, default)
    out[:, 5], out[:, 6] = column(g, "v0", 1), column(g, "Sn", 100, False)
    out[:, 7] = (column(g, "u", 1) > 0) & _alive(sheets)[own]
    return out


def _branches(
    sheets: dict[str, pd.DataFrame], number: dict[Any, int], joined: Ints, path: Path
) -> tuple[Floats, dict[str, Floats]]:
    """Rows of lines, impedances from their own base to the system's, and their shunts beyond the half of b at each end."""
    line, alive = sheets["Line"], _alive(sheets)
    out = np.zeros((len(line), 13))
    f, t = (_at(line[end], number, "line", path) for end in ("bus1", "bus2"))
    out[:, 0], out[:, 1] = joined[f] + 1, joined[t] + 1
    z = _per_unit(line, column(sheets["Bus"], "Vn", 110, False)[f], "Vn1")
    out[:, 2], out[:, 3], out[:, 4] = (
        column(line, "r", 1e-8) * z,
        column(line, "x", 1e-8, False) * z,
        column(line, "b", 0) / z,
    )
    for k, name in ((5, "rate_a"), (6, "rate_b"), (7, "rate_c")):
        rate = column(line, name, 0)
        out[:, k] = BASE_MVA * np.where(rate >= NO_LIMIT, 0.0, rate)
    out[:, 8], out[:, 9] = column(line, "tap", 1, False), np.rad2deg(column(line, "phi", 0))
    out[:, 10] = (column(line, "u", 1) > 0) & alive[f] & alive[t]
    low, high = column(line, "amin", -360), column(line, "amax", 360)
    free = (np.abs(low) >= 2 * np.pi - 1e-9) & (np.abs(high) >= 2 * np.pi - 1e-9)  # radians
    out[:, 11], out[:, 12] = np.where(free, -360, np.rad2deg(low)), np.where(free, 360, np.rad2deg(high))
    g = column(line, "g", 0)
    each = {"g_f": column(line, "g1", 0) + g / 2, "b_f": column(line, "b1", 0),
            "g_t": column(line, "g2", 0) + g / 2, "b_t": column(line, "b2", 0)}  # fmt: skip
    return out, {k: v / z for k, v in each.items()}


def _onto_buses(buses: Floats, branches: Floats, shunts: dict[str, Floats]) -> None:
    """A line whose ends are joined is what it is at its one bus: a shunt; it goes out of service."""
    for k in np.flatnonzero((branches[:, 0] == branches[:, 1]) & (branches[:, 10] > 0)):
        r, x, b, tap = branches[k, 2], branches[k, 3], branches[k, 4], branches[k, 8]
        y_f = shunts["g_f"][k] + 1j * (shunts["b_f"][k] + b / 2)
        y = y_f / tap**2 + shunts["g_t"][k] + 1j * (shunts["b_t"][k] + b / 2)
        turn = tap * np.exp(1j * np.deg2rad(branches[k, 9]))
        if turn != 1:
            y += (1 / tap**2 + 1 - 1 / turn - 1 / np.conj(turn)) / complex(r, x)
        row = int(branches[k, 0]) - 1
        buses[row, 4] += BASE_MVA * y.real
        buses[row, 5] += BASE_MVA * y.imag
        branches[k, 10] = 0


def _costs(costs: pd.DataFrame | None, generation: pd.DataFrame, path: Path) -> Floats | None:
    if costs is None or costs.empty:
        return None
    if (kinds := column(costs, "type", 2) != 2).any():
        raise GridError(f"grid file {path}: GCost of {costs['gen'][kinds].iloc[0]} is not of type 2, the polynomial one",
                        "give costs as c2, c1, c0")  # fmt: skip
    if costs["gen"].duplicated().any():
        raise GridError(
            f"grid file {path} has two GCost rows for {costs['gen'][costs['gen'].duplicated()].iloc[0]}", "keep one"
        )
    by_unit = costs.set_index("gen").reindex(generation["idx"])
    out = np.zeros((len(generation), 7))
    out[:, 0], out[:, 3] = 2, 3
    out[:, 1], out[:, 2] = column(by_unit, "csu", 0), column(by_unit, "csd", 0)
    for k, (name, power) in enumerate((("c2", 2), ("c1", 1), ("c0", 0))):
        out[:, 4 + k] = column(by_unit, name, 0) / BASE_MVA**power
    return out
