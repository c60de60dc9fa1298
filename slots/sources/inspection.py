"""What a planner would want to be told of a grid before it is planned, whatever it was read from: small, pure rules.

Each rule makes the sentences of one matter; none of them refuses (`slots.grid.validate` does that).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from slots.grid.model import PV, SLACK, STORAGE, THERMAL, VARIABLE, Bools, Floats, Grid
from slots.sources.series import Series, Spread
from slots.sources.source import Source

SMALL_MW = 1e-3  # that numbers of a file may miss each other by
SMALL_PU = 1e-4
NAMED = 3  # elements that a sentence names

Rule = Callable[[Grid, Series | None], list[str]]


def inspected(source: Source, name: str) -> Source:
    """The source with its reading report complete: what the user named, counts of what takes part, and warnings."""
    grid = source.grid
    told = [sentence for rule in RULES for sentence in rule(grid, source.series)]
    reading = replace(grid.reading, source=name, used=used(grid)).warned(*told)
    return replace(source, grid=grid.replace(reading=reading))


def used(grid: Grid) -> dict[str, int]:
    """How many elements of each table take part."""
    on = {"buses": grid.live, "branches": grid.branches.in_service, "units": grid.units.in_service,
          "DC links": grid.dc_links.in_service}  # fmt: skip
    return {k: int(v.sum()) for k, v in on.items()}


def facts(grid: Grid, series: Series | None) -> list[tuple[str, str]]:
    """What there is, one line a table: (matter, text)."""
    buses, br, units, live = grid.buses, grid.branches, grid.units, grid.live
    on, load = br.in_service, buses.pd[live].sum()
    levels = sorted({f"{x:g}" for x in buses.kv[live] if x > 0}, key=float, reverse=True)
    trafo = on & ((buses.kv[br.f] != buses.kv[br.t]) | (br.tap != 1) | (br.shift != 0))
    rated = int((on & np.isfinite(br.rate)).sum())
    rows = [
        ("buses", f"{live.sum()}{_beside(~live, 'isolated')}; " + (f"{_some(levels, 8)} kV" if levels else "voltages unknown")),
        ("branches", f"{on.sum()}{_beside(~on, 'out of service')}; {trafo.sum()} transformers; {rated} with a rating"),
        ("units", _units(grid)),
        ("load", f"{_mw(load)} and {_mw(buses.qd[live].sum(), 'MVAr')} at {int((buses.pd[live] != 0).sum())} buses; "
                 f"capacity {_mw(units.pmax[_giving(grid)].sum())}"),
    ]  # fmt: skip
    if grid.dc_links.in_service.any():
        links = grid.dc_links
        rows.append(
            ("DC links", f"{links.in_service.sum()}, {_mw(np.abs(links.p[links.in_service]).sum())} on schedule")
        )
    moving = int(((buses.bs_step > 0) & live).sum()), len(grid.changers)
    if any(moving):
        rows.append(("controls", f"{moving[0]} buses with banks, {moving[1]} tap changers"))
    peak = "" if series is None else f"{series.hours:,} hours from {series.start:%Y-%m-%d}, peak {_mw(_peak(series))}"
    return [*rows, ("series", peak or "none: a synthetic year is made from the grid's load")]


def _units(grid: Grid) -> str:
    units = grid.units
    parts = []
    for kind in (THERMAL, VARIABLE, STORAGE, "condenser"):
        mine = units.in_service & (units.kind == kind)
        if mine.any():
            parts.append(f"{mine.sum()} {kind}" + ("" if kind == "condenser" else f" ({_mw(units.pmax[mine].sum())})"))
    return ", ".join(parts) + _beside(~units.in_service, "out of service")


def _capacity(grid: Grid, series: Series | None) -> list[str]:
    have = float(grid.units.pmax[_giving(grid)].sum() + np.maximum(grid.dc_injection(), 0).sum())
    own, peak = float(grid.buses.pd[grid.live].sum()), 0.0 if series is None else _peak(series)
    for load, what in ((own, "the load"), (peak, "the peak of the series")):
        if load > have + SMALL_MW:
            return [f"{what} of {_mw(load)} is {_mw(load - have)} beyond the capacity of {_mw(have)} in service"]
        if load > 0.97 * have:
            return [
                f"{what} of {_mw(load)} takes {100 * load / have:.1f} % of the capacity in service: no reserve is left"
            ]
    must = grid.units.in_service & grid.units.must_run & (grid.units.kind == THERMAL)
    least = float(grid.units.pmin[must].sum())
    return (
        [f"units that must run give at least {_mw(least)}, more than the load of {_mw(own)}"] if least > own > 0 else []
    )


def _ratings(grid: Grid, _: Series | None) -> list[str]:
    br = grid.branches
    on, bare = br.in_service, br.in_service & ~np.isfinite(br.rate)
    if not bare.any():
        return []
    who = "no branch has" if bare.sum() == on.sum() else f"{bare.sum()} of {on.sum()} branches have no"
    return [f"{who}{' a' if bare.sum() == on.sum() else ''} rating: they are never overloaded"]


def _costs(grid: Grid, _: Series | None) -> list[str]:
    units = grid.units
    mine = units.in_service & (units.kind == THERMAL) & (units.pmax > units.pmin)
    if not mine.any():
        return []
    price = (units.cost_usd[mine, -1] - units.cost_usd[mine, 0]) / (units.pmax[mine] - units.pmin[mine])
    out = []
    if not units.cost_usd[mine].any():
        out.append(f"all {mine.sum()} thermal units cost nothing: the order in which they run is arbitrary")
    elif mine.sum() > 1 and np.ptp(price) < 1e-6 * np.abs(price).max():
        out.append(
            f"all {mine.sum()} thermal units cost the same ({price[0]:.4g} USD/MWh): the order in which they run is arbitrary"
        )
    if (price < -1e-9).any():
        out.append(
            f"{(price < -1e-9).sum()} thermal units have a negative price ({_some(units.name[mine][price < -1e-9])})"
        )
    return out


def _reactive(grid: Grid, _: Series | None) -> list[str]:
    units, held = grid.units, np.isin(grid.buses.kind, (PV, SLACK))
    width = np.zeros(grid.n_bus)
    np.add.at(width, units.bus[units.in_service], np.abs(units.qmax - units.qmin)[units.in_service])
    still = units.in_service & (held & (width < SMALL_MW))[units.bus]
    if not still.any():
        return []
    return [f"units at {len(set(units.bus[still].tolist()))} of {held.sum()} buses that are to hold a voltage have no range of "
            f"reactive power (qmin = qmax): they hold none in the plan ({_some(units.name[still])})"]  # fmt: skip


def _ranges(grid: Grid, _: Series | None) -> list[str]:
    units, out = grid.units, []
    on = units.in_service & (units.kind == THERMAL)
    fixed = on & (units.pmax - units.pmin < SMALL_MW) & (units.pmax > SMALL_MW)
    if fixed.any():
        out.append(
            f"{fixed.sum()} thermal units have no range: they give their maximum or are off ({_some(units.name[fixed])})"
        )
    nothing = on & (np.abs(units.pmax) < SMALL_MW) & (np.abs(units.pmin) < SMALL_MW)
    if nothing.any():
        out.append(f"{nothing.sum()} units can give no active power ({_some(units.name[nothing])})")
    crossed = units.in_service & (units.qmin > units.qmax + SMALL_MW)
    if crossed.any():
        out.append(f"qmin is above qmax at {crossed.sum()} units ({_some(units.name[crossed])})")
    slow = on & (units.ramp < SMALL_MW) & (units.pmax > units.pmin + SMALL_MW)
    if slow.any():
        out.append(f"{slow.sum()} thermal units cannot ramp: they keep what they give ({_some(units.name[slow])})")
    if on.sum() == 1:
        out.append("one thermal unit carries everything that weather does not: nothing can replace it")
    return out


def _stores(grid: Grid, _: Series | None) -> list[str]:
    units = grid.units
    empty = units.in_service & (units.kind == STORAGE) & (units.energy_max <= 0)
    return (
        [f"{empty.sum()} stores have no energy content: they stand still ({_some(units.name[empty])})"]
        if empty.any()
        else []
    )


def _own_point(grid: Grid, _: Series | None) -> list[str]:
    """The file's own operating point against its limits."""
    buses, units, on, out = grid.buses, grid.units, grid.units.in_service, []
    off = np.maximum(np.maximum(buses.vm - buses.vmax, buses.vmin - buses.vm), 0.0) * grid.live
    out += _crossing(
        off,
        SMALL_PU,
        "p.u.",
        [f"bus {n}" for n in buses.number],
        "the file's voltage is outside its limits at",
        "buses",
    )
    for value, low, high, what in (
        (units.p, units.pmin, units.pmax, "active"),
        (units.q, units.qmin, units.qmax, "reactive"),
    ):
        beyond = np.maximum(np.maximum(value - high, low - value), 0.0) * (on & (np.abs(value) > SMALL_MW))
        out += _crossing(
            beyond,
            SMALL_MW,
            "MW" if what == "active" else "MVAr",
            units.name,
            f"the file's {what} power is outside its limits at",
            "units",
        )
    held = on & np.isin(buses.kind[units.bus], (2, SLACK))
    b = units.bus
    out += _crossing(np.maximum(np.maximum(units.vset - buses.vmax[b], buses.vmin[b] - units.vset), 0.0) * held, SMALL_PU, "p.u.",
                     units.name, "the set point of the voltage is outside the limits of the bus at", "units")  # fmt: skip
    low, high = np.full(grid.n_bus, np.inf), np.full(grid.n_bus, -np.inf)
    np.minimum.at(low, b[held], units.vset[held])
    np.maximum.at(high, b[held], units.vset[held])
    out += _crossing(np.where(np.isfinite(low), high - low, 0.0), SMALL_PU, "p.u.", [f"bus {n}" for n in buses.number],
                     "units disagree about the voltage that they hold (the last one counts) at", "buses")  # fmt: skip
    return out


