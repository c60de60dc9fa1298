"""The ontology of a grid as rows: entities, attributes by category, organisation and topology."""

import math
from typing import Any

import numpy as np

from bos_core.objects.data import Category, Relation
from slots.grid.model import Grid

Row = dict[str, Any]


def ontology_of(grid: Grid) -> tuple[list[Row], list[Row], list[Row]]:
    """(entities, attributes, relations) of a grid; global ids are `kind:name`."""
    entities: list[Row] = [{"gid": f"system:{grid.name}", "kind": "system", "name": grid.name}]
    attributes: list[Row] = [
        _values(
            f"system:{grid.name}", Category.SYSTEM, base_mva=grid.base_mva, origin=grid.origin, notes=list(grid.notes)
        )
    ]
    relations: list[Row] = []
    for area in np.unique(grid.buses.area).tolist():
        entities.append({"gid": f"region:{area}", "kind": "region", "name": f"area {area}"})
        relations.append(_relation(Relation.ORGANISATION, f"system:{grid.name}", f"region:{area}"))
    _buses(grid, entities, attributes, relations)
    _branches(grid, entities, attributes, relations)
    _units(grid, entities, attributes, relations)
    for k, name in enumerate(grid.dc_links.name):
        gid = f"dc:{name}"
        entities.append({"gid": gid, "kind": "dc_link", "name": str(name)})
        attributes.append(_row(grid.dc_links, k, gid, Category.STATIC_MODEL, ("p", "pmin", "pmax", "loss0", "loss1")))
        relations.append(_topology(grid, grid.dc_links.f[k], grid.dc_links.t[k], gid))
    return entities, attributes, relations


def _buses(grid: Grid, entities: list[Row], attributes: list[Row], relations: list[Row]) -> None:
    for k, number in enumerate(grid.buses.number.tolist()):
        gid, station = f"bus:{number}", f"station:{grid.buses.name[k]}"
        if not any(r["target"] == station for r in relations[-3:]):
            entities.append({"gid": station, "kind": "station", "name": str(grid.buses.name[k])})
            relations.append(_relation(Relation.ORGANISATION, f"region:{grid.buses.area[k]}", station))
        entities.append({"gid": gid, "kind": "bus", "name": str(grid.buses.name[k])})
        attributes.append(_row(grid.buses, k, gid, Category.ENTITY, ("kv", "lat", "lon")))
        attributes.append(_row(grid.buses, k, gid, Category.STATIC_MODEL, ("kind", "gs", "bs")))
        attributes.append(_row(grid.buses, k, gid, Category.SECURITY, ("vmin", "vmax")))
        attributes.append(_row(grid.buses, k, gid, Category.ENTITY_STATE, ("pd", "qd", "vm", "va")))
        relations.append(_relation(Relation.ORGANISATION, station, gid))


def _branches(grid: Grid, entities: list[Row], attributes: list[Row], relations: list[Row]) -> None:
    for k, name in enumerate(grid.branches.name):
        gid = f"branch:{name}"
        entities.append({"gid": gid, "kind": "branch", "name": str(name)})
        attributes.append(_row(grid.branches, k, gid, Category.STATIC_MODEL, ("r", "x", "b", "tap", "shift")))
        attributes.append(_row(grid.branches, k, gid, Category.SECURITY, ("rate", "rate_emergency")))
        attributes.append(_values(gid, Category.STATIC_VERIFICATION, contingency=bool(grid.branches.in_service[k])))
        relations.append(_topology(grid, grid.branches.f[k], grid.branches.t[k], gid))


def _units(grid: Grid, entities: list[Row], attributes: list[Row], relations: list[Row]) -> None:
    model = ("pmin", "pmax", "qmin", "qmax", "vset", "min_up", "min_down", "ramp", "ramp_10min", "energy_max",
             "charge_max", "efficiency")  # fmt: skip
    for k, name in enumerate(grid.units.name):
        gid = f"unit:{name}"
        entities.append({"gid": gid, "kind": "unit", "name": str(name)})
        attributes.append(_row(grid.units, k, gid, Category.ENTITY, ("kind", "fuel", "technology", "source")))
        attributes.append(_row(grid.units, k, gid, Category.STATIC_MODEL, model))
        attributes.append(_row(grid.units, k, gid, Category.COST, ("start_cost", "cost_mw", "cost_usd")))
        attributes.append(_row(grid.units, k, gid, Category.ENTITY_STATE, ("p", "q", "in_service")))
        bus = f"bus:{grid.buses.number[grid.units.bus[k]]}"
        relations.append(_relation(Relation.ORGANISATION, bus, gid))


def _row(table: Any, k: int, gid: str, category: Category, names: tuple[str, ...]) -> Row:
    return _values(gid, category, **{n: _plain(getattr(table, n)[k]) for n in names})


def _plain(value: Any) -> Any:
    """JSON has neither arrays nor infinities."""
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value]
    item = value.item() if hasattr(value, "item") else value
    return None if isinstance(item, float) and not math.isfinite(item) else item


def _values(gid: str, category: Category, **values: Any) -> Row:
    return {"gid": gid, "category": category.value, "values": values}


def _relation(kind: Relation, source: str, target: str, via: str = "") -> Row:
    return {"relation": kind.value, "source": source, "target": target, "via": via}


def _topology(grid: Grid, f: Any, t: Any, gid: str) -> Row:
    numbers = grid.buses.number
    return _relation(Relation.TOPOLOGY, f"bus:{numbers[f]}", f"bus:{numbers[t]}", gid)
