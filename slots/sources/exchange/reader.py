"""Reader of exchange formats through PowSyBl: CGMES, UCTE, PSS/E, PowerFactory, IEEE-CDF and IIDM.

PowSyBl understands the formats and gives one network of tables; here its bus view becomes a grid. All
two-ports are converted from ohms, so a line between two nominal voltages is right. What a pi branch cannot hold
(shunts on one side only, conductance) goes to the shunts of its buses: the admittance matrix is exact.
"""

import io
import logging
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import Grid
from slots.sources.exchange.branches import add_branches
from slots.sources.exchange.equipment import add_equipment
from slots.sources.exchange.tables import BASE_MVA, Tables
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import Case

SMALLEST_Z = 1e-8  # p.u.; branches below it join their buses
SUFFIXES = (".zip", ".uct", ".ucte", ".raw", ".rawx", ".dgs", ".xiidm", ".iidm", ".txt")


def read_exchange(path: Path) -> Grid:
    """The grid of a file, or of a folder of CGMES files.

    Raises:
        GridError: PowSyBl is not installed, or the file is in no format that it knows.
    """
    logging.getLogger("powsybl").setLevel(logging.ERROR)  # it warns of extras that nothing here needs
    try:
        import pypowsybl as pp
    except ImportError:
        raise GridError(
            f"reading {path.name} needs PowSyBl, which is not installed", "pip install 'bos-power[formats]'"
        ) from None
    if not path.exists():
        raise GridError(f"grid file {path} does not exist", "check the path")
    try:
        network = pp.network.load_from_binary_buffer(_zipped(path)) if path.is_dir() else pp.network.load(str(path))
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else "unknown format"
        raise GridError(f"grid file {path} cannot be read ({reason})", "check that the file is complete") from None
    return grid_of_network(network, path.stem, f"{network.source_format or 'PowSyBl'} file {path.name}")


def is_cgmes(folder: Path) -> bool:
    """Whether a folder holds CGMES profiles."""
    return any(folder.glob("*EQ*.xml"))


def _zipped(folder: Path) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for file in sorted(folder.glob("*.xml")):
            archive.write(file, file.name)
    out.seek(0)
    return out


def grid_of_network(network: Any, name: str, origin: str) -> Grid:
    """The main synchronous area of a PowSyBl network as a grid.

    Formats of this kind carry no costs; units get class values that say so.

    Raises:
        GridError: it has no generator that could hold the voltage.
    """
    tables = Tables()
    _buses(network, tables)
    add_branches(network, tables)
    add_equipment(network, tables)
    _slack(network, tables, name)
    tables.notes.append("the format has no costs and ramps: class values")
    width = {"branch": 13, "gen": 21, "dcline": 17}
    rows = {k: np.array([[*r, *[0.0] * (w - len(r))] for r in getattr(tables, k)]).reshape(-1, w)
            for k, w in width.items()}  # fmt: skip
    names = {"bus_name": tables.bus_names, "genfuel": tables.fuels}
    case = Case(name, BASE_MVA, np.array(tables.bus), rows["gen"], rows["branch"], None,
                rows["dcline"] if len(tables.dcline) else None, names)  # fmt: skip
    grid = grid_from_case(case, origin)
    return grid.replace(
        branches=replace(grid.branches, name=_unique(tables.branch_names)),
        units=replace(grid.units, name=_unique(tables.gen_names)),
        dc_links=replace(grid.dc_links, name=_unique(tables.dcline_names)),
        reading=grid.reading.warned(*tables.notes),
    )


def _unique(names: list[str]) -> Any:
    count: dict[str, int] = {}
    out = []
    for n in names:
        count[n] = count.get(n, 0) + 1
        out.append(n if count[n] == 1 else f"{n} #{count[n]}")
    return np.array(out, dtype=np.str_)


def _buses(network: Any, tables: Tables) -> None:
    """Buses of the main synchronous component; those joined by a branch without impedance become one."""
    found = network.get_buses(all_attributes=True)
    main = found[(found.connected_component == 0) & (found.synchronous_component == 0)]
    if len(main) < len(found):
        tables.notes.append(f"{len(found) - len(main)} buses outside the main synchronous area are left out")
    levels = network.get_voltage_levels(all_attributes=True)
    stations = network.get_substations(all_attributes=True)
    areas = {c: k + 1 for k, c in enumerate(sorted(set(stations.country.fillna(""))))}
    joined = _joined(network, main.index, levels.nominal_v)
    names = _names(network)
    for key, row in main.iterrows():
        if joined[key] != key:
            continue
        level = levels.loc[row.voltage_level_id]
        kv = float(level.nominal_v)
        station = stations.loc[level.substation_id] if level.substation_id in stations.index else None
        area = areas[station.country or ""] if station is not None else 1
        low, high = (x / kv if np.isfinite(x) else other
                     for x, other in ((level.low_voltage_limit, 0.9), (level.high_voltage_limit, 1.1)))  # fmt: skip
        v = row.v_mag / kv * np.exp(1j * np.deg2rad(row.v_angle)) if np.isfinite(row.v_mag * row.v_angle) else 1.0
        tables.add_bus(str(key), names.get(str(key), str(key)), kv, area, low, high, v)
    tables.at.update({k: tables.at[to] for k, to in joined.items() if to in tables.at})


def _names(network: Any) -> dict[str, str]:
    """What users call a bus: the first of the bars that it consists of, by name or id."""
    bars = network.get_bus_breaker_view_buses(all_attributes=True)
    named = {bus: str(name or key) for key, bus, name in zip(bars.index, bars.bus_id, bars["name"], strict=True)}
    sections = network.get_busbar_sections(all_attributes=True)
    return named | {bus: str(name or key) for key, bus, name in
                    zip(sections.index, sections.bus_id, sections["name"], strict=True)}  # fmt: skip


def _joined(network: Any, keys: Any, nominal: Any) -> dict[str, str]:
    """For each bus the one that stands for it."""
    parent = {str(k): str(k) for k in keys}

    def root(k: str) -> str:
        while parent[k] != k:
            k = parent[k]
        return k

    for _, line in network.get_lines(all_attributes=True).iterrows():
        if line.connected1 and line.connected2 and line.bus1_id in parent and line.bus2_id in parent:
            z_base = nominal[line.voltage_level2_id] ** 2 / BASE_MVA
            if abs(complex(line.r, line.x)) / z_base < SMALLEST_Z:
                parent[root(line.bus1_id)] = root(line.bus2_id)
    return {k: root(k) for k in parent}


def _slack(network: Any, tables: Tables, name: str) -> None:
    """Buses with a unit that holds its voltage are PV; the file's slack, or the one with the greatest unit, is slack."""
    for row in tables.gen:
        k = int(row[0]) - 1
        if row[7] > 0 and tables.bus[k][1] == 2:
            tables.bus[k][7] = row[5]
    marked = network.get_extensions("slackTerminal")
    told = [tables.at[b] for b in marked.get("bus_id", []) if b in tables.at]
    holders = [(row[8], int(row[0]) - 1) for row in tables.gen if row[7] > 0 and tables.bus[int(row[0]) - 1][1] == 2]
    if told and any(k == told[0] for _, k in holders):
        tables.bus[told[0]][1] = 3
    elif holders:
        tables.bus[max(holders)[1]][1] = 3
    else:
        raise GridError(f"grid {name} has no generator that holds its voltage", "let at least one regulate")
