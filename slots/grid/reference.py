"""One grid with one reference: what every reader of grids goes through before it hands a grid out.

Files disagree about what a reference bus is: several in one grid, none, one whose units are off; buses that a switched-off
unit is said to hold; islands with and without supply; load at buses that take no part. The rules, in order:

1. What stands at an isolated bus (type 4) is out of service; its load is neither served nor counted.
2. Of separate islands with supply (a unit in service that can give active power) the one with the largest load is kept, all
   others are isolated and told. An island without supply is de-energised.
3. A bus is a reference or holds its voltage only by a unit in service (MATPOWER's `bustypes`); others are PQ.
4. One reference: of several, the bus with most capacity in service; of none, that of the buses that hold their voltage, then
   of all buses with units. Of equal ones the first. The others hold their voltage.
5. Phase shifts lose whole turns where they would send power round a loop in a DC model (`slots.grid.turns`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from slots.grid.connectivity import components
from slots.grid.model import ISOLATED, PQ, PV, SLACK, Bools, Buses, Floats, Grid, Ints
from slots.grid.reading import ReadingLog
from slots.grid.turns import unwound


def normalised(grid: Grid, log: ReadingLog, holds: Bools | None = None) -> Grid:
    """The grid with one reference and without what takes no part; what changed is told in `log`.

    Args:
        grid: as the file states it.
        log: the reading report being made.
        holds: (unit,) units in service that can hold a voltage; by default all in service.

    A grid without any unit in service comes back with its reference as stated: `check_grid` refuses it.
    """
    grid = _without_isolated(grid)
    grid = grid.replace(branches=replace(grid.branches, shift=unwound(grid.branches, grid.n_bus)))
    _tell_unserved(grid, log)
    grid = _one_island(grid, log)
    grid = _links(_without_isolated(_without_load(grid)), log)
    able = grid.units.in_service & (True if holds is None else holds)
    if not able.any():
        able = grid.units.in_service
    return _one_reference(_held_by_units(grid, able, log), able, log) if able.any() else grid


def _without_isolated(grid: Grid) -> Grid:
    """Branches and units at isolated buses are out of service."""
    live, br, units = grid.live, grid.branches, grid.units
    return grid.replace(
        branches=replace(br, in_service=br.in_service & live[br.f] & live[br.t]),
        units=replace(units, in_service=units.in_service & live[units.bus]),
    )


def _one_island(grid: Grid, log: ReadingLog) -> Grid:
    label = components(grid)
    islands = np.unique(label[grid.live])
    if len(islands) < 2:
        return grid
    units, load = grid.units, np.bincount(label, np.maximum(grid.buses.pd, 0.0) * grid.live)
    size = np.bincount(label, grid.live.astype(float))
    giving = units.in_service & (units.pmax > 0)
    giving = giving if giving.any() else units.in_service
    if not giving.any():
        return grid
    fed = np.bincount(label[units.bus], giving.astype(float), minlength=len(size)) > 0
    first = -np.array([int(np.flatnonzero(label == k)[0]) if fed[k] else 0 for k in range(len(size))])
    main = max(np.flatnonzero(fed).tolist(), key=lambda k: (load[k], size[k], first[k]))
    for k in islands[islands != main].tolist():
        _tell_island(grid, label == k, bool(fed[k]), log)
    kind = np.where(label == main, grid.buses.kind, ISOLATED)
    return grid.replace(buses=replace(grid.buses, kind=kind))


def _tell_island(grid: Grid, members: Bools, fed: bool, log: ReadingLog) -> None:
    numbers, load = grid.buses.number[members], float(grid.buses.pd[members].sum())
    told = [str(n) for n in numbers.tolist()]
    if not fed:
        log.leave_out("bus", told, "without a path to any unit in service: de-energised")
        if load:
            log.warn(f"{load:.6g} MW of load at {_buses(numbers)} is not served: no path leads to a unit in service")
        return
    log.leave_out("bus", told, f"a separate island with its own supply and {load:.6g} MW of load")
    log.warn(
        f"{_buses(numbers)} with {load:.6g} MW of load: a separate island with its own supply, left out;"
        " the island with the largest load is planned: to plan another, give it in a file of its own"
    )


def _tell_unserved(grid: Grid, log: ReadingLog) -> None:
    dead = ~grid.live & ((grid.buses.pd != 0) | (grid.buses.qd != 0))
    if dead.any():
        log.warn(
            f"{grid.buses.pd[dead].sum():.6g} MW of load at {_buses(grid.buses.number[dead])}, isolated, is neither served nor counted"
        )


def _without_load(grid: Grid) -> Grid:
    """No load and no shunt at isolated buses, so that no sum over buses counts them."""
    buses, live = grid.buses, grid.live
    columns = ("pd", "qd", "gs", "bs", "bs_low", "bs_high", "bs_step")
    return grid.replace(buses=replace(buses, **{c: np.where(live, getattr(buses, c), 0.0) for c in columns}))


def _links(grid: Grid, log: ReadingLog) -> Grid:
    """DC links with no end in the grid are out; one with one end is an injection on its schedule."""
    links, live = grid.dc_links, grid.live
    ends = live[links.f].astype(int) + live[links.t]
    dead = links.in_service & (ends == 0)
    log.leave_out("DC link", links.name[dead].tolist(), "neither of its buses takes part")
    for k in np.flatnonzero(links.in_service & (ends == 1)).tolist():
        log.warn(
            f"DC link {links.name[k]} leads to a bus that takes no part: its schedule is an injection at its other end"
        )
    return grid.replace(dc_links=replace(links, in_service=links.in_service & ~dead))


def _held_by_units(grid: Grid, able: Bools, log: ReadingLog) -> Grid:
    """Buses hold their voltage, or are a reference, by units in service only."""
    unheld = np.isin(grid.buses.kind, (PV, SLACK)) & (np.bincount(grid.units.bus, able, grid.n_bus) == 0)
    if not unheld.any():
        return grid
    log.warn(
        f"{_buses(grid.buses.number[unheld])}: of a type that holds its voltage, but without a unit in service, so it floats"
    )
    return _with_kind(grid, np.where(unheld, PQ, grid.buses.kind))


def _one_reference(grid: Grid, able: Bools, log: ReadingLog) -> Grid:
    buses, units = grid.buses, grid.units
    stated = np.flatnonzero(buses.kind == SLACK)
    if len(stated) == 1:
        return grid
    capacity: Floats = np.zeros(grid.n_bus)
    np.add.at(capacity, units.bus[able], np.maximum(units.pmax[able], 0.0))
    chosen = _strongest(grid, stated, capacity, able)
    kind = buses.kind.copy()
    kind[stated], kind[chosen] = PV, SLACK
    number = int(buses.number[chosen])
    if len(stated):
        log.warn(
            f"{len(stated)} reference buses ({_some(buses.number[stated])}) in one connected grid: bus {number}, with most "
            "capacity in service, is the reference, the others hold their voltage"
        )
    else:
        log.warn(
            f"no reference bus with a unit in service: bus {number}, with most capacity in service, is the reference"
        )
    return _with_kind(grid, kind)


def _strongest(grid: Grid, stated: Ints, capacity: Floats, able: Bools) -> int:
    held = np.flatnonzero(grid.buses.kind == PV)
    among = stated if len(stated) else held if len(held) else np.unique(grid.units.bus[able])
    return int(among[np.argmax(capacity[among])])


def _with_kind(grid: Grid, kind: Ints) -> Grid:
    buses: Buses = replace(grid.buses, kind=kind)
    return grid.replace(buses=buses)


def _buses(numbers: Ints) -> str:
    return f"bus {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} buses ({_some(numbers)})"


def _some(numbers: Ints) -> str:
    return ", ".join(str(n) for n in numbers[:5].tolist()) + (", …" if len(numbers) > 5 else "")
