"""A pandapower network as pandapower itself expands and solves it: nodes and two-ports ("ppc"), and whose they are.

Tap changers, vector groups, iron losses, three windings, open ends and couplers are pandapower's own affair: its arrays are
read after its power flow, so that no rule of its models is written twice. All else is read from its tables.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bos_core.objects.errors import GridError
from slots.grid.model import Bools, Floats, Ints

# Devices whose control laws BOS has no form for.
UNSUPPORTED = {
    "svc": "static var compensator", "tcsc": "thyristor-controlled series capacitor",
    "ssc": "static synchronous compensator", "vsc": "voltage source converter",
    "vsc_stacked": "stacked voltage source converter", "b2b_vsc": "back-to-back converter",
    "source_dc": "DC source", "load_dc": "DC load", "line_dc": "line of a DC grid",
}  # fmt: skip
STARTS = ("dc", "flat", "results")


@dataclass(frozen=True)
class Expansion:
    """pandapower's own arrays after its power flow, and the tables they came from.

    Attributes:
        net: the network, with results.
        bus, branch: pandapower's nodes and two-ports, in the columns of its `idx_bus` and `idx_brch`.
        row: row of `bus` of each pandapower bus, by the bus's index.
        star, source: rows of `bus` of the star points of three windings and of the sources of extended wards.
        rows: row ranges of `branch` by kind.
    """

    net: Any
    bus: Floats
    branch: Floats
    row: Ints
    star: Ints
    source: Ints
    rows: dict[str, tuple[int, int]]

    def at(self, buses: Any) -> Ints:
        """Rows of `bus` of pandapower buses."""
        return self.row[np.asarray(buses, dtype=np.int64)]

    @property
    def live(self) -> Bools:
        """(row,) whether a node is energised."""
        from pandapower.pypower.idx_bus import BUS_TYPE, NONE

        return np.asarray(self.bus[:, BUS_TYPE] != NONE)


def expand(net: Any, name: str) -> Expansion:
    """Solve a network with pandapower and take its arrays.

    `net` gets pandapower's results written into it.

    Raises:
        GridError: it holds devices without a form here, or pandapower cannot solve it.
    """
    _refuse_devices(net, name)
    with quiet():
        _solve(net, name)
        # What the network carries as its `_ppc` has the nodes that are out of service at its end.
        ppc, lookups = net._ppc, net._pd2ppc_lookups
    row = np.asarray(lookups["bus"], dtype=np.int64)
    aux = lookups.get("aux", {})
    none = np.zeros(0, dtype=np.int64)
    star, source = (row[np.asarray(aux[k], dtype=np.int64)] if len(net[k]) else none for k in ("trafo3w", "xward"))
    rows = {kind: (int(a), int(b)) for kind, (a, b) in lookups["branch"].items()}
    return Expansion(
        net, np.real(ppc["bus"]).astype(float), np.real(ppc["branch"]).astype(float), row, star, source, rows
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pandapower's own log and warnings to itself."""
    log = logging.getLogger("pandapower")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)


def flags(table: Any, column: str, default: bool = False) -> npt.NDArray[np.bool_]:
    """(row,) a column of truth values; `default` where the network has none."""
    if column not in table:
        return np.full(len(table), default)
    return np.array([default if absent(x) else bool(x) for x in table[column]], dtype=bool)


def numbers(table: Any, column: str, default: float = np.nan) -> Floats:
    """(row,) a column of numbers; `default` where the network has none."""
    if column not in table:
        return np.full(len(table), default)
    values = np.array([np.nan if absent(x) else float(x) for x in table[column]], dtype=float)
    return np.asarray(np.where(np.isnan(values), default, values))


def texts(table: Any, column: str) -> list[str]:
    """(row,) a column of texts; empty where the network has none."""
    if column not in table:
        return [""] * len(table)
    return ["" if absent(x) else str(x).strip() for x in table[column]]


def absent(value: Any) -> bool:
    """Whether a cell of a table is empty."""
    return value is None or value != value or str(value) in ("<NA>", "None", "nan")


def _refuse_devices(net: Any, name: str) -> None:
    for table, called in UNSUPPORTED.items():
        rows = net.get(table, ())
        if len(rows) and flags(rows, "in_service", default=True).any():
            on = rows.index[flags(rows, "in_service", default=True)]
            raise GridError(
                f"pandapower network {name} has a {called} ({table} {', '.join(str(k) for k in on[:5])}), whose control is not modelled",
                "take it out of service, or replace it by what it does",
            )


def _solve(net: Any, name: str) -> None:
    import pandapower as pp

    last: Exception = RuntimeError("no start")
    for start in STARTS:
        if start == "results" and (not len(net.res_bus) or not net.res_bus.index.equals(net.bus.index)):
            continue
        try:
            pp.runpp(net, calculate_voltage_angles=True, init=start, numba=False, max_iteration=30)
            return
        except Exception as error:  # pandapower raises whatever its checks or NumPy raise
            last = error
    raise _unsolved(net, name, last)


def _unsolved(net: Any, name: str, error: Exception) -> GridError:
    """One sentence for a network that pandapower does not solve."""
    from pandapower.powerflow import LoadflowNotConverged

    if not (
        flags(net.ext_grid, "in_service", True).any()
        or (flags(net.gen, "slack") & flags(net.gen, "in_service", True)).any()
    ):
        return GridError(
            f"pandapower network {name} has no slack (no external grid in service)", "add one with create_ext_grid"
        )
    if isinstance(error, LoadflowNotConverged):
        return GridError(
            f"the power flow of pandapower network {name} does not converge, in pandapower itself", "mend the network"
        )
    short = _without_impedance(net)
    if short:
        return GridError(
            f"pandapower network {name}: {short} has no impedance", "give it one, or join its buses by a closed switch"
        )
    told = " ".join(str(error).split()) or type(error).__name__
    return GridError(f"pandapower does not accept network {name}: {told[:300]}", "mend the network")


def _without_impedance(net: Any) -> str:
    """The first branch in service without any impedance; empty if all have some."""
    for table, pairs in (
        ("line", (("r_ohm_per_km", "x_ohm_per_km"),)),
        ("impedance", (("rft_pu", "xft_pu"), ("rtf_pu", "xtf_pu"))),
        ("trafo", (("vk_percent", "vk_percent"),)),
    ):
        rows, length = net[table], numbers(net[table], "length_km", 1.0)
        zero = np.zeros(len(rows), bool)
        for a, b in pairs:
            zero |= (numbers(rows, a) * length == 0) & (numbers(rows, b) * length == 0)
        bad = np.flatnonzero(zero & flags(rows, "in_service", True))
        if len(bad):
            return f"{table} {rows.index[bad[0]]}"
    return ""
