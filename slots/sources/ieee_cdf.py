"""Reader of the IEEE common data format (1973): a title, buses and branches in fixed columns, and three lists for exchanges.

Columns are those of "Common Format for Exchange of Solved Load Flow Data", IEEE Transactions on Power Apparatus and Systems
92 (1973) 1916, counted from 1. PowSyBl reads the format too, but leaves out ratings, conductance of buses, generation at
load buses and phase shifts that nothing controls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import Floats, Grid
from slots.grid.reading import ReadingLog
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import Case

BASE = (32, 37)  # of the title: MVA
BUS = {
    "number": (1, 4), "area": (19, 20), "type": (25, 26), "final voltage": (28, 33), "final angle": (34, 40),
    "load MW": (41, 49), "load MVAR": (50, 58), "generation MW": (59, 67), "generation MVAR": (68, 75), "base kV": (77, 83),
    "desired volts": (85, 90), "maximum": (91, 98), "minimum": (99, 106), "shunt G": (107, 114), "shunt B": (115, 122),
    "remote bus": (124, 127),
}  # fmt: skip
BRANCH = {
    "tap bus": (1, 4), "Z bus": (6, 9), "type": (19, 19), "R": (20, 29), "X": (30, 40), "B": (41, 50),
    "rating 1": (51, 55), "rating 2": (57, 61), "rating 3": (63, 67), "turns ratio": (77, 82), "angle": (84, 90),
    "least tap": (91, 97), "greatest tap": (98, 104), "step": (106, 111),
}  # fmt: skip
NAME = slice(5, 17)
HELD_Q, HELD_V, REFERENCE = 1, 2, 3  # types of buses; 0 is a load bus
CONTROLLED = {2: "voltage", 3: "reactive power", 4: "active power"}  # by the tap of a branch, by its type
_LISTS = {"LOSS ZONES": "loss zone", "INTERCHANGE DATA": "interchange target of an area", "TIE LINES": "tie line"}
_UNUSED = {
    "loss zone": "zones play no part in the plan",
    "interchange target of an area": "units are dispatched by cost over the whole grid",
    "tie line": "it names a branch that counts for an interchange: exchanges of areas are not planned",
}

Row = dict[str, float]


@dataclass
class _Text:
    """A file's lines by section, each with its number."""

    path: Path
    base: float
    sections: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def rows(self, section: str, columns: dict[str, tuple[int, int]]) -> Iterator[tuple[int, str, Row]]:
        """Number, line and values of each line of a section."""
        for number, line in self.sections.get(section, []):
            yield number, line, {k: self._value(number, line, k, *span) for k, span in columns.items()}

    def _value(self, number: int, line: str, column: str, first: int, last: int) -> float:
        text = line[first - 1 : last].strip()
        try:
            value = float(text or 0)
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            raise GridError(
                f"grid file {self.path}, line {number}: '{text}' in columns {first} to {last} ({column}) is no number",
                "mend it; columns are those of the IEEE common data format",
            )
        return value


def read_ieee_cdf(path: Path) -> Grid:
    """The grid of a file.

    Raises:
        GridError: it has no buses or branches, a value is no number, or what it states cannot be used.
    """
    text = _sections(path)
    log = ReadingLog(str(path), "IEEE-CDF")
    buses, units, names, kinds = _buses(text, log)
    branches, taps = _branches(text, log)
    for section, kind in _LISTS.items():
        listed = [line.strip()[:12] for _, line in text.sections.get(section, [])]
        log.read(kind, len(listed))
        log.leave_out(kind, listed, _UNUSED[kind])
    case = Case(path.stem, text.base, buses, units, branches, names={"bus_name": names, "genfuel": kinds})
    grid = grid_from_case(case, f"IEEE-CDF file {path.name}", log)
    low, high, step = taps.T
    return grid.replace(branches=replace(grid.branches, tap_low=low, tap_high=high, tap_step=step))


def _sections(path: Path) -> _Text:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    base = lines[0][BASE[0] - 1 : BASE[1]].strip() if lines else ""
    try:
        text = _Text(path, float(base))
    except ValueError:
        text = _Text(path, 0.0)
    if not 0 < text.base < np.inf:
        raise GridError(
            f"grid file {path} states no base power ('{base}' in columns 32 to 37 of its first line)", "give MVA there"
        )
    section = ""
    for number, line in enumerate(lines[1:], 2):
        if "FOLLOW" in line.upper():
            section = next((s for s in ("BUS DATA", "BRANCH DATA", *_LISTS) if line.upper().strip().startswith(s)), "")
            text.sections[section] = []
        elif line.startswith("-9") or line.upper().startswith("END OF DATA"):  # -999, -99 or -9, and then perhaps more
            section = ""
        elif section and line.strip():
            text.sections[section].append((number, line))
    missing = [s for s in ("BUS DATA", "BRANCH DATA") if not text.sections.get(s)]
    if missing:
        raise GridError(f"grid file {path} has no rows of {missing[0]}", "give the whole file")
    if section:
        raise GridError(f"grid file {path} ends before its data do: no -999 ends its {section}", "get the whole file")
    return text


