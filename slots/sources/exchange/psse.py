"""What PSS/E's files state and PowSyBl's import leaves out: ratings B, voltage limits, and kinds of equipment.

Columns are those of the PSS/E program operation manual, revisions 32, 33 and 35; a `.rawx` file names its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bos_core.objects.errors import GridError
from slots.grid.reading import ReadingLog
from slots.sources.exchange.frames import Limits

TEN_MINUTES = 600  # s that the rating after an outage may last
_OLD = ("bus", "load", "fixshunt", "generator", "acline", "transformer", "area", "twotermdc", "vscdc", "impcor", "ntermdc",
        "msline", "zone", "iatrans", "owner", "facts", "swshunt", "gne", "indmach", "sub")  # fmt: skip
_NEW = (*_OLD[:5], "sysswd", *_OLD[5:])
_COLUMNS: dict[str, dict[str, tuple[int | None, int | None, int]]] = {  # position of what is used, by revision
    "bus": {"nvhi": (None, 9, 9), "nvlo": (None, 10, 10)},
    "load": {"loadid": (1, 1, 1), "dgenp": (None, None, 14), "dgenq": (None, None, 15), "dgenm": (None, None, 16)},
    "generator": {"machid": (1, 1, 1), "rt": (11, 11, 12), "xt": (12, 12, 13)},
    "acline": {"jbus": (1, 1, 1), "ckt": (2, 2, 2), "rate1": (6, 6, 7), "rate2": (7, 7, 8), "rate3": (8, 8, 9)},
    "sysswd": {"jbus": (1, 1, 1), "ckt": (2, 2, 2), "stat": (None, None, 16)},
    "facts": {"name": (0, 0, 0), "jbus": (2, 2, 2), "mode": (3, 3, 3)},
    "swshunt": {"stat": (3, 3, 4), "binit": (9, 9, 11)},
}  # fmt: skip
_UNKNOWN = {"ntermdc": "multi-terminal DC line", "gne": "generic network element", "indmach": "induction machine"}
_WORDS = re.compile(r"'[^']*'|[^,\s]+|,")
_SIDES = ("ONE", "TWO", "THREE")

Record = dict[str, Any]


def complete(network: Any, path: Path, log: ReadingLog) -> Limits:
    """Put into a PowSyBl network what its import of a PSS/E file left out, and tell what has no place.

    Args:
        network: PowSyBl's, of the file; ratings, loads and joining lines are added.
        path: the file.
        log: the reading report.

    Returns:
        Limits of voltages, which PowSyBl has no place for.
    """
    stated = _rawx(path) if path.suffix.lower() == ".rawx" else _raw(path)
    levels = network.get_voltage_levels(all_attributes=True)
    of_bus = {number: str(key) for key in levels.index for number in str(key).split("-")[1:]}
    _ratings(network, stated)
    _distributed(network, stated.get("load", []), log)
    _joined(network, stated.get("sysswd", []), of_bus, log)
    _banks(network, stated.get("swshunt", []), levels.nominal_v, log)
    _unused(stated, log)
    return _voltage_limits(stated.get("bus", []))


def _unused(stated: dict[str, list[Record]], log: ReadingLog) -> None:
    for section, kind in _UNKNOWN.items():
        names = [str(r.get("name", r.get("ibus", ""))).strip() for r in stated.get(section, [])]
        log.leave_out(kind, names, "it has no place in the plan: what it takes or gives is missing")
    series = [str(r["name"]).strip() for r in stated.get("facts", []) if _number(r["jbus"]) and _number(r["mode"])]
    log.leave_out("FACTS device in series", series, "it has no place in the plan: its buses are not joined by it")
    step_up = [
        f"{r['ibus']} {r['machid']}" for r in stated.get("generator", []) if _number(r["rt"]) or _number(r["xt"])
    ]
    log.leave_out("step-up transformer in a machine's record", step_up, "the unit is at its bus, without RT and XT")
    third = [
        f"{r['ibus']}-{r['jbus']}" for r in stated.get("acline", []) if 0 < _number(r["rate3"]) != _number(r["rate2"])
    ]
    log.leave_out("rating C of a branch", third, "rating B is the rating after an outage")
    if stated.get("twotermdc"):
        log.warn(
            "the reactive power of line-commutated converters is PowSyBl's estimate: overlap 60°, greatest firing angle"
        )


def _voltage_limits(buses: list[Record]) -> Limits:
    """Normal limits (p.u.) by PowSyBl's id of a bus; its voltage levels can hold several buses."""
    found = {f"B{r['ibus']}": (_number(r.get("nvlo", 0)), _number(r.get("nvhi", 0))) for r in buses}
    return {key: (low, high) for key, (low, high) in found.items() if 0 < low < high}


