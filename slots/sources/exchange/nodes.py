"""Buses of the main synchronous area, what two-ports have inside, and which of them no impedance parts."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from slots.sources.exchange.frames import Frames, called, rows
from slots.sources.exchange.tables import BASE_MVA, Node, Tables
from slots.sources.exchange.two_ports import TwoPort, boundary, star

SMALLEST_Z = 1e-8  # p.u. of the t side; two-ports below it join their nodes, as in OpenLoadFlow
LOOSE = (0.0, 2.0)  # p.u.; nobody is connected to an open end or to the middle of a transformer


def add_network(frames: Frames, tables: Tables, twos: list[TwoPort]) -> None:
    """All nodes and branches of the main synchronous area."""
    nodes = _buses(frames, tables)
    nodes |= _inner(frames, nodes, twos)
    kept = _kept(tables, nodes, twos)
    roots = _joined(tables, nodes, kept)
    for key, node in nodes.items():
        if roots[key][0] == key:
            tables.add_node(key, node)
    for key, (root, factor) in roots.items():
        if root != key:
            tables.merge(key, root, factor, nodes[key])
    for two in kept:
        _add(tables, two)


def _add(tables: Tables, two: TwoPort) -> None:
    """A two-port; what joins its nodes leaves its shunts, what is open at an end gets a node there."""
    opened = [k for k, key in enumerate(two.ends) if key not in tables.at]
    if abs(two.z) < SMALLEST_Z * two.kv[1] ** 2 / BASE_MVA:
        if two.shunts == (0j, 0j):
            return
        if opened:
            y = two.open_at(opened[0])
            tables.add_shunt(two.ends[1 - opened[0]], y)
        else:
            tables.add_shunt(two.ends[1], sum(two.shunts))
        return
    if opened:
        k = opened[0]
        near = tables.nodes[tables.at[two.ends[1 - k]]]
        key = f"open end of {two.kind} {two.name}"
        tables.add_node(key, Node(key, two.kv[k], near.area, *LOOSE, near.v, near.place))
        two = TwoPort(**{**vars(two), "ends": (key, two.ends[1]) if k == 0 else (two.ends[0], key)})
    tables.add_branch(two)


def _kept(tables: Tables, nodes: dict[str, Node], twos: list[TwoPort]) -> list[TwoPort]:
    """What touches the main area; the rest is told."""
    out, off = [], defaultdict(list)
    for two in twos:
        tables.log.read(two.kind, 1)
        inside = [key in nodes for key in two.ends]
        if not any(inside) or (not all(inside) and two.shunts == (0j, 0j)):
            outside = any(two.ends)
            off[(two.kind, "" if outside and not any(inside) else "open")].append(two.name)
        else:
            out.append(two)
    for (kind, opened), names in off.items():
        why = "open, and without a shunt that would act from the other end" if opened else (
            "outside the main synchronous area")  # fmt: skip
        tables.log.leave_out(kind, names, why)
    return out


def _inner(frames: Frames, nodes: dict[str, Node], twos: list[TwoPort]) -> dict[str, Node]:
    """Nodes that two-ports have inside: stars of transformers, far ends of boundary lines."""
    near: dict[str, Node] = {}
    for two in twos:
        if two.ends[0] in nodes:
            near.setdefault(two.ends[1], nodes[two.ends[0]])
    out = {}
    for key, r in rows(frames.table("3_windings_transformers")):
        if (at := near.get(star(key))) is not None:
            out[star(key)] = Node(f"star of {called(key, r)}", float(r.rated_u0), at.area, *LOOSE, at.v, at.place)
    for key, r in rows(frames.boundary_lines()):
        if (at := near.get(boundary(key))) is not None:
            name = str(r.pairing_key or f"boundary of {called(key, r)}")
            out[boundary(key)] = Node(name, at.kv, at.area, *LOOSE, at.v, at.place)
    return out


def _buses(frames: Frames, tables: Tables) -> dict[str, Node]:
    """Buses of the main synchronous area."""
    found = frames.table("buses")
    main = found[found.synchronous_component == 0]
    tables.log.read("bus", len(found))
    outside = found.index[found.synchronous_component != 0].tolist()
    tables.log.leave_out("bus", outside, "outside the main synchronous area, the one with most buses")
    levels, names, areas, places = frames.table("voltage_levels"), _names(frames), _areas(frames), _places(frames)
    level_of, stated = dict(rows(levels)), frames.limits()
    out = {}
    for key, row in rows(main):
        level = level_of[row.voltage_level_id]
        kv = float(level.nominal_v)
        low, high = (x / kv if np.isfinite(x) else other
                     for x, other in ((level.low_voltage_limit, 0.9), (level.high_voltage_limit, 1.1)))  # fmt: skip
        low, high = stated.get(str(key), (low, high))
        v = row.v_mag / kv * np.exp(1j * np.deg2rad(row.v_angle))
        out[str(key)] = Node(names.get(str(key), str(key)), kv, areas[row.voltage_level_id], low, high, v,
                             places.get(level.substation_id, (np.nan, np.nan)))  # fmt: skip
    own = levels.loc[main.voltage_level_id[[k not in stated for k in main.index]]]
    for column, word, value in (("low_voltage_limit", "vmin", 0.9), ("high_voltage_limit", "vmax", 1.1)):
        tables.log.fill(
            f"buses.{word}", int(own[column].isna().sum()), f"{value} p.u.", "the voltage level states none"
        )
    return out


def _areas(frames: Frames) -> dict[str, int]:
    """Number of the area of each voltage level: the file's own areas of the first type, else the countries."""
    levels = frames.table("voltage_levels")
    declared = frames.table("areas") if hasattr(frames.network, "get_areas") else None
    if declared is not None and len(declared):
        first = declared.index[declared.area_type == declared.area_type.iloc[0]]
        listed = frames.network.get_areas_voltage_levels()
        of = {level: str(area) for area, level in listed.voltage_level_id.items() if area in first}
    else:
        country = frames.table("substations").country
        of = {key: str(country.get(station, "") or "") for key, station in levels.substation_id.items()}
    number = {name: k + 1 for k, name in enumerate(sorted({of.get(key, "") for key in levels.index}))}
    return {str(key): number[of.get(key, "")] for key in levels.index}


