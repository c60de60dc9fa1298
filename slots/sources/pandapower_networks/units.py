"""The table of units of a pandapower network: stated values, then class values and rules for what is not stated, all told."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from slots.grid.model import THERMAL, VARIABLE, Bools, Floats, Units, plain_starts
from slots.grid.reading import ReadingLog
from slots.sources.costs import SEGMENTS, UNSTATED_TOLD, Curve, share_used, table, unstated
from slots.sources.pandapower_networks.costs import Costs
from slots.sources.pandapower_networks.elements import STORE, Element, capacity
from slots.sources.pandapower_networks.expansion import Expansion, absent
from slots.sources.pandapower_networks.nodes import Nodes

CAPACITY_OF_LOAD = 1.5  # capacity of an external grid without a limit, over the network's load
ROOM = 1.5  # reactive range of a unit without one, over what it gives in the network's own power flow
HOURS_OF_STORE = 4.0  # energy over power of a store without a limit of power
NO_GAP = 1e-6  # USD/h


def units(expansion: Expansion, at: Nodes, found: list[Element], costs: Costs, log: ReadingLog) -> Units:
    """The table of units, in the order of `found`."""
    found = _limited(expansion, found, log)
    n = len(found)
    column = _columns(found)
    kind = np.array([e.unit.kind for e in found], dtype=np.str_)
    pmax = column(lambda e: e.pmax)
    ramp = np.maximum(np.maximum(pmax, column(lambda e: e.charge)), 1.0)
    start = np.array(
        [float(e.unit.start_usd_per_mw or 0) * max(e.pmax, 0.0) * (kind[k] == THERMAL) for k, e in enumerate(found)]
    )
    mw, usd = _curves(found, costs, log)
    classed = sum(e.unit.kind == THERMAL and absent(e.record.get("bos_kind")) for e in found)
    log.fill(
        "units.min_up, units.min_down, units.start_cost",
        classed,
        "class values",
        "unit_classes.csv; each unit names its source",
    )
    log.fill(
        "units.ramp",
        sum(absent(e.record.get("bos_kind")) for e in found),
        "the whole range in an hour",
        "pandapower networks state no ramps",
    )
    log.fill("units.efficiency", sum(e.unit is STORE for e in found), "100 %", "pandapower's stores have no losses")
    vset = column(lambda e: e.vset)
    row = np.array([e.row for e in found], dtype=np.int64)
    bus = at.position[row]
    return Units(
        name=np.array(_names(found), dtype=np.str_), bus=bus, kind=kind, fuel=_texts(found, lambda e: e.unit.fuel),
        technology=_texts(found, lambda e: e.unit.technology), p=column(lambda e: e.p), q=column(lambda e: e.q),
        pmin=column(lambda e: e.pmin), pmax=pmax, qmin=column(lambda e: e.qmin), qmax=column(lambda e: e.qmax),
        vset=np.where(np.isnan(vset), _solved(expansion, row), vset), in_service=_flags(found, lambda e: e.on),
        must_run=_flags(found, lambda e: e.unit.must_run), start_cost=start, min_up=column(lambda e: e.unit.min_up),
        min_down=column(lambda e: e.unit.min_down), ramp=ramp, ramp_10min=np.minimum(ramp / 6, np.maximum(pmax, 0.0)),
        cost_mw=mw, cost_usd=usd, energy_max=column(lambda e: e.energy), energy_initial=column(lambda e: e.initial),
        charge_max=column(lambda e: e.charge), efficiency=np.ones(n), plant=np.full(n, ""),
        source=_texts(found, lambda e: e.unit.source), **plain_starts(n),
    )  # fmt: skip


def holders(found: list[Element]) -> Bools:
    """(unit,) whether each can hold a voltage in pandapower."""
    return _flags(found, lambda e: e.holds)


def _columns(found: list[Element]) -> Callable[[Callable[[Element], float]], Floats]:
    return lambda of: np.array([of(e) for e in found], dtype=float)


def _flags(found: list[Element], of: Callable[[Element], bool]) -> Bools:
    return np.array([of(e) for e in found], dtype=bool)


def _texts(found: list[Element], of: Callable[[Element], str]) -> Any:
    return np.array([of(e) for e in found], dtype=np.str_)


def _solved(expansion: Expansion, row: Any) -> Floats:
    from pandapower.pypower.idx_bus import VM

    v = expansion.bus[row, VM]
    return np.where(np.isfinite(v) & (v > 0), v, 1.0)


def _names(found: list[Element]) -> list[str]:
    """(unit,) names; those that several units have are followed by table and index."""
    count: dict[str, int] = {}
    for e in found:
        count[e.name] = count.get(e.name, 0) + 1
    return [e.name if count[e.name] == 1 else f"{e.name} ({e.table} {e.index})" for e in found]


def _limited(expansion: Expansion, found: list[Element], log: ReadingLog) -> list[Element]:
    """The elements with limits where they state none; what was filled is told by table."""
    load, surplus = _demand(expansion, found)
    what: dict[tuple[str, str, str, str], int] = {}
    out = []
    for e in found:
        filled = _filled(e, load, surplus)
        for column in filled:
            key = (f"units.{column}", *_rule(e.table, column), e.table)
            what[key] = what.get(key, 0) + 1
        out.append(replace(e, **filled))
    for (column, value, why, kind), count in what.items():
        log.fill(column, count, value.format(load=load, surplus=surplus), f"{kind}: {why}")
    return out


def _rule(table: str, column: str) -> tuple[str, str]:
    if column[0] == "q":
        most = f"the larger of its active power and {ROOM} times what it gives in the network's power flow, both ways"
        return most, "no reactive limit stated"
    return _RULES[table if table in ("ext_grid", "storage") else "", column]


_RULES = {
    ("ext_grid", "pmax"): (f"{CAPACITY_OF_LOAD} times the network's load of {{load:.6g}} MW", "no max_p_mw stated"),
    ("ext_grid", "pmin"): ("takes the {surplus:.6g} MW that cannot be curtailed", "no min_p_mw stated"),
    ("", "pmax"): ("rated power, or twice the output", "no max_p_mw stated"),
    ("", "pmin"): ("0 MW, or the output where that is below", "no min_p_mw stated"),
    ("storage", "pmax"): ("rated power, or the energy in four hours", "no min_p_mw stated"),
    ("storage", "charge"): ("rated power, or the energy in four hours", "no max_p_mw stated"),
}


def _filled(e: Element, load: float, surplus: float) -> dict[str, Any]:
    """Limits that an element does not state, by rule."""
    out: dict[str, Any] = {}
    if e.table == "ext_grid":
        if np.isnan(e.pmax):
            out["pmax"] = max(CAPACITY_OF_LOAD * load, CAPACITY_OF_LOAD * e.p, 0.0)
        if np.isnan(e.pmin):
            out["pmin"] = min(-surplus, CAPACITY_OF_LOAD * min(e.p, 0.0)) + 0.0
    elif e.table == "storage":
        power = max(abs(e.p), capacity(np.nan, e.energy / HOURS_OF_STORE / 2, e.record))  # twice that, or rated
        out |= {c: power for c, v in (("pmax", e.pmax), ("charge", e.charge)) if np.isnan(v)}
    else:
        out |= {"pmax": capacity(e.pmax, e.p, e.record)} if np.isnan(e.pmax) else {}
        out |= {"pmin": min(e.p, 0.0)} if np.isnan(e.pmin) else {}
    if (
        "pmax" in out and e.pmin > out["pmax"]
    ):  # a stated minimum needs a maximum that is no less, and the other way round
        out["pmax"] = e.pmin
    if "pmin" in out and e.pmax < out["pmin"]:
        out["pmin"] = e.pmax
    most = max(out.get("pmax", e.pmax), ROOM * abs(e.q), 1.0)
    return out | {c: s * most for c, v, s in (("qmin", e.qmin, -1.0), ("qmax", e.qmax, 1.0)) if np.isnan(v)}


def _demand(expansion: Expansion, found: list[Element]) -> tuple[float, float]:
    """MW of load at live nodes in pandapower's power flow, and of units that cannot be curtailed."""
    from pandapower.pypower.idx_bus import GS, PD

    load = expansion.bus[:, PD].copy()
    for e in found:
        load[e.row] -= e.taken.real
    load += expansion.bus[:, GS]
    surplus = sum(e.pmax for e in found if e.on and e.unit.kind == VARIABLE and e.unit.must_run)
    return float(np.maximum(load, 0.0)[expansion.live].sum()), float(surplus)


