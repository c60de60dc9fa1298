"""Which elements of a pandapower network are units, and what each kind is taken for.

- `ext_grid`: a unit that is always on (a connection is never stopped) between its stated limits. Without limits it can give
  one and a half times the network's load, and take what units that cannot be curtailed may give.
- `gen`: a unit of its class; `controllable` False: always on, at its stated power.
- `sgen`: `controllable` True: a unit of its class. Else one that is scheduled beforehand and cannot be curtailed (weather
  decides where its type says so); one that takes power is a load.
- `storage`: a store where `max_e_mwh` is stated and `controllable` is not False, else a load on its stated power.
- `xward`, `dcline`: units without active power hold the ward's inner voltage and the voltage at both ends of the line.

Static generators hold no voltage in pandapower; those with a reactive range may in the chain, at the solved voltage.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from slots.grid.model import CONDENSER, STORAGE, THERMAL, VARIABLE
from slots.sources.pandapower_networks.expansion import Expansion, absent
from slots.sources.pandapower_networks.own import ROW
from slots.sources.unit_classes import UnitClass, unit_classes

NONE = float("nan")
UNLIMITED = 1e6  # MW, MVAr: pandapower's converters state 1e9 where a case has no limit
FUELS = {
    "wp": "wind", "wind": "wind", "pv": "solar", "solar": "solar", "hydro": "hydro", "water": "hydro", "run": "hydro",
    "nuc": "nuclear", "coal": "coal", "hard": "coal", "lignite": "coal", "ng": "gas", "gas": "gas", "oil": "oil",
}  # fmt: skip


def _given(fuel: str, technology: str, kind: str, always: bool, source: str) -> UnitClass:
    return UnitClass("", "", "", "", "", fuel, technology, kind, float(always), float(always), "", "", always, source)


EXTERNAL = _given("grid", "external grid", THERMAL, True, "class value: a connection is always on")
SOURCE = _given("none", "voltage source", CONDENSER, False, "a device of the network that holds a voltage")
BEFOREHAND = _given("other", "scheduled beforehand", VARIABLE, False, "not controllable in the network")
STORE = _given("storage", "battery", STORAGE, False, "table storage of the network")


@dataclass(frozen=True)
class Element:
    """An element that is a unit.

    Attributes:
        table, index: where it stands, for its costs.
        name: its own name, or what it is called for want of one.
        row: row of the expansion's nodes.
        p, q: MW and MVAr given in pandapower's power flow; `taken` (MW + j MVAr): its part of the node's load there.
        pmin, pmax, qmin, qmax: limits as stated; NaN for none.
        vset: p.u.; NaN: that of the solution.
        on: in service, at a live bus.
        holds: whether it holds its node's voltage in pandapower.
        unit: its class.
        energy, initial, charge: MWh and MW of a store.
        record: the row of the table.
    """

    table: str
    index: int
    name: str
    row: int
    p: float
    q: float
    pmin: float
    pmax: float
    qmin: float
    qmax: float
    vset: float
    on: bool
    holds: bool
    unit: UnitClass
    taken: complex = 0j
    energy: float = 0.0
    initial: float = 0.0
    charge: float = 0.0
    record: Any = None


def elements(expansion: Expansion) -> list[Element]:
    """All units of a network, in the order of pandapower's own tables."""
    net = expansion.net
    out = [f(expansion, k, r) for t, f in _READERS.items() for k, r in _records(net[t]) if absent(r.get("bos_link"))]
    found = [e for e in out if e is not None] + [e for k, r in _records(net.dcline) for e in _ends(expansion, k, r)]
    return sorted(found, key=lambda e: number(e.record, ROW, np.inf))  # as they were before an export


def fuel(label: str) -> str:
    """The fuel that a type names; the type itself where it names none that is known."""
    low = label.lower()
    return next((f for start, f in FUELS.items() if low.startswith(start)), low)


@cache
def _class(label: str, pmax: float, pmin: float) -> UnitClass:
    found = next(c for c in _classes() if c.fits("", label, -1, pmax, pmin))
    return replace(found, kind=VARIABLE) if found.kind == STORAGE else found


@cache
def _classes() -> tuple[UnitClass, ...]:
    return unit_classes()


