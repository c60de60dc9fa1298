"""A grid as an ontology and back: entities, attributes by category, organisation and topology.

Global ids are `kind:name`. A grid's columns and the schema's attributes carry the same names but for two.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from bos_core.index.scenarios import Changes, Link, Ontology, Thing
from bos_core.objects.data import Category, Relation
from bos_core.objects.errors import OntologyError
from slots.grid.model import Branches, Buses, DcLinks, Grid, Units
from slots.grid.reading import Reading
from storage.ontology.schema import schema

# grid table: (kind of entity, class, column that names it)
_TABLES: dict[str, tuple[str, type[Any], str]] = {
    "buses": ("bus", Buses, "number"),
    "branches": ("branch", Branches, "name"),
    "units": ("unit", Units, "name"),
    "dc_links": ("dc_link", DcLinks, "name"),
}
_READ_APART = {("system", "base_mva"), ("system", "origin"), ("system", "reading"), ("region", "number"),
               ("system", "reserve_share_of_load"), ("system", "reserve_share_of_weather")}  # fmt: skip
_RENAMED = {("bus", "bus_type"): "kind", ("unit", "type"): "kind"}


def ontology_of(grid: Grid, reserve_shares: tuple[float, float] | None = None) -> Changes:
    """All that a grid says, as the changes that make a root version.

    Args:
        grid: the grid.
        reserve_shares: spinning reserve held per MW of load and of wind and solar power, where they are constants.
    """
    out = Changes()
    system = f"system:{grid.name}"
    out.things.append(Thing(system, "system", grid.name))
    out.values.append(
        (Category.SYSTEM, system, {"base_mva": grid.base_mva, "origin": grid.origin, "reading": grid.reading.to_json()})
    )
    if reserve_shares is not None:
        shares = dict(zip(("reserve_share_of_load", "reserve_share_of_weather"), reserve_shares, strict=True))
        out.values.append((Category.SECURITY_CONSTRAINT, system, shares))
    _places(grid, system, out)
    for table in _TABLES:
        _elements(grid, table, out)
    _connections(grid, out)
    return out


def read_by_runs(entity: str, attribute: str) -> bool:
    """Whether a run reads an attribute of a kind of entity from a scenario version."""
    if (entity, attribute) in _READ_APART:
        return True
    build = next((build for kind, build, _ in _TABLES.values() if kind == entity), None)
    column = _RENAMED.get((entity, attribute), attribute)
    return build is not None and column in {f.name for f in fields(build)}


def _ids(grid: Grid, table: str) -> list[str]:
    kind, _, key = _TABLES[table]
    return [f"{kind}:{x}" for x in getattr(getattr(grid, table), key)]


def _places(grid: Grid, system: str, out: Changes) -> None:
    """Regions and stations: buses of one name in one region share a station."""
    for k, area in enumerate(np.unique(grid.buses.area).tolist()):
        gid = f"region:{area}"
        out.things.append(Thing(gid, "region", f"area {area}", k))
        out.values.append((Category.SYSTEM, gid, {"number": area}))
        out.links.append(Link(Relation.ORGANISATION, system, gid))
    for k, (station, area) in enumerate(dict.fromkeys(_stations(grid)).keys()):
        out.things.append(Thing(station, "station", station.partition(":")[2], k))
        out.links.append(Link(Relation.ORGANISATION, f"region:{area}", station))


def _stations(grid: Grid) -> Iterator[tuple[str, int]]:
    """(station, area) of each bus."""
    for name, area in zip(grid.buses.name.tolist(), grid.buses.area.tolist(), strict=True):
        yield f"station:{area}/{name}", area


def _elements(grid: Grid, table: str, out: Changes) -> None:
    kind, _, _ = _TABLES[table]
    rows = getattr(grid, table)
    places: dict[Category, list[tuple[str, Any]]] = {}
    for a in schema():
        column = _RENAMED.get((kind, a.attribute), a.attribute)
        if a.entity == kind and hasattr(rows, column):
            places.setdefault(a.category, []).append((a.attribute, getattr(rows, column).tolist()))
    for k, (gid, name) in enumerate(zip(_ids(grid, table), rows.name.tolist(), strict=True)):
        out.things.append(Thing(gid, kind, name, k))
        for category, columns in places.items():
            out.values.append((category, gid, {attribute: values[k] for attribute, values in columns}))


def _connections(grid: Grid, out: Changes) -> None:
    bus, stations = _ids(grid, "buses"), [s for s, _ in _stations(grid)]
    out.links += [Link(Relation.ORGANISATION, s, b) for s, b in zip(stations, bus, strict=True)]
    for gid, at in zip(_ids(grid, "units"), grid.units.bus.tolist(), strict=True):
        out.links.append(Link(Relation.ORGANISATION, stations[at], gid))
        out.links.append(Link(Relation.TOPOLOGY, bus[at], gid))
    for table in ("branches", "dc_links"):
        rows = getattr(grid, table)
        for gid, f, t in zip(_ids(grid, table), rows.f.tolist(), rows.t.tolist(), strict=True):
            out.links.append(Link(Relation.TOPOLOGY, bus[f], bus[t], gid))
            out.links.append(Link(Relation.ORGANISATION, stations[f], gid))


def grid_of_ontology(o: Ontology) -> Grid:
    """The grid that an ontology describes; the inverse of `ontology_of`.

    Raises:
        OntologyError: there is not exactly one system, or an element is connected to no bus.
    """
    systems = [t for t in o.things.values() if t.kind == "system"]
    if len(systems) != 1:
        raise OntologyError(f"the version holds {len(systems)} systems", "a grid is one system")
    position: dict[str, int] = {}
    ordered: dict[str, list[Thing]] = {}
    for table, (kind, _, _) in _TABLES.items():
        ordered[table] = sorted((t for t in o.things.values() if t.kind == kind), key=lambda t: t.position)
    position = {t.gid: k for k, t in enumerate(ordered["buses"])}
    ends = {x.via: (position[x.source], position[x.target]) for x in o.links
            if x.relation is Relation.TOPOLOGY and x.via}  # fmt: skip
    at_bus = {x.target: position[x.source] for x in o.links if x.relation is Relation.TOPOLOGY and not x.via}
    place = {x.target: x.source for x in o.links if x.relation is Relation.ORGANISATION}
    area = {b: int(o.values[Category.SYSTEM][place[place[b]]]["number"]) for b in position}
    tables = {name: _table(o, name, ordered[name], ends, at_bus, area) for name in _TABLES}
    system = o.values[Category.SYSTEM][systems[0].gid]
    return Grid(
        systems[0].name, float(system["base_mva"]), origin=str(system["origin"] or ""),
        reading=Reading.from_json(system.get("reading") or ""), **tables,
    )  # fmt: skip


def _table(
    o: Ontology, table: str, things: list[Thing], ends: dict[str, tuple[int, int]], at_bus: dict[str, int],
    area: dict[str, int],
) -> Any:  # fmt: skip
    kind, build, _ = _TABLES[table]
    found = {a.attribute: a.category for a in schema() if a.entity == kind}
    back = {v: k[1] for k, v in _RENAMED.items() if k[0] == kind}
    columns: dict[str, Any] = {}
    for f in fields(build):
        attribute = back.get(f.name, f.name)
        try:
            if f.name == "name":
                values: list[Any] = [t.name for t in things]
            elif f.name in ("f", "t"):
                values = [ends[t.gid]["ft".index(f.name)] for t in things]
            elif f.name == "bus":
                values = [at_bus[t.gid] for t in things]
            elif f.name == "area":
                values = [area[t.gid] for t in things]
            else:
                values = [o.values[found[attribute]][t.gid][attribute] for t in things]
        except KeyError as missing:
            raise OntologyError(f"{missing.args[0]} lacks {attribute} or its connection", "complete it") from None
        columns[f.name] = _column(str(f.type), values)
    return build(**columns)


def _column(kind: str, values: list[Any]) -> Any:
    types = {"Ints": np.int64, "Floats": np.float64, "Bools": np.bool_, "Strings": np.str_}
    if kind == "Floats" and not values:
        return np.zeros(0)
    return np.array(values, dtype=types[kind])