def _crossing(beyond: Floats, tolerance: float, unit: str, names: object, what: str, who: str) -> list[str]:
    bad = np.flatnonzero(beyond > tolerance)
    if not len(bad):
        return []
    worst = int(beyond.argmax())
    return [f"{what} {len(bad)} {who}, most at {np.asarray(names)[worst]}: by {beyond[worst]:.4g} {unit}"]


def _levels(grid: Grid, _: Series | None) -> list[str]:
    bare = grid.live & ~(grid.buses.kv > 0)
    return (
        [f"{bare.sum()} buses have no nominal voltage: they cannot be kept or reduced by voltage"] if bare.any() else []
    )


def _shape(grid: Grid, _: Series | None) -> list[str]:
    br, out = grid.branches, []
    on = br.in_service
    pairs = {(min(a, b), max(a, b)) for a, b in zip(br.f[on].tolist(), br.t[on].tolist(), strict=True)}
    if 0 < on.sum() == grid.live.sum() - 1 == len(pairs):
        out.append("the grid is radial: every branch outage cuts off what lies behind it")
    resistive = on & (br.r > np.abs(br.x))
    if resistive.sum() > on.sum() / 2:
        out.append(
            f"resistance exceeds reactance in {resistive.sum()} of {on.sum()} branches: what is planned without losses is rough"
        )
    return out


