"""What PowerFactory's DGS files state and PowSyBl's import leaves out: ratings, scaling, parallel machines and transformers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from slots.grid.reading import ReadingLog

_READ = {"ElmNet", "ElmSubstat", "ElmTrfstat", "ElmTerm", "ElmCoup", "ElmSym", "ElmAsm", "ElmGenstat", "ElmXnet", "ElmLod",
         "ElmLodmv", "ElmShnt", "ElmLne", "ElmTow", "ElmTr2", "ElmTr3", "ElmZpu", "ElmVsc", "ElmGndswt"}  # fmt: skip
_NO_POWER = {"ElmArea", "ElmBmu", "ElmBoundary", "ElmBranch", "ElmComp", "ElmDcubi", "ElmDsl", "ElmFile", "ElmRelay", "ElmSite",
             "ElmPhi__pll", "ElmSecctrl", "ElmStactrl", "ElmTapctrl", "ElmValve", "ElmZone"}  # fmt: skip
_MACHINES = ("ElmSym", "ElmAsm", "ElmGenstat")

Record = dict[str, str]


def complete(network: Any, path: Path, log: ReadingLog) -> None:
    """Put into a PowSyBl network what its import of a DGS file left out, and tell what has no place.

    Args:
        network: PowSyBl's, of the file; limits are added, loads, machines and transformers scaled.
        path: the file.
        log: the reading report.
    """
    stated = _tables(path)
    types = {r["ID"]: r for kind, rows in stated.items() if kind.startswith("Typ") for r in rows}
    _ratings(network, stated["ElmLne"], types)
    _scaled_loads(network, stated["ElmLod"], log)
    _parallel_machines(network, [r for kind in _MACHINES for r in stated[kind]], log)
    _parallel_transformers(network, stated, log)
    _unused(stated, types, log)


def _unused(stated: dict[str, list[Record]], types: dict[str, Record], log: ReadingLog) -> None:
    for kind, rows in stated.items():
        if kind.startswith("Elm") and kind not in _READ | _NO_POWER:
            log.leave_out(kind, [r.get("loc_name", "") for r in rows], "PowSyBl knows no such element: it is missing")
    quadrature = [r["loc_name"] for r in stated["ElmTr2"] if (t := types.get(r["typ_id"]))
                  and number(t, "dutap") and number(t, "phitr") and number(r, "nntap") != number(t, "nntap0")]  # fmt: skip
    log.leave_out(
        "phase of a tap's additional voltage", quadrature, "PowSyBl turns the voltage by it at each step instead"
    )
    uneven = [r["loc_name"] for r in stated["ElmZpu"] for k in ("r_pu", "x_pu")
              if number(r, f"{k}_ji", number(r, k)) != number(r, k)]  # fmt: skip
    log.leave_out(
        "impedance that differs by end", list(dict.fromkeys(uneven)), "the mean of both counts from either end"
    )
    modelled = [r["loc_name"] for r in stated["ElmLod"] if r.get("typ_id") in types]
    log.leave_out("voltage model of a load", modelled, "loads are constant power, as in OpenLoadFlow's default")


def _ratings(network: Any, lines: list[Record], types: dict[str, Record]) -> None:
    """Rated currents of lines: that of the type, times derating and parallel lines."""
    rows = []
    for r in _there(lines, network.get_lines().index):
        amps = (
            1000
            * number(types.get(r.get("typ_id", ""), {}), "sline")
            * number(r, "fline", 1.0)
            * max(number(r, "nlnum", 1.0), 1.0)
        )
        rows += [{"element_id": r["loc_name"], "side": side, "name": "permanent", "type": "CURRENT", "value": amps,
                  "acceptable_duration": -1, "group_name": "DEFAULT"} for side in ("ONE", "TWO") if amps > 0]  # fmt: skip
    if rows:
        network.create_operational_limits(pd.DataFrame(rows).set_index("element_id"))
        ids = list(dict.fromkeys(r["element_id"] for r in rows))
        network.update_branches(id=ids, **{f"selected_limits_group_{k}": ["DEFAULT"] * len(ids) for k in (1, 2)})


def _scaled_loads(network: Any, loads: list[Record], log: ReadingLog) -> None:
    known = network.get_loads()
    scaled = [r for r in _there(loads, known.index) if number(r, "scale0", 1.0) != 1]
    if scaled:
        ids, factor = [r["loc_name"] for r in scaled], [number(r, "scale0", 1.0) for r in scaled]
        network.update_loads(id=ids, p0=known.p0[ids] * factor, q0=known.q0[ids] * factor)
        log.warn(f"{len(ids)} loads are scaled (scale0), the first is {ids[0]}")


def _parallel_machines(network: Any, machines: list[Record], log: ReadingLog) -> None:
    """What is stated of one of several equal machines, for all of them."""
    known = network.get_generators(all_attributes=True)
    several = [r for r in _there(machines, known.index) if number(r, "ngnum", 1.0) > 1]
    for r in several:
        key, n = r["loc_name"], number(r, "ngnum", 1.0)
        g = known.loc[key]
        network.update_generators(id=key, target_p=n * g.target_p, target_q=n * g.target_q, max_p=max(n * g.max_p, g.max_p),
                                  min_p=min(n * g.min_p, g.min_p) if g.min_p < 0 else n * g.min_p)  # fmt: skip
        if g.reactive_limits_kind == "MIN_MAX" and abs(g.min_q) < 1e30:
            network.create_minmax_reactive_limits(id=key, min_q=n * g.min_q, max_q=n * g.max_q)
    if several:
        log.warn(f"{len(several)} units are several equal machines (ngnum), the first is {several[0]['loc_name']}")


def _parallel_transformers(network: Any, stated: dict[str, list[Record]], log: ReadingLog) -> None:
    """Several equal transformers as one of a part of the impedance and several times the shunt."""
    names = []
    for kind, column, table, legs in (("ElmTr2", "ntnum", "2_windings_transformers", ("",)),
                                      ("ElmTr3", "nt3nm", "3_windings_transformers", ("1", "2", "3"))):  # fmt: skip
        known = getattr(network, f"get_{table}")(all_attributes=True)
        for r in _there(stated[kind], known.index):
            n, key = number(r, column, 1.0), r["loc_name"]
            if n > 1:
                own = known.loc[key]
                new = {f"{k}{leg}": own[f"{k}{leg}"] * (n if k in "gb" else 1 / n) for k in "rxgb" for leg in legs}
                getattr(network, f"update_{table}")(id=key, **new)
                names.append(key)
    if names:
        log.warn(f"{len(names)} transformers are several equal ones (ntnum), the first is {names[0]}")


def _there(rows: list[Record], known: Any) -> Iterator[Record]:
    """Rows of elements that PowSyBl made, by their names, where these are unique."""
    count: dict[str, int] = defaultdict(int)
    for r in rows:
        count[r["loc_name"]] += 1
    return (r for r in rows if r["loc_name"] in known and count[r["loc_name"]] == 1)


def number(row: Record, column: str, otherwise: float = 0.0) -> float:
    """A value of a row, whose decimals may follow a comma."""
    try:
        return float(row.get(column, "").replace(",", "."))
    except ValueError:
        return otherwise


def _tables(path: Path) -> dict[str, list[Record]]:
    """Rows by class; values as text."""
    out: dict[str, list[Record]] = defaultdict(list)
    kind, columns = "", [""]
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = [w.strip().strip('"') for w in line.strip().split(";")]
        if line.startswith("$$"):
            kind, columns = words[0].removeprefix("$$"), [w.split("(")[0] for w in words[1:]]
        elif kind and len(words) > 1 and not line.startswith("*"):
            out[kind].append(dict(zip(columns, words, strict=False)))
    return out