def _bare(key: Any) -> str:
    """PowSyBl's id without the blanks that fill a circuit's."""
    return str(key).replace(" ", "")


def _ratings(network: Any, stated: dict[str, list[Record]]) -> None:
    """Rating B of lines and windings as what may flow for ten minutes."""
    limits = network.get_operational_limits(all_attributes=True).reset_index()
    lasting = limits[limits.acceptable_duration == -1]
    usual = {(_bare(r.element_id), str(r.side)): (str(r.element_id), float(r.value)) for r in lasting.itertuples()}
    rows = []
    for key, rates in _rated(stated):
        for side, (a, b) in rates.items():
            if (key, side) not in usual or not b > a > 0:
                continue
            element, amps = usual[key, side]
            for name, value, duration in (("permanent", amps, -1), ("10 min", amps * b / a, TEN_MINUTES)):
                rows.append({"element_id": element, "side": side, "name": name, "type": "CURRENT", "value": value,
                             "acceptable_duration": duration, "group_name": "DEFAULT"})  # fmt: skip
    if rows:
        network.create_operational_limits(pd.DataFrame(rows).set_index("element_id"))


def _rated(stated: dict[str, list[Record]]) -> Iterator[tuple[str, dict[str, tuple[float, float]]]]:
    """By PowSyBl's id of a branch, ratings A and B at each side that has some."""
    for r in stated.get("acline", []):
        pair = _number(r["rate1"]), _number(r["rate2"])
        yield f"L-{r['ibus']}-{r['jbus']}-{str(r['ckt']).strip()}", {"ONE": pair, "TWO": pair}
    for r in stated.get("transformer", []):
        ends = [str(r[k]) for k in ("ibus", "jbus", "kbus") if _number(r[k])]
        windings = [(_number(r.get(f"wdg{k}rate1")), _number(r.get(f"wdg{k}rate2"))) for k in range(1, len(ends) + 1)]
        if len(ends) == 2:
            windings = [windings[0]] * 2
        yield f"T-{'-'.join(ends)}-{str(r['ckt']).strip()}", dict(zip(_SIDES, windings, strict=False))


def _distributed(network: Any, loads: list[Record], log: ReadingLog) -> None:
    """Generation behind a load's meter."""
    known = network.get_loads()
    ids_of = {_bare(k): str(k) for k in known.index}
    on = [r for r in loads if _number(r.get("dgenm", 0)) == 1 and (_number(r["dgenp"]) or _number(r["dgenq"]))]
    keys = [f"B{r['ibus']}-L{str(r['loadid']).strip()}" for r in on]
    met = [(ids_of[k], r) for k, r in zip(keys, on, strict=True) if k in ids_of]
    if not met:
        return
    ids = [k for k, _ in met]
    network.update_loads(id=ids, p0=[known.p0[k] - _number(r["dgenp"]) for k, r in met],
                         q0=[known.q0[k] - _number(r["dgenq"]) for k, r in met])  # fmt: skip
    log.warn(
        f"{len(met)} loads have generation behind their meter, the first is {ids[0]}: what is left of them is the load"
    )


def _joined(network: Any, devices: list[Record], of_bus: dict[str, str], log: ReadingLog) -> None:
    """Closed switching devices between buses join them."""
    log.read("system switching device", len(devices))
    opened = []
    for r in devices:
        key, ends = f"{r['ibus']}-{r['jbus']}-{str(r['ckt']).strip()}", [str(r["ibus"]), str(r["jbus"])]
        buses = network.get_bus_breaker_view_buses().index
        if _number(r["stat"]) != 1 or any(e not in of_bus or f"B{e}" not in buses for e in ends):
            opened.append(key)
            continue
        network.create_lines(id=f"switch {key}", voltage_level1_id=of_bus[ends[0]], bus1_id=f"B{ends[0]}",
                             voltage_level2_id=of_bus[ends[1]], bus2_id=f"B{ends[1]}", r=0.0, x=0.0, g1=0.0, b1=0.0,
                             g2=0.0, b2=0.0)  # fmt: skip
    log.leave_out("system switching device", opened, "open, or between buses that are not there")


