"""What BOS's own export keeps beside pandapower's columns (`bos_…`), and how it is read back.

Only what pandapower has no place for is kept, so that a value changed there is read: of a branch the split of its two-port
into ratio, shift and charging (the two-port itself is pandapower's), of a unit its class values and what it is.
"""

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from slots.grid.admittance import two_ports
from slots.grid.model import Branches, DcLinks, Units
from slots.sources.pandapower_networks.expansion import Expansion, absent

ROW = "bos_row"
# Columns of units that neither `gen` nor `sgen` has a place for; the last group has one in `storage`.
OF_UNITS = (
    "kind", "technology", "must_run", "start_cost", "min_up", "min_down", "ramp", "ramp_10min", "efficiency", "plant", "source",
    "stop_cost", "start_off", "start_share", "start_limit", "stop_limit",
)  # fmt: skip
OF_STORES = ("energy_max", "energy_initial", "charge_max")
SPLIT = ("tap", "shift", "b", "tap_low", "tap_high", "tap_step")
NO_RATING = 1e5  # MVA and more stand for none
OF_LINKS = ("to", "pmin", "pmax", "loss0", "loss1")


def plain(value: Any) -> Any:
    """A cell that JSON can hold."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _column(tables: Iterable[Any], column: str) -> list[Any]:
    return [value for t in tables for value in (t[column] if column in t else [None] * len(t))]


def restored_branches(expansion: Expansion, branches: Branches) -> Branches:
    """Branches in the order, orientation and split that they had before the export; others stay as they are."""
    kinds = sorted(expansion.rows, key=lambda k: expansion.rows[k])
    tables = [expansion.net[k] for k in kinds]
    if sum(len(t) for t in tables) != len(branches) or not any(ROW in t for t in tables):
        return branches
    flip = np.array([not absent(x) and bool(x) for x in _column(tables, "bos_flip")], dtype=bool)
    given = {
        c: np.array([np.nan if absent(x) else float(x) for x in _column(tables, f"bos_{c}")])
        for c in (*SPLIT, "rate_emergency")
    }
    reduced = np.array([not absent(x) and bool(x) for x in _column(tables, "bos_equivalent")], dtype=bool)
    split = np.flatnonzero(~np.isnan(given["tap"]))
    out = _split(branches, split, flip, given)
    most = given["rate_emergency"]
    emergency = np.where(np.isnan(most), out.rate, np.where(most < NO_RATING, np.maximum(out.rate, most), np.inf))
    out = replace(out, rate_emergency=emergency, equivalent=reduced)
    place = np.array([np.inf if absent(x) else float(x) for x in _column(tables, ROW)])
    return out.take(np.argsort(place, kind="stable"))  # type: ignore[no-any-return]


def _split(branches: Branches, rows: Any, flip: Any, given: dict[str, Any]) -> Branches:
    """The same two-ports, seen from the other end where `flip`, as ratio, shift and charging say."""
    on = replace(branches, in_service=np.ones(len(branches), bool))
    yff, yft, ytf, ytt = (y[rows] for y in two_ports(on))
    turned = flip[rows]
    yff, ytt = np.where(turned, ytt, yff), np.where(turned, yff, ytt)
    yft, ytf = np.where(turned, ytf, yft), np.where(turned, yft, ytf)
    tap, shift, b = (given[c][rows] for c in ("tap", "shift", "b"))
    ratio = tap * np.exp(1j * shift)
    ahead, back = -yft * ratio.conj(), -ytf * ratio
    end_f, end_t = yff * tap**2 - ahead - 0.5j * b, ytt - back - 0.5j * b
    z, zt = 1 / ahead, 1 / back
    new = {
        "f": np.where(turned, branches.t[rows], branches.f[rows]), "t": np.where(turned, branches.f[rows], branches.t[rows]),
        "tap": tap, "shift": shift, "b": b, "r": z.real, "x": z.imag, "r_asym": (zt - z).real, "x_asym": (zt - z).imag,
        "g_f": end_f.real, "b_f": end_f.imag, "g_t": end_t.real, "b_t": end_t.imag,
        "tap_low": given["tap_low"][rows], "tap_high": given["tap_high"][rows], "tap_step": given["tap_step"][rows],
    }  # fmt: skip
    columns = {}
    for name, values in new.items():
        column = getattr(branches, name).copy()
        column[rows] = values
        columns[name] = column
    return replace(branches, **columns)


def restored_units(units: Units, records: list[dict[str, Any]]) -> Units:
    """Units with the values that their rows keep for them."""
    mine = [k for k, r in enumerate(records) if not absent(r.get("bos_kind"))]
    if not mine:
        return units
    # pandapower solves what its slack gives; the power stated for it is that of its row.
    sent = [k for k in mine if records[k].get("slack") is True or records[k].get("slack") == 1]
    p = units.p.copy()
    p[sent] = [float(records[k]["p_mw"]) for k in sent]
    changes: dict[str, Any] = {"p": p}
    for f in fields(Units):
        name = f.name
        rows = [k for k in mine if _stated(records[k], f"bos_{name}")]
        if not rows or name not in (*OF_UNITS, *OF_STORES, "q", "vset", "pmin"):
            continue
        cells = [records[k][f"bos_{name}"] for k in rows]
        changes[name] = (
            _tiers(getattr(units, name), rows, cells)
            if name in ("start_off", "start_share")
            else _cells(getattr(units, name), rows, cells)
        )
    if "start_off" in changes and changes["start_off"].shape != changes["start_share"].shape:
        del changes["start_off"], changes["start_share"]
    return replace(units, **changes)


def _stated(record: dict[str, Any], column: str) -> bool:
    value = record.get(column)
    return isinstance(value, list | np.ndarray) or value == "" or not absent(value)


def _cells(column: Any, rows: list[int], cells: list[Any]) -> Any:
    if column.dtype.kind == "U":
        out = column.astype(object)
        out[rows] = cells
        return out.astype(np.str_)
    out = column.copy()
    out[rows] = np.array(cells, dtype=column.dtype)
    return out


def _tiers(column: Any, rows: list[int], cells: list[Any]) -> Any:
    """(unit, tier) values; rows with fewer tiers repeat their last."""
    wide = max(column.shape[1], max(len(c) for c in cells))
    out = np.pad(column, ((0, 0), (0, wide - column.shape[1])), mode="edge")
    for k, cell in zip(rows, cells, strict=True):
        out[k] = np.pad(np.asarray(cell, float), (0, wide - len(cell)), mode="edge")
    return out


def own_links(expansion: Expansion) -> tuple[DcLinks | None, list[tuple[int, complex]]]:
    """DC links that the export wrote as a load and an infeed, and what these are of the loads of nodes (row, MW + j MVAr).

    pandapower's own `dcline` holds the voltage at both ends, which a link here does not.
    """
    net = expansion.net
    ends = [
        (t, r)
        for t in ("load", "sgen")
        if "bos_link" in net[t]
        for r in net[t].to_dict("records")
        if not absent(r["bos_link"])
    ]
    if not ends:
        return None, []
    taken = [
        (int(expansion.row[int(r["bus"])]), complex(float(r["p_mw"]), 0) * (1 if t == "load" else -1))
        for t, r in ends if bool(r["in_service"])
    ]  # fmt: skip
    sent = [r for t, r in ends if t == "load"]
    number = {c: np.array([float(r[f"bos_{c}"]) for r in sent]) for c in OF_LINKS}
    links = DcLinks(
        name=np.array([str(r["bos_link"]) for r in sent], dtype=np.str_),
        f=expansion.at([int(r["bus"]) for r in sent]), t=expansion.at(number["to"].astype(int)),
        p=np.array([float(r["p_mw"]) for r in sent]), pmin=number["pmin"], pmax=number["pmax"], loss0=number["loss0"],
        loss1=number["loss1"], in_service=np.array([bool(r["in_service"]) for r in sent]),
    )  # fmt: skip
    return links, taken
