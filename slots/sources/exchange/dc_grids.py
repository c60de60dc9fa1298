"""DC grids in detail as DC links on the schedules that their power flow gives, with their converters' reactive power."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slots.sources.exchange.dc_network import Converter, DcNetwork, dc_network, solve
from slots.sources.exchange.frames import Frames
from slots.sources.exchange.tables import Tables

_LEAST = 1e-9  # MW; what flows below it is none


@dataclass(frozen=True)
class _Terminal:
    """What a converter takes from one of its AC buses (MW); below 0 it gives."""

    name: str
    bus: str
    p: float


def add_dc_grids(frames: Frames, tables: Tables, name: str) -> None:
    """Each DC grid keeps its schedule: links lead from where it takes power to where it gives it, with its losses.

    Raises:
        GridError: a DC grid has no power flow.
    """
    if not frames.has_dc_network:
        return
    net = dc_network(frames.network.save_to_string("XIIDM"))
    tables.log.read("converter of a DC grid", len(net.converters) + len(net.off))
    tables.log.leave_out("converter of a DC grid", net.off, "switched off")
    elsewhere = [c.name for c in net.converters if c.elsewhere]
    if elsewhere:
        tables.log.warn(f"the schedules of converters {_listed(elsewhere)} are for points that a transformer or line parts from "
                        "them: they are kept at the converters, what lies between loses on top")  # fmt: skip
    for part in net.parts():
        _add(frames, tables, net, part, name)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _add(frames: Frames, tables: Tables, net: DcNetwork, part: list[int], name: str) -> None:
    terminals = []
    for k, p in zip(part, solve(net, part, name), strict=True):
        c = net.converters[k]
        buses = frames.network.get_bus_breaker_topology(c.level).buses.bus_id
        own = [str(buses[b]) for b in c.buses]
        shares = [
            _Terminal(c.name if len(own) == 1 else f"{c.name} {n + 1}", b, p / len(own)) for n, b in enumerate(own)
        ]
        for share in shares:
            if share.bus in tables.at:
                _reactive(tables, c, share)
        terminals += shares
    _link(tables, terminals)


def _reactive(tables: Tables, c: Converter, at: _Terminal) -> None:
    """A line-commutated converter takes reactive power either way; another keeps its own, or holds its bus."""
    if np.isfinite(c.power_factor):
        tables.add_load(at.bus, 1j * abs(at.p * np.tan(np.arccos(c.power_factor))))
    elif np.isfinite(c.hold):
        tables.add_unit(c.name, at.bus, 0j, (-np.inf, np.inf), (0.0, 0.0), c.hold)
    else:
        tables.add_load(at.bus, 1j * c.q)


def _link(tables: Tables, terminals: list[_Terminal]) -> None:
    """Links from each terminal that takes power to those that give it, by their shares; the losses are the links'."""
    takes = [t for t in terminals if t.p > _LEAST]
    gives = [t for t in terminals if t.p < -_LEAST]
    taken, given = sum(t.p for t in takes), -sum(t.p for t in gives)
    leaving = [t for t in takes + gives if t.bus not in tables.at] or not (takes and gives)
    if leaving:
        for t in takes + gives:
            if t.bus in tables.at:
                tables.add_load(t.bus, t.p)
        tables.log.warn(f"the DC grid of {terminals[0].name} leaves the main synchronous area: its schedule is a load")
        return
    for a in takes:
        for b in gives:
            p = a.p * -b.p / given
            loss = (taken - given) / taken
            tables.dcline.append([tables.at[a.bus] + 1, tables.at[b.bus] + 1, 1, p, p * (1 - loss), 0, 0, 1, 1, 0, p,
                                  0, 0, 0, 0, 0, loss])  # fmt: skip
            tables.dcline_names.append(f"{a.name} to {b.name}")