def _buses(text: _Text, log: ReadingLog) -> tuple[Floats, Floats, list[str], list[str]]:
    """MATPOWER rows of buses and units, the buses' names, and the units' fuels."""
    buses, units, names, remote, free = [], [], [], [], [0, 0, 0]
    for number, line, r in text.rows("BUS DATA", BUS):
        kind = int(r["type"])
        if kind not in (0, HELD_Q, HELD_V, REFERENCE):
            raise GridError(f"grid file {text.path}, line {number}: bus type {kind} is none", "give 0, 1, 2 or 3")
        name = line[NAME].strip() or f"bus {r['number']:.0f}"
        limits = (r["maximum"], r["minimum"]) if kind == HELD_Q and r["maximum"] > r["minimum"] else (1.1, 0.9)
        free[0] += limits == (1.1, 0.9)
        buses.append([r["number"], max(kind, 1), r["load MW"], r["load MVAR"], r["shunt G"] * text.base,
                      r["shunt B"] * text.base, r["area"], r["final voltage"] or 1.0, r["final angle"], r["base kV"], 1,
                      *limits])  # fmt: skip
        names.append(name)
        if r["remote bus"] and kind in (HELD_V, REFERENCE) and r["remote bus"] != r["number"]:
            remote.append(name)
        if kind in (HELD_V, REFERENCE) or r["generation MW"] or r["generation MVAR"]:
            units.append(_unit(r, kind, free))
    log.fill("buses.vmin, buses.vmax", free[0], "0.9 and 1.1 p.u.", "the format states limits of buses of type 1 alone")
    log.fill("units.pmax", len(units), "twice the generation", "the format states none")
    log.fill("units.qmin, units.qmax", free[1], "± the greatest output", "the file states none")
    log.fill("units.vset", free[2], "the bus's final voltage", "the file states no desired volts")
    log.leave_out("remote voltage regulation", remote, "the unit holds its own bus at the desired volts")
    return np.array(buses), np.array(units).reshape(-1, 21), names, ["other"] * len(units)


def _unit(r: Row, kind: int, free: list[int]) -> list[float]:
    p, q, holds = r["generation MW"], r["generation MVAR"], kind in (HELD_V, REFERENCE)
    pmax = max(2 * p, 0.0)
    low, high = (r["minimum"], r["maximum"]) if holds else (0.0, 0.0)
    if low == high == 0:
        wide = max(pmax, 1.0, abs(q))
        low, high = -wide, wide
        free[1] += 1
    volts = r["desired volts"] if holds and r["desired volts"] else r["final voltage"] or 1.0
    free[2] += holds and not r["desired volts"]
    return [r["number"], p, q, high, low, volts, 100.0, 1, pmax, min(p, 0.0), *[0.0] * 11]


def _branches(text: _Text, log: ReadingLog) -> tuple[Floats, Floats]:
    """MATPOWER rows, and of each tap the least and greatest ratio and its step."""
    rows, taps = [], []
    controlled: dict[str, list[str]] = {word: [] for word in CONTROLLED.values()}
    for number, _line, r in text.rows("BRANCH DATA", BRANCH):
        kind, ratio = int(r["type"]), r["turns ratio"]
        if kind not in (0, 1, *CONTROLLED):
            raise GridError(
                f"grid file {text.path}, line {number}: branch type {kind} is none", "give a number from 0 to 4"
            )
        if ratio < 0:
            raise GridError(
                f"grid file {text.path}, line {number}: the turns ratio is {ratio:g}", "give one above zero"
            )
        rows.append([r["tap bus"], r["Z bus"], r["R"], r["X"], r["B"], r["rating 1"], r["rating 2"], r["rating 3"], ratio,
                     r["angle"], 1, -360, 360])  # fmt: skip
        if kind in CONTROLLED:
            controlled[CONTROLLED[kind]].append(f"{r['tap bus']:.0f}-{r['Z bus']:.0f}")
        low, high, step = r["least tap"], r["greatest tap"], r["step"]
        steps = kind in (2, 3) and step > 0 and 0 < low <= (ratio or 1.0) <= high > low
        taps.append((low, high, step) if steps else (ratio or 1.0, ratio or 1.0, 0.0))
    for word, names in controlled.items():
        log.leave_out(f"control of {word} by a tap", names, "the tap of the file is the start")
    return np.array(rows), np.array(taps)
