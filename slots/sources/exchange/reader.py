"""Reader of exchange formats through PowSyBl: CGMES, UCTE, PSS/E, PowerFactory and IIDM.

PowSyBl understands the formats and gives one network of tables; here its bus view becomes a grid. All
two-ports are converted from ohms, so a line between two nominal voltages is right, and keep their shunts at each end.
The power flow of the grid is that of OpenLoadFlow without limits and regulation.
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
from slots.grid.reading import Reading, ReadingLog
from slots.sources.exchange import powerfactory, psse
from slots.sources.exchange.dc_grids import add_dc_grids
from slots.sources.exchange.equipment import add_equipment
from slots.sources.exchange.frames import Frames, Limits, called
from slots.sources.exchange.heard import heard, told
from slots.sources.exchange.links import add_links
from slots.sources.exchange.nodes import add_network, state
from slots.sources.exchange.solution import compared
from slots.sources.exchange.tables import BASE_MVA, Tables, unique
from slots.sources.exchange.two_ports import two_ports
from slots.sources.exchange.unused import tell
from slots.sources.exchange.voltages import PLAUSIBLE, Voltages
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import Case


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
    _refuse_foreign_letters(path)
    with heard() as faults:
        try:
            network = pp.network.load_from_binary_buffer(_zipped(path)) if path.is_dir() else pp.network.load(str(path))
        except pp.PyPowsyblError as error:
            reason, named = told(error, faults)
            mend = "mend that element" if named else "mend that, or check that the file is complete"
            raise GridError(f"grid file {path} cannot be read ({reason})", mend) from None
    kind = network.source_format or "PowSyBl"
    log = ReadingLog(str(path), kind)
    if left := [x for x in faults if "ignored" in x or "discarded" in x]:
        log.warn(f"{len(left)} records of the file are left out; PowSyBl says of the first: {left[0]}")
    limits = complete(network, path, log)
    return grid_of_tables(*tables_of_network(network, path.stem, log, limits), path.stem, f"{kind} file {path.name}")


def complete(network: Any, path: Path, log: ReadingLog) -> Limits:
    """Put into a network what PowSyBl's import of its file left out; returns limits of voltages stated by bus."""
    if network.source_format == "POWER-FACTORY":
        powerfactory.complete(network, path, log)
    return psse.complete(network, path, log) if network.source_format == "PSS/E" else {}


def _refuse_foreign_letters(path: Path) -> None:
    """Raise GridError where XML is not UTF-8, of which PowSyBl's parser tells the terminal and not us."""
    if path.suffix.lower() not in (".xiidm", ".iidm", ".jiidm", ".rawx"):
        return
    text = path.read_bytes()
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        if b"encoding=" not in text[:200] or b"UTF-8" in text[:200]:
            line = text[: error.start].count(b"\n") + 1
            raise GridError(
                f"grid file {path}, line {line}: a character is not UTF-8", "save the file as UTF-8"
            ) from None


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


def grid_of_network(network: Any, name: str, origin: str, source: str = "", kind: str = "PowSyBl") -> Grid:
    """The main synchronous area of a PowSyBl network as a grid.

    Formats of this kind carry no costs; units get class values that say so. The network is only read.

    Args:
        network: PowSyBl's.
        name: of the grid.
        origin: one line on where it comes from.
        source, kind: what the user named, and the format that it is in.

    Raises:
        GridError: it has no generator, or equipment that cannot be planned.
    """
    return grid_of_tables(*tables_of_network(network, name, ReadingLog(source or name, kind)), name, origin)


def tables_of_network(network: Any, name: str, log: ReadingLog, limits: Limits | None = None) -> tuple[Frames, Tables]:
    """A PowSyBl network's tables, and the rows put together from them, with a report that may have begun.

    Raises:
        GridError: as `grid_of_network`.
    """
    frames = Frames(network, limits)
    tables = Tables(log)
    twos = two_ports(frames, tables.log)
    add_network(frames, tables, twos)
    voltages = Voltages(frames, tables.log)
    slack = _slack(frames, tables, voltages, name)
    voltages.settle_distant(slack)
    add_equipment(frames, tables, voltages)
    add_links(frames, tables, voltages)
    add_dc_grids(frames, tables, name)
    tables.settle_voltages(slack)
    tell(frames, tables)
    return frames, tables


def grid_of_tables(frames: Frames, tables: Tables, name: str, origin: str) -> Grid:
    """The grid of the rows that `tables_of_network` puts together."""
    grid = _grid(tables, name, origin)
    return grid.replace(reading=_by_name(grid.reading, frames))


