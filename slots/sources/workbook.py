"""Reader of AMS and ANDES case workbooks (.xlsx): one sheet per device model, powers in p.u. of the system base.

The power-flow sheets become a MATPOWER-like case; the scheduling sheets are kept as tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bos_core.objects.errors import GridError
from slots.grid.model import Floats, Ints
from slots.sources.matpower import Case

BASE_MVA = 100.0  # the format fixes it
NEEDED = ("Bus", "Line", "Slack")


@dataclass(frozen=True)
class Workbook:
    """A workbook's sheets by name, its case, and where the case's rows come from.

    Attributes:
        units: idx of each unit of the case, in order.
    """

    name: str
    sheets: dict[str, pd.DataFrame]
    case: Case
    units: list[Any]

    def table(self, sheet: str) -> pd.DataFrame:
        """A sheet; empty if the workbook has none."""
        return self.sheets.get(sheet, pd.DataFrame())

    def column(self, sheet: str, name: str, default: float) -> Floats:
        """A numeric column; the default where it or a value is missing."""
        return column(self.table(sheet), name, default)


def column(table: pd.DataFrame, name: str, default: float) -> Floats:
    """A numeric column of a sheet; the default where it or a value is missing."""
    if name not in table:
        return np.full(len(table), float(default))
    return np.asarray(pd.to_numeric(table[name], errors="coerce").fillna(default), dtype=np.float64)


def read_workbook(path: Path) -> Workbook:
    """Read a workbook.

    Raises:
        GridError: it cannot be read, or lacks a sheet or an element that is referred to.
    """
    try:
        sheets = {str(k): v for k, v in pd.read_excel(path, sheet_name=None).items()}
    except (OSError, ValueError, KeyError) as error:
        raise GridError(
            f"grid file {path} cannot be read ({str(error)[:80]})", "give an .xlsx case of AMS or ANDES"
        ) from None
    missing = [s for s in NEEDED if s not in sheets or sheets[s].empty]
    if missing:
        raise GridError(f"grid file {path} lacks the sheets {', '.join(missing)}", "give a whole AMS or ANDES case")
    bus = sheets["Bus"]
    number = {idx: k + 1 for k, idx in enumerate(bus["idx"])}
    generation = pd.concat([sheets[s] for s in ("PV", "Slack") if s in sheets and len(sheets[s])], ignore_index=True)
    case = Case(
        path.stem, BASE_MVA, _buses(sheets, number, path), _units(generation, number, path),
        _branches(sheets, number, path), _costs(sheets.get("GCost"), generation),
        names={"bus_name": [str(n) for n in bus["name"]]},
    )  # fmt: skip
    return Workbook(path.stem, sheets, case, list(generation["idx"]))


def _at(values: pd.Series, number: dict[Any, int], what: str, path: Path) -> Ints:
    unknown = [v for v in values if v not in number]
    if unknown:
        raise GridError(f"grid file {path}: a {what} is connected to bus {unknown[0]}, which does not exist", "mend it")
    return np.array([number[v] for v in values], dtype=np.int64)


def _buses(sheets: dict[str, pd.DataFrame], number: dict[Any, int], path: Path) -> Floats:
    bus = sheets["Bus"]
    out = np.zeros((len(bus), 13))
    out[:, 0], out[:, 1] = np.arange(1, len(bus) + 1), 1
    for name, first, second in (("PQ", "p0", "q0"), ("Shunt", "g", "b")):
        load = sheets.get(name, pd.DataFrame())
        if load.empty:
            continue
        at, on, to = _at(load["bus"], number, name, path) - 1, column(load, "u", 1), 2 if name == "PQ" else 4
        np.add.at(out[:, to], at, BASE_MVA * on * column(load, first, 0))
        np.add.at(out[:, to + 1], at, BASE_MVA * on * column(load, second, 0))
    for name, kind in (("PV", 2), ("Slack", 3)):
        if name in sheets and len(sheets[name]):
            at = _at(sheets[name]["bus"], number, name, path)[column(sheets[name], "u", 1) > 0]
            out[at - 1, 1] = np.maximum(out[at - 1, 1], kind)
    areas = list(dict.fromkeys(bus["area"])) if "area" in bus else []
    out[:, 6] = [areas.index(a) + 1 for a in bus["area"]] if areas else 1
    out[:, 7], out[:, 8] = column(bus, "v0", 1.0), np.rad2deg(column(bus, "a0", 0.0))
    out[:, 9], out[:, 11], out[:, 12] = column(bus, "Vn", 110), column(bus, "vmax", 1.1), column(bus, "vmin", 0.9)
    return out


def _units(g: pd.DataFrame, number: dict[Any, int], path: Path) -> Floats:
    out = np.zeros((len(g), 21))
    out[:, 0] = _at(g["bus"], number, "unit", path)
    for k, (name, default) in {1: ("p0", 0), 2: ("q0", 0), 3: ("qmax", 999), 4: ("qmin", -999), 8: ("pmax", 999),
                               9: ("pmin", -1)}.items():  # fmt: skip
        out[:, k] = BASE_MVA * column(g, name, default)
    out[:, 5], out[:, 6], out[:, 7] = column(g, "v0", 1), column(g, "Sn", 100), column(g, "u", 1)
    return out


def _branches(sheets: dict[str, pd.DataFrame], number: dict[Any, int], path: Path) -> Floats:
    line = sheets["Line"]
    out = np.zeros((len(line), 13))
    out[:, 0], out[:, 1] = (_at(line[end], number, "line", path) for end in ("bus1", "bus2"))
    kv = column(sheets["Bus"], "Vn", 110)[out[:, 0].astype(int) - 1]
    # Impedances are on the line's own base.
    z = BASE_MVA / column(line, "Sn", 100) * (column(line, "Vn1", 110) / kv) ** 2
    out[:, 2], out[:, 3], out[:, 4] = column(line, "r", 0) * z, column(line, "x", 1e-8) * z, column(line, "b", 0) / z
    for k, name in ((5, "rate_a"), (6, "rate_b"), (7, "rate_c")):
        out[:, k] = BASE_MVA * column(line, name, 0)
    out[:, 8], out[:, 9], out[:, 10] = column(line, "tap", 1), np.rad2deg(column(line, "phi", 0)), column(line, "u", 1)
    low, high = column(line, "amin", -360), column(line, "amax", 360)
    free = (np.abs(low) >= 2 * np.pi - 1e-9) & (np.abs(high) >= 2 * np.pi - 1e-9)  # radians
    out[:, 11], out[:, 12] = np.where(free, -360, np.rad2deg(low)), np.where(free, 360, np.rad2deg(high))
    return out


def _costs(costs: pd.DataFrame | None, generation: pd.DataFrame) -> Floats | None:
    if costs is None or costs.empty:
        return None
    by_unit = costs.set_index("gen").reindex(generation["idx"])
    out = np.zeros((len(generation), 7))
    out[:, 0], out[:, 3] = 2, 3
    out[:, 1], out[:, 2] = column(by_unit, "csu", 0), column(by_unit, "csd", 0)
    for k, (name, power) in enumerate((("c2", 2), ("c1", 1), ("c0", 0))):
        out[:, 4 + k] = column(by_unit, name, 0) / BASE_MVA**power
    return out