def _banks(network: Any, shunts: list[Record], kv: Any, log: ReadingLog) -> None:
    """Switched shunts whose state none of their blocks gives; PowSyBl takes the nearest."""
    now = network.get_shunt_compensators(all_attributes=True)
    given: dict[str, float] = {}
    for key, r in now[[str(k).find("-SwSH") >= 0 for k in now.index]].iterrows():
        bus = str(key)[1:].split("-")[0]
        given[bus] = given.get(bus, 0.0) + r.b * kv[r.voltage_level_id] ** 2
    stated: dict[str, float] = {}
    for r in shunts:
        bus = str(r["ibus"])
        stated[bus] = stated.get(bus, 0.0) + _number(r["binit"])
    off = [bus for bus, b in stated.items() if bus in given and abs(b - given[bus]) > 1e-6 * max(1.0, abs(b))]
    log.leave_out("BINIT of a switched shunt", off, "no blocks of it give that: the nearest step is the start")


def _rawx(path: Path) -> dict[str, list[Record]]:
    try:
        held = json.loads(path.read_text(encoding="utf-8-sig", errors="replace")).get("network", {})
    except json.JSONDecodeError as error:
        raise GridError(f"grid file {path}, line {error.lineno}: {error.msg}", "give the whole file") from None
    out = {}
    for section, table in held.items():
        rows = table.get("data", [])
        if rows and isinstance(rows[0], list):
            out[section] = [dict(zip(table["fields"], r, strict=False)) for r in rows]
            for r in out[section]:
                r.update({k: 0 for k in _needed(section) if k not in r})
    return out


def _needed(section: str) -> list[str]:
    if section == "transformer":
        return ["kbus", *(f"wdg{k}rate{n}" for k in (1, 2, 3) for n in (1, 2))]
    return list(_COLUMNS.get(section, {}))


def _raw(path: Path) -> dict[str, list[Record]]:
    lines = [_words(line) for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    revision = int(_number(lines[0][2])) if lines and len(lines[0]) > 2 else 33
    column = 2 if revision >= 35 else 1 if revision >= 33 else 0
    order = iter(_NEW if column == 2 else _OLD)
    out: dict[str, list[Record]] = {}
    section = "system-wide" if column == 2 else next(order)
    records: list[list[str]] = []
    for words in lines[3:]:
        if (words and words[0] in ("0", "Q")) or words == []:
            if words:
                out[section] = _records(section, records, column)
                records, section = [], next(order, "")
            continue
        records.append(words)
    if records and section:
        raise GridError(f"grid file {path} ends before its data do: no 0 ends its last list", "get the whole file")
    return out


def _words(line: str) -> list[str]:
    """The values of a line, parted by a comma or blanks; two commas hold an empty one, a slash begins a comment."""
    out: list[str] = []
    empty = True
    for word in _WORDS.findall(line):
        if word.startswith("/"):
            break
        if word != ",":
            out.append(word.strip("'").strip())
        elif empty:
            out.append("")
        empty = word == ","
    return out


def _records(section: str, rows: list[list[str]], column: int) -> list[Record]:
    if section == "transformer":
        return list(_transformers(rows))
    if section in ("ntermdc", "gne", "indmach"):
        return [{"name": r[0]} for r in rows if not _is_number(r[0]) or section == "indmach"]
    used = _COLUMNS.get(section, {})
    out: list[Record] = []
    for r in rows:
        record: Record = {"ibus": r[0]}
        for name, at in used.items():
            k = at[column]
            record[name] = r[k] if k is not None and k < len(r) else 0
        out.append(record)
    return out


def _transformers(rows: list[list[str]]) -> Iterator[Record]:
    """Records of four lines, or five with three windings."""
    k = 0
    while k < len(rows):
        head = [*rows[k], *[""] * 4]
        three = len(head) > 2 and _number(head[2]) != 0
        record: Record = {"ibus": head[0], "jbus": head[1], "kbus": head[2] if three else 0, "ckt": head[3]}
        for w, line in enumerate(rows[k + 2 : k + (5 if three else 3)], 1):
            record |= {f"wdg{w}rate{n}": line[2 + n] if len(line) > 2 + n else 0 for n in (1, 2)}
        yield record
        k += 5 if three else 4


def _number(text: Any) -> float:
    return float(text) if _is_number(text) else 0.0


def _is_number(text: Any) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except (TypeError, ValueError):
        return False