def _records(table: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    return zip(table.index.tolist(), table.to_dict("records"), strict=True)


def number(record: dict[str, Any], column: str, default: float = NONE) -> float:
    """A number of a row; `default` where it states none."""
    value: Any = record.get(column)
    return default if absent(value) else float(value)


def _limit(record: dict[str, Any], column: str) -> float:
    value = number(record, column)
    return value if abs(value) < UNLIMITED else NONE


def _flag(record: dict[str, Any], column: str, default: bool) -> bool:
    value = record.get(column)
    return default if absent(value) else bool(value)


def _text(record: dict[str, Any], column: str, default: str = "") -> str:
    value = record.get(column)
    return default if absent(value) else str(value).strip() or default


def _place(e: Expansion, table: str, index: int, r: dict[str, Any]) -> dict[str, Any]:
    row = int(e.row[int(r["bus"])])
    on = _flag(r, "in_service", True) and bool(e.live[row])
    return {
        "table": table,
        "index": index,
        "name": _text(r, "name", f"{table} {index}"),
        "row": row,
        "on": on,
        "record": r,
    }


def _reactive(r: dict[str, Any]) -> dict[str, Any]:
    return {"qmin": _limit(r, "min_q_mvar"), "qmax": _limit(r, "max_q_mvar")}


def _result(table: Any, index: int, column: str, default: float) -> float:
    value = float(table[column].get(index, NONE)) if len(table) else NONE
    return value if np.isfinite(value) else default


def _external(e: Expansion, k: int, r: dict[str, Any]) -> Element:
    place = _place(e, "ext_grid", k, r)
    p, q = (_result(e.net.res_ext_grid, k, c, 0.0) if place["on"] else 0.0 for c in ("p_mw", "q_mvar"))
    return Element(
        **place, p=p, q=q, pmin=_limit(r, "min_p_mw"), pmax=_limit(r, "max_p_mw"), **_reactive(r),
        vset=number(r, "vm_pu", 1.0), holds=True, unit=EXTERNAL,
    )  # fmt: skip


def _generator(e: Expansion, k: int, r: dict[str, Any]) -> Element:
    place, stated = _place(e, "gen", k, r), number(r, "p_mw", 0.0) * number(r, "scaling", 1.0)
    p = _result(e.net.res_gen, k, "p_mw", stated) if place["on"] else stated
    q = _result(e.net.res_gen, k, "q_mvar", 0.0) if place["on"] else number(r, "bos_q", 0.0)
    pmin, pmax = _limit(r, "min_p_mw"), _limit(r, "max_p_mw")
    if _own(r):
        return _as_kept(
            Element(**place, p=p, q=q, **_stated(r), vset=number(r, "vm_pu", 1.0), holds=True, unit=BEFOREHAND)
        )
    fixed = not _flag(r, "controllable", True) and not _flag(r, "slack", False)
    if fixed:
        pmin = pmax = stated
    unit = _class(fuel(_text(r, "type")), capacity(pmax, p, r), 0.0 if np.isnan(pmin) else pmin)
    return Element(
        **place, p=p, q=q, pmin=pmin, pmax=pmax, **_reactive(r), vset=number(r, "vm_pu", 1.0), holds=True,
        unit=replace(unit, must_run=True) if fixed else unit,
    )  # fmt: skip


def capacity(pmax: float, p: float, record: dict[str, Any]) -> float:
    """The stated maximum (MW); without one the rated power, or twice the output (1 MW of none), no less than the output."""
    if not np.isnan(pmax):
        return pmax
    rated = _limit(record, "sn_mva")
    return max(p, rated if rated > 0 else 2 * abs(p) or 1.0)


def _static(e: Expansion, k: int, r: dict[str, Any]) -> Element | None:
    place, scaling = _place(e, "sgen", k, r), number(r, "scaling", 1.0)
    p, q = number(r, "p_mw", 0.0) * scaling, number(r, "q_mvar", 0.0) * scaling
    taken = -complex(p, q) if place["on"] else 0j
    if _own(r):
        return _as_kept(Element(**place, p=p, q=q, **_stated(r), vset=NONE, holds=False, unit=BEFOREHAND, taken=taken))
    free, label = _flag(r, "controllable", False), fuel(_text(r, "type"))
    if p < 0 and not free:
        return None
    limits, pmin, pmax = _reactive(r), _limit(r, "min_p_mw"), _limit(r, "max_p_mw")
    if not free or np.isnan(limits["qmin"]) or np.isnan(limits["qmax"]):
        limits = {"qmin": q, "qmax": q}
    if free:
        unit = _class(label, capacity(pmax, p, r), 0.0 if np.isnan(pmin) else pmin)
    else:
        unit = _class(label, 1.0, 0.0)
        weather = unit.kind == VARIABLE
        pmin, pmax = 0.0, (max(p, capacity(pmax, p, r)) if weather else p)
        unit = replace(unit if weather else replace(BEFOREHAND, fuel=label or "other"), must_run=True)
    return Element(**place, p=p, q=q, pmin=pmin, pmax=pmax, **limits, vset=NONE, holds=False, unit=unit, taken=taken)


def _own(r: dict[str, Any]) -> bool:
    """Whether BOS wrote a row."""
    return not absent(r.get("bos_kind"))


def _stated(r: dict[str, Any]) -> dict[str, Any]:
    """Limits of a row that BOS wrote: all are meant."""
    return {
        "pmin": number(r, "min_p_mw"),
        "pmax": number(r, "max_p_mw"),
        "qmin": number(r, "min_q_mvar"),
        "qmax": number(r, "max_q_mvar"),
    }


def _as_kept(e: Element) -> Element:
    """A unit that BOS wrote, of the kind that it was."""
    return replace(e, unit=replace(BEFOREHAND, kind=str(e.record["bos_kind"]), fuel=_text(e.record, "type")))


def _store(e: Expansion, k: int, r: dict[str, Any]) -> Element | None:
    top, least = number(r, "max_e_mwh", 0.0), number(r, "min_e_mwh", 0.0)
    if not (0 < top - least < np.inf) or not _flag(r, "controllable", True):
        return None
    place, scaling = _place(e, "storage", k, r), number(r, "scaling", 1.0)
    p, q = -number(r, "p_mw", 0.0) * scaling, -number(r, "q_mvar", 0.0) * scaling
    initial = number(r, "soc_percent", 50.0) / 100 * top - least
    return Element(
        **place, p=p, q=q, pmin=0.0, pmax=-_limit(r, "min_p_mw"), qmin=q, qmax=q, vset=NONE, holds=False,
        unit=STORE, taken=-complex(p, q) if place["on"] else 0j, energy=top - least,
        initial=float(np.clip(initial, 0.0, top - least)), charge=_limit(r, "max_p_mw"),
    )  # fmt: skip


def _ward(e: Expansion, k: int, r: dict[str, Any]) -> Element:
    from pandapower.pypower.idx_brch import QT

    place, which = _place(e, "xward", k, r), int(e.net.xward.index.get_loc(k))
    inner = {"row": int(e.source[which]), "name": f"source of {place['name']}"}
    q = float(e.branch[e.rows["xward"][0] + which, QT]) if place["on"] else 0.0  # what enters the ward's own branch
    return Element(
        **{**place, **inner}, p=0.0, q=q, pmin=0.0, pmax=0.0, qmin=NONE, qmax=NONE,
        vset=number(r, "vm_pu", 1.0), holds=True, unit=SOURCE,
    )  # fmt: skip


def _ends(e: Expansion, k: int, r: dict[str, Any]) -> Iterator[Element]:
    """The two converters of a DC line, without their active power, which is the link's."""
    for end in ("from", "to"):
        place = _place(e, "dcline", k, {**r, "bus": r[f"{end}_bus"]})
        name = f"{_text(r, 'name', f'dcline {k}')} {end} end"
        q = -_result(e.net.res_dcline, k, f"q_{end}_mvar", 0.0) if place["on"] else 0.0
        yield Element(
            **{**place, "name": name}, p=0.0, q=q, pmin=0.0, pmax=0.0, qmin=_limit(r, f"min_q_{end}_mvar"),
            qmax=_limit(r, f"max_q_{end}_mvar"), vset=number(r, f"vm_{end}_pu", 1.0), holds=True, unit=SOURCE,
        )  # fmt: skip


_READERS = {"ext_grid": _external, "gen": _generator, "sgen": _static, "storage": _store, "xward": _ward}