def _places(frames: Frames) -> dict[str, tuple[float, float]]:
    known = frames.extension("substationPosition")
    return {str(key): (float(r.latitude), float(r.longitude)) for key, r in rows(known)}


def _names(frames: Frames) -> dict[str, str]:
    """What users call a bus: the first of the bars that it consists of, by name or id."""
    out: dict[str, str] = {}
    for kind in ("busbar_sections", "bus_breaker_view_buses"):
        bars = frames.table(kind)
        for key, bus, name in zip(bars.index, bars.bus_id, bars["name"], strict=True):
            out.setdefault(bus, str(name or key))
    return out


def _joined(tables: Tables, nodes: dict[str, Node], twos: list[TwoPort]) -> dict[str, tuple[str, complex]]:
    """For each node the one that stands for it, and its kV per kV of that one."""
    parent: dict[str, tuple[str, complex]] = {key: (key, 1 + 0j) for key in nodes}

    def root(key: str) -> tuple[str, complex]:
        factor = 1 + 0j
        while parent[key][0] != key:
            key, more = parent[key]
            factor *= more
        return key, factor

    made, clash = [], []
    for two in twos:
        if any(k not in nodes for k in two.ends) or abs(two.z) >= SMALLEST_Z * two.kv[1] ** 2 / BASE_MVA:
            continue
        (a, x), (b, y) = root(two.ends[0]), root(two.ends[1])
        if a != b:  # V_t = ratio V_f; V_f = x V_a, V_t = y V_b
            parent[a] = b, y / (two.ratio * x)
            made.append(f"{two.kind} {two.name}")
        elif abs(two.ratio * x / y - 1) > 1e-9:
            clash.append(f"{two.kind} {two.name}")
        else:
            made.append(f"{two.kind} {two.name}")
    if made:
        tables.log.warn(f"branches without impedance ({len(made)}, the first is {made[0]}) join their buses: no outage of "
                        "them is verified")  # fmt: skip
    tables.log.leave_out(
        "branch", clash, "it has no impedance and is in a loop of others whose ratios contradict its own"
    )
    return {key: root(key) for key in nodes}


def state(tables: Tables) -> Any:
    """(row,) complex p.u. of the file's own state, NaN where it has none."""
    return np.array([node.v for node in tables.nodes], dtype=np.complex128)