def _curves(found: list[Element], costs: Costs, log: ReadingLog) -> tuple[Floats, Floats]:
    """Cost curves; a unit without a stated cost has a price that rises about its output, one that weather decides or that gives none, none."""
    share = share_used(sum(max(e.p, 0.0) for e in found if e.on), np.array([e.pmax for e in found]))
    curves: list[Curve] = []
    bare, free, bent = 0, 0, []
    for e in found:
        stated = costs.curve((e.table, e.index), e.pmin, e.pmax, share) if e.pmax >= e.pmin else None
        if stated is not None:
            curves.append(Curve(*stated))
            gap = stated[2]
            bent += [(e.name, gap)] if gap > NO_GAP * max(1.0, float(np.abs(stated[1]).max())) else []
            continue
        priced = e.unit.kind == THERMAL
        bare, free = bare + priced, free + (e.unit.kind == VARIABLE)
        high = max(e.pmax, e.pmin)
        curves.append(unstated(e.p, e.pmin, high) if priced else Curve(np.array([e.pmin, high]), np.zeros(2)))
    mw, usd = table(curves)
    log.fill(
        "units.cost_usd",
        bare,
        UNSTATED_TOLD,
        "the network states no cost of them; what an external grid takes earns nothing",
    )
    log.fill("units.cost_usd", free, "0 USD/MWh", "the network states no cost of what weather or a schedule decides")
    if bent:
        worst = max(bent, key=lambda b: b[1])
        log.warn(
            f"{len(bent)} costs are not convex or have more pieces than {SEGMENTS}: replaced by convex curves, at most {worst[1]:.6g} USD/h away ({worst[0]})"
        )
    points = 2 + max(np.flatnonzero((np.diff(mw, axis=1) > 0).any(axis=0)), default=0)  # the most that a curve has
    return mw[:, :points], usd[:, :points]
