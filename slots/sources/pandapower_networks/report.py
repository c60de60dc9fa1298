"""The reading report of a pandapower network: counts, what plays no part, its own solution, warnings."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from slots.grid.model import Floats
from slots.grid.reading import FileState, ReadingLog
from slots.sources.pandapower_networks.expansion import Expansion, flags, numbers

ELEMENTS = (
    "bus", "ext_grid", "gen", "sgen", "load", "asymmetric_load", "asymmetric_sgen", "motor", "storage", "shunt", "ward",
    "xward", "line", "trafo", "trafo3w", "impedance", "dcline", "switch",
)  # fmt: skip
NO_PART = {
    "controller": "controllers act on a network's values; they are read as they stand",
    "measurement": "measurements are for state estimation (`bos analyse state-estimation`)",
    "group": "groups of elements have no meaning for a power flow",
    "svc": "out of service", "tcsc": "out of service", "ssc": "out of service", "vsc": "out of service",
    "bus_dc": "no DC grid is modelled", "line_dc": "out of service", "load_dc": "out of service", "source_dc": "out of service",
    "q_capability_curve_table": "reactive capability curves: the constant limits hold",
    "q_capability_characteristic": "reactive capability curves: the constant limits hold",
    "substation": "substations have no meaning for a power flow",
}  # fmt: skip
TABLES = {
    "poly_cost", "pwl_cost", "trafo_characteristic_table", "shunt_characteristic_table", "trafo_characteristic_spline",
    "characteristic", "bus_geodata", "line_geodata", "loadcases", "studycases",
}  # fmt: skip


@dataclass(frozen=True)
class OwnState:
    """The result tables that a network came with.

    Attributes:
        vm, va: (bus,) p.u. and degrees, by the network's buses.
        loss: MW.
    """

    vm: Floats
    va: Floats
    loss: float


def own_state(net: Any) -> OwnState | None:
    """The state of a network's result tables; None where they are empty or are those of other buses."""
    results = net.get("res_bus")
    if results is None or not len(results) or not results.index.equals(net.bus.index):
        return None
    vm, va = numbers(results, "vm_pu"), numbers(results, "va_degree")
    return OwnState(vm, va, _losses(net)) if np.isfinite(vm).any() else None


def _losses(net: Any) -> float:
    """MW lost in the branches of the result tables."""
    tables = [net.get(f"res_{t}") for t in ("line", "trafo", "trafo3w", "impedance")]
    return float(sum(numbers(t, "pl_mw", 0.0).sum() for t in tables if t is not None))


def against_ours(own: OwnState | None, expansion: Expansion) -> FileState | None:
    """The network's own results against the power flow of what was read."""
    if own is None:
        return None
    net = expansion.net
    vm, va = numbers(net.res_bus, "vm_pu"), numbers(net.res_bus, "va_degree")
    dv, turn = np.abs(vm - own.vm), np.abs((va - own.va + 180) % 360 - 180)
    if not (np.isfinite(dv)).any():
        return None
    dangle = float(np.nanmax(turn)) if np.isfinite(turn).any() else float("nan")
    loss = _losses(net) - own.loss
    told = "results in the file, against the power flow of what was read"
    return FileState(float(np.nanmax(dv)), dangle, float(loss), told)


def count(net: Any, log: ReadingLog) -> None:
    """Count what there is and tell which tables and elements play no part."""
    import pandas as pd

    for table in ELEMENTS:
        log.read(table, len(net[table]))
        off = net[table].index[~flags(net[table], "in_service", True)] if table != "switch" else []
        log.leave_out(table, [str(k) for k in off], "out of service")
    for table, rows in net.items():
        if not isinstance(rows, pd.DataFrame) or not len(rows) or str(table).startswith(("_", "res_")):
            continue
        if table in ELEMENTS or table in TABLES:
            continue
        log.read(str(table), len(rows))
        log.leave_out(str(table), [str(k) for k in rows.index], NO_PART.get(str(table), "a table without meaning here"))
    _columns(net, log)


def _columns(net: Any, log: ReadingLog) -> None:
    """Columns that a planner may have filled in hope."""
    for table, column, why in (
        ("load", "controllable", "loads are served as stated"),
        ("gen", "reactive_capability_curve", "the constant reactive limits hold"),
        ("sgen", "reactive_capability_curve", "the constant reactive limits hold"),
    ):
        rows = net[table].index[flags(net[table], column)]
        log.leave_out(f"{table}.{column}", [str(k) for k in rows], why)
    taking = net.sgen.index[(numbers(net.sgen, "p_mw", 0.0) < 0) & ~flags(net.sgen, "controllable")]
    if len(taking):
        log.warn(f"{len(taking)} static generators take power: they are loads")
    shares = len(net.load) and any((numbers(net.load, f"const_i_{c}_percent", 0.0) != 0).any() for c in "pq")
    if shares:
        log.warn(
            "loads of constant current are read as constant power and impedance that touch them at the solved voltage"
        )
    weighted = [
        f"{table} {k}"
        for table, plain in (("ext_grid", 1.0), ("gen", 0.0), ("xward", 0.0))
        for k in net[table].index[numbers(net[table], "slack_weight", plain) != plain]
    ]
    log.leave_out(
        "slack_weight", weighted, "one bus balances the power flow, units share what a schedule misses by their room"
    )
