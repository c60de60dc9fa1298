"""What pandapower's power-flow matrices leave out of its tables: static generators, costs, DC lines and names."""

from dataclasses import replace
from typing import Any

import numpy as np

from slots.grid.model import Branches, Buses, Grid, Units
from slots.sources.pandapower_export import OWN

GEN_COLUMNS = 21
_POLYNOMIAL = ((2, "_per_mw2"), (1, "_per_mw"), (0, ""))
_Tables = list[tuple[str, Any]]  # kinds of generators with their rows, in the order of pandapower's own matrix


def flags(table: Any, column: str) -> Any:
    return table[column].eq(True) if column in table else np.zeros(len(table), bool)


def static(fixed: Any, at: Any, bus: Any) -> Any:
    """Static generators that may be dispatched as units, taken out of the loads of their buses."""
    out = np.zeros((len(fixed), GEN_COLUMNS))
    for k, (_, r) in enumerate(fixed.iterrows()):
        p, q = r.p_mw * r.scaling, r.q_mvar * r.scaling
        bus[at[r.bus], 2:4] += p, q
        limits = [r.get(c, np.nan) for c in ("max_q_mvar", "min_q_mvar", "max_p_mw", "min_p_mw")]
        qmax, qmin, pmax, pmin = (x if np.isfinite(x) else y for x, y in zip(limits, (q, q, p, 0.0), strict=True))
        out[k, :10] = at[r.bus], p, q, qmax, qmin, 1.0, 0.0, 1.0, pmax, pmin
    return out


def fuels(told: _Tables) -> list[str]:
    known = {"wp": "wind", "wind": "wind", "pv": "solar", "solar": "solar", "hydro": "hydro", "nuclear": "nuclear"}
    types = [str(kind or "").lower() for _, rows in told for kind in rows.get("type", [""] * len(rows))]
    return [known.get(kind, kind) for kind in types]


def costs(net: Any, told: _Tables) -> Any:
    """MATPOWER cost rows of units in order; piecewise-linear curves begin at zero."""
    rows = []
    for table, units in told:
        for k in units.index:
            poly = net.poly_cost[(net.poly_cost.et == table) & (net.poly_cost.element == k)]
            pieces = net.pwl_cost[(net.pwl_cost.et == table) & (net.pwl_cost.element == k)]
            if len(pieces):
                steps = pieces.points.iloc[0]
                usd = np.cumsum([0.0, *((b - a) * c for a, b, c in steps)])
                points = np.column_stack([[steps[0][0], *(s[1] for s in steps)], usd])
                rows.append([1, 0, 0, len(points), *points.ravel()])
            else:
                c = poly.iloc[0] if len(poly) else {}
                rows.append([2, 0, 0, 3, *(c.get(f"cp{n}_eur{u}", 0.0) for n, u in _POLYNOMIAL)])
    width = max(len(r) for r in rows)
    return np.array([[*r, *[0.0] * (width - len(r))] for r in rows])


def links(links: Any, at: Any) -> Any:
    out = np.zeros((len(links), 17))
    for k, (_, r) in enumerate(links.iterrows()):
        most = r.get("max_p_mw", np.nan)
        out[k, :4], out[k, 9:11] = (
            (at[r.from_bus], at[r.to_bus], 1, r.p_mw),
            (0.0, most if np.isfinite(most) else r.p_mw),
        )
        out[k, 15:] = r.loss_mw, r.loss_percent / 100
    return out


def named(net: Any, told: _Tables, links: Any, at: Any, grid: Grid) -> Grid:
    """The grid with the names, numbers and limits of the network, and what its export had no place for."""
    called = np.array([str(n or grid.dc_links.name[k]) for k, n in enumerate(links["name"])], dtype=np.str_)
    return grid.replace(
        buses=_buses(net, at, grid.buses),
        units=_units([r for _, rows in told for _, r in rows.iterrows()], grid.units),
        branches=_branches(net, grid.branches),
        dc_links=replace(grid.dc_links, name=called),
    )


def _buses(net: Any, at: Any, buses: Buses) -> Buses:
    name, number, area = buses.name.astype(object), buses.number.copy(), buses.area.copy()
    vmin, vmax = buses.vmin.copy(), buses.vmax.copy()
    for key, r in net.bus.iterrows():
        k, low, high = at[key], r.get("min_vm_pu", np.nan), r.get("max_vm_pu", np.nan)
        name[k], number[k] = str(r["name"] or name[k]), int(r.get("number", number[k]))
        area[k] = int(r.zone) if str(r.zone or "").isdecimal() else area[k]
        vmin[k] = low if low > 0 else vmin[k]
        vmax[k] = high if high < 2 else vmax[k]
    if len(set(number)) < len(number):
        number = buses.number
    return replace(buses, name=name.astype(np.str_), number=number, area=area, vmin=vmin, vmax=vmax)


def _units(rows: list[Any], units: Units) -> Units:
    called = [str(r["name"] or units.name[k]) for k, r in enumerate(rows)]
    if len(set(called)) == len(called):
        units = replace(units, name=np.array(called, dtype=np.str_))
    if not rows or any("bos_kind" not in r for r in rows):
        return units
    columns = {c: [r[f"bos_{c}"] for r in rows] for c in OWN}
    kinds = {c: np.str_ if getattr(units, c).dtype.kind == "U" else getattr(units, c).dtype for c in OWN}
    return replace(units, **{c: np.array(values, dtype=kinds[c]) for c, values in columns.items()})


def _branches(net: Any, branches: Branches) -> Branches:
    called = [str(n or "") for t in ("line", "trafo", "impedance") for n in net[t]["name"]]
    if len(called) != len(branches) or len(set(called)) < len(called) or "" in called:
        return branches
    return replace(branches, name=np.array(called, dtype=np.str_))
