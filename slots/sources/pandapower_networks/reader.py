"""Reader of pandapower networks: JSON files, the networks that pandapower ships, networks in memory.

pandapower solves and expands the network first (`expansion`); the grid is built from that and from the network's tables, and
the solution must be one of the grid too, or the network is refused.
"""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.admittance import admittance
from slots.grid.model import SLACK, Bools, Buses, Complexes, Grid, Ints
from slots.grid.reading import ReadingLog
from slots.grid.reference import normalised
from slots.sources.pandapower_networks import report
from slots.sources.pandapower_networks.branches import branch_names, branches
from slots.sources.pandapower_networks.costs import read_costs
from slots.sources.pandapower_networks.elements import elements
from slots.sources.pandapower_networks.expansion import Expansion, expand, quiet
from slots.sources.pandapower_networks.links import dc_links
from slots.sources.pandapower_networks.nodes import Nodes, buses, nodes
from slots.sources.pandapower_networks.own import own_links, restored_branches, restored_units
from slots.sources.pandapower_networks.units import holders, units

AGREES_MW = 1e-4  # MW and MVAr by which the grid's own balance may miss pandapower's solution


def read_json(path: Path) -> Grid:
    """The grid of a pandapower JSON file.

    Raises:
        GridError: the file is missing or is not a pandapower network, or it cannot be used (`from_net`).
    """
    import pandapower as pp

    if not path.is_file():
        raise GridError(f"grid file {path} does not exist", "check the path")
    try:
        with quiet():
            net = pp.from_json(str(path))
        assert len(net.bus)
    except Exception:
        raise GridError(
            f"grid file {path} is not a pandapower network in JSON", "save it with pandapower.to_json"
        ) from None
    return from_net(net, path.stem, source=str(path))


def from_net(net: Any, name: str, *, source: str = "") -> Grid:
    """The grid of a pandapower network, which stays as it is.

    Raises:
        GridError: pandapower cannot solve it, or it holds what BOS has no form for; the sentence names it.
    """
    return placed(net, name, source)[0]


def placed(net: Any, name: str, source: str) -> tuple[Grid, Ints]:
    """As `from_net`, and the position of each pandapower bus in the grid, by the bus's index."""
    log = ReadingLog(source or name, "pandapower network")
    own = report.own_state(net)
    report.count(net, log)
    expansion = expand(deepcopy(net), name)
    at = nodes(expansion, log)
    grid = _grid(expansion, at, name, log)
    solution = report.against_ours(own, expansion)
    used = {
        "buses": grid.n_bus, "branches": len(grid.branches), "units": len(grid.units), "dc_links": len(grid.dc_links)
    }  # fmt: skip
    return grid.replace(reading=log.done(used, solution)), at.position[expansion.row]


def _grid(expansion: Expansion, at: Nodes, name: str, log: ReadingLog) -> Grid:
    names = branch_names(expansion)
    found = elements(expansion)
    table = units(expansion, at, found, read_costs(expansion.net, log), log)
    links, parts = own_links(expansion)
    taken = [(e.row, e.taken) for e in found] + parts
    stated = Grid(
        name, float(expansion.net.sn_mva), _without(buses(expansion, at, names, log), at, taken),
        restored_branches(expansion, branches(expansion, at, names, log)), table,
        dc_links(expansion, at) if links is None else replace(links, f=at.position[links.f], t=at.position[links.t]),
        f"pandapower network {name}",
    )  # fmt: skip
    holds = holders(found)
    stated = _balanced(stated, holds)
    _agree(stated)
    stated = stated.replace(units=restored_units(stated.units, [e.record for e in found]))
    return normalised(stated, log, holds)


def _without(table: Buses, at: Nodes, taken: list[tuple[int, complex]]) -> Buses:
    """Loads of buses without what pandapower counts among them and is a unit or a link here."""
    rows = at.position[np.array([row for row, _ in taken], dtype=np.int64)]
    power = np.array([s for _, s in taken], dtype=complex)
    pd, qd = table.pd.copy(), table.qd.copy()
    np.subtract.at(pd, rows, power.real)
    np.subtract.at(qd, rows, power.imag)
    return replace(table, pd=pd, qd=qd)


def _gap(grid: Grid) -> Complexes:
    """(bus,) MW and MVAr by which the injections miss the solution that pandapower found."""
    v = grid.buses.vm * np.exp(1j * grid.buses.va)
    gap = v * np.conj(admittance(grid).ybus @ v) * grid.base_mva - injection(grid)
    return np.where(grid.live, gap, 0.0)


def _balanced(grid: Grid, holds: Bools) -> Grid:
    """Reactive power of what holds voltages, and active power at references, from the solution.

    pandapower's own results leave out there that loads depend on voltage.
    """
    u = grid.units
    mine = holds & u.in_service
    count = np.bincount(u.bus[mine], minlength=grid.n_bus)
    gap = _gap(grid) / np.maximum(count, 1)
    at = np.where(mine, gap[u.bus], 0.0)
    return grid.replace(units=replace(u, p=u.p + at.real * (grid.buses.kind[u.bus] == SLACK), q=u.q + at.imag))


def _agree(grid: Grid) -> None:
    """The solution that pandapower found must balance the grid as read.

    Raises:
        GridError: at some bus it does not, by more than `AGREES_MW`.
    """
    gap = _gap(grid)
    worst = int(np.argmax(np.abs(gap)))
    if not np.isfinite(gap).all() or np.abs(gap[worst]) > AGREES_MW:
        raise GridError(
            f"pandapower network {grid.name} is not read as pandapower reads it: bus {grid.buses.name[worst]} misses "
            f"{abs(gap[worst]):.3g} MVA",
            "report it with the file",
        )


def injection(grid: Grid) -> Complexes:
    """(bus,) MW and MVAr that units, loads and DC links inject in the state that the file's power flow has."""
    u = grid.units
    out = (grid.dc_injection() - grid.buses.pd) - 1j * grid.buses.qd
    np.add.at(out, u.bus, np.where(u.in_service, u.p + 1j * u.q, 0.0))
    return np.asarray(out)