def _grid(tables: Tables, name: str, origin: str) -> Grid:
    width = {"branch": 13, "gen": 21, "dcline": 17}
    rows = {k: np.array([[*r, *[0.0] * (w - len(r))] for r in getattr(tables, k)]).reshape(-1, w)
            for k, w in width.items()}  # fmt: skip
    names = {"bus_name": [node.name for node in tables.nodes], "genfuel": tables.fuels}
    case = Case(name, BASE_MVA, np.array(tables.bus), rows["gen"], rows["branch"], None,
                rows["dcline"] if len(tables.dcline) else None, names)  # fmt: skip
    grid = grid_from_case(case, origin)
    grid = grid.replace(
        buses=replace(grid.buses, lat=np.array([n.place[0] for n in tables.nodes]),
                      lon=np.array([n.place[1] for n in tables.nodes]), **_banks(tables, grid)),
        branches=replace(grid.branches, **tables.completed()),
        units=replace(grid.units, name=unique(tables.gen_names)),
        dc_links=replace(grid.dc_links, name=unique(tables.dcline_names)),
    )  # fmt: skip
    return grid.replace(reading=_report(tables, grid))


def _by_name(reading: Reading, frames: Frames) -> Reading:
    """The report with names in place of ids, which in CGMES are no words."""
    known = frames.names()
    left = tuple(replace(x, names=tuple(known.get(n, n) for n in x.names)) for x in reading.left_out)
    return replace(reading, left_out=left)


def _banks(tables: Tables, grid: Grid) -> dict[str, Any]:
    """Columns of the buses' switched banks; of unequal steps at a bus the widest range counts."""
    low, high, step = grid.buses.bs.copy(), grid.buses.bs.copy(), np.zeros(grid.n_bus)
    for k, found in tables.banks.items():
        widest = max(found, key=lambda bank: bank[1] - bank[0])
        same = [bank for bank in found if abs(bank[2] - widest[2]) < 1e-9 * widest[2]]
        low[k] += sum(bank[0] for bank in same)
        high[k] += sum(bank[1] for bank in same)
        step[k] = widest[2]
        others = len(found) - len(same)
        tables.log.leave_out("shunt sections", [tables.nodes[k].name] * min(others, 1),
                             "steps at a bus differ: those of the narrower range stay as they are")  # fmt: skip
    return {"bs_low": low, "bs_high": high, "bs_step": step}


def _report(tables: Tables, grid: Grid) -> Reading:
    """Our report, with what was filled in on the way to the grid, and the file's own state against ours."""
    log, filled = tables.log, grid.reading
    for x in filled.filled:
        log.fill(x.what, x.count, x.value, x.source)
    for sentence in filled.warnings:
        log.warn(sentence)
    used = {k: len(getattr(grid, k)) for k in ("buses", "branches", "units", "dc_links")}
    return log.done({k: n for k, n in used.items() if n}, compared(grid, state(tables)))


def _slack(frames: Frames, tables: Tables, voltages: Voltages, name: str) -> str:
    """Id of the slack bus: the file's if something there holds a voltage, else that of the greatest unit that does."""
    units = frames.table("generators")
    units = units[units.bus_id.isin(list(tables.at))]
    if not len(units):
        raise GridError(f"grid {name} has no generator in its main area", "give one, or another file")
    holding = units[[voltages.holds(key) for key in units.index]]
    told = [b for b in frames.extension("slackTerminal").get("bus_id", []) if b in tables.at]
    at_told = [b for b in holding.bus_id if told and tables.at[b] == tables.at[told[0]]]
    if at_told:
        return str(at_told[0])
    if told:
        tables.log.warn(
            f"the file's slack bus {told[0]} has no unit that holds its voltage: another bus is the reference"
        )
    if not len(holding):
        return _made_to_hold(frames, tables, voltages, units)
    return str(holding.bus_id[holding.max_p.idxmax()])


def _made_to_hold(frames: Frames, tables: Tables, voltages: Voltages, units: Any) -> str:
    """A grid needs a voltage that is held: the greatest unit holds its own bus at its target, or at 1 p.u."""
    key = units.max_p.idxmax()
    kv = float(frames.kv[units.voltage_level_id[key]])
    target = float(units.target_v[key])
    voltages.set(key, target if PLAUSIBLE[0] <= target / kv <= PLAUSIBLE[1] else kv)
    tables.log.warn(f"no unit of the file holds a voltage: {called(key, units.loc[key])}, the greatest, is made to")
    return str(units.bus_id[key])