def _series(grid: Grid, series: Series | None) -> list[str]:
    if series is None:
        return []
    out, most = [], grid.units.pmax[None, :]
    with np.errstate(invalid="ignore"):
        beyond = np.nanmax(np.nan_to_num(series.available, nan=0.0) - most, axis=0, initial=0.0) > SMALL_MW
    beyond &= ~np.isnan(series.available).all(axis=0)
    if beyond.any():
        out.append(f"series of {beyond.sum()} units exceed their capacity ({_some(grid.units.name[beyond])})")
    return out


RULES: tuple[Rule, ...] = (
    _capacity,
    _ratings,
    _costs,
    _ranges,
    _reactive,
    _stores,
    _own_point,
    _levels,
    _shape,
    _series,
)


def _giving(grid: Grid) -> Bools:
    """(unit,) units in service that can give power for hours."""
    units = grid.units
    return np.asarray(units.in_service & ((units.kind != STORAGE) | (units.energy_max > 0)))


def _peak(series: Series) -> float:
    load = series.load.total() if isinstance(series.load, Spread) else series.load.sum(axis=1)
    return float(load.max(initial=0.0))


def _mw(value: float, unit: str = "MW") -> str:
    return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:.4g} {unit}"


def _beside(mask: Bools, what: str) -> str:
    return f" and {mask.sum()} {what}" if mask.any() else ""


def _some(names: object, most: int = NAMED) -> str:
    told = [str(n) for n in np.asarray(names).tolist()]
    return ", ".join(told[:most]) + (", …" if len(told) > most else "")
