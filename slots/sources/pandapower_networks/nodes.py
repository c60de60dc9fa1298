"""Buses of a pandapower network: its own, in its own order, then star points, sources of wards and open ends."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from slots.grid.model import Bools, Buses, Floats, Ints
from slots.grid.reading import ReadingLog
from slots.sources.pandapower_networks.expansion import Expansion, numbers, texts

LIMITS = (0.9, 1.1)  # p.u., where a bus states none
INNER_LIMITS = (0.5, 1.5)  # p.u., of nodes inside a device
UNLIMITED = 2.0  # p.u.: what pandapower itself takes for no upper limit


@dataclass(frozen=True)
class Nodes:
    """Which buses there are.

    Attributes:
        rows: (bus,) row of the expansion that each bus is.
        position: (row,) the bus that a row is; -1 where it is none.
        own: how many of the buses are the network's own; the others are inside devices.
        key: (own bus,) index of the pandapower bus that gives each its name and limits.
    """

    rows: Ints
    position: Ints
    own: int
    key: Ints


def nodes(expansion: Expansion, log: ReadingLog) -> Nodes:
    """The buses of an expansion; buses joined by closed couplers are one, which is told."""
    from pandapower.pypower.idx_brch import F_BUS, T_BUS

    net = expansion.net
    keys, rows = net.bus.index.to_numpy(), expansion.at(net.bus.index)
    used, first = np.unique(rows, return_index=True)
    first = np.sort(first)
    own, key = rows[first], keys[first]
    joined = np.setdiff1d(np.arange(len(rows)), first)
    log.leave_out(
        "bus", [str(k) for k in keys[joined]], "one with another bus through closed switches without impedance"
    )
    ends = expansion.branch[:, [F_BUS, T_BUS]].astype(np.int64).ravel()
    inner = np.setdiff1d(ends, used)  # star points, sources of wards, open ends
    every = np.concatenate([own, inner])
    position = np.full(len(expansion.bus), -1, dtype=np.int64)
    position[every] = np.arange(len(every))
    return Nodes(every, position, len(own), key)


def buses(expansion: Expansion, at: Nodes, branch_names: list[str], log: ReadingLog) -> Buses:
    """The table of buses, with everything at them that is no unit; powers of units are taken out by who makes units."""
    from pandapower.pypower.idx_bus import BASE_KV, BS, BUS_TYPE, GS, VM

    net, ppc = expansion.net, expansion.bus[at.rows]
    table, n = net.bus.loc[at.key], len(at.rows)
    live, inner = expansion.live[at.rows], np.zeros(n - at.own)
    low, high = _limits(table, log)
    top = int(net.bus.index.max()) + 1
    pd, qd, gs, bs = voltage_dependent(ppc, live)
    count = at.own + np.arange(len(inner))
    number = np.concatenate([_numbers(table, at.key), top + count - at.own]).astype(np.int64)
    return Buses(
        number=number, name=np.array(_names(expansion, at, branch_names), dtype=np.str_), kv=ppc[:, BASE_KV],
        kind=ppc[:, BUS_TYPE].astype(np.int64), pd=pd, qd=qd, gs=ppc[:, GS] + gs, bs=ppc[:, BS] + bs,
        bs_low=_own(table, "bs_low", ppc[:, BS] + bs), bs_high=_own(table, "bs_high", ppc[:, BS] + bs),
        bs_step=_own(table, "bs_step", np.zeros(n)),
        vm=np.where(live & np.isfinite(ppc[:, VM]), ppc[:, VM], 1.0),
        va=_angles(ppc, live, numbers(table, "bos_va")),
        vmin=np.concatenate([low, inner + INNER_LIMITS[0]]), vmax=np.concatenate([high, inner + INNER_LIMITS[1]]),
        area=_areas(texts(table, "zone"), n), lat=_own(table, "lat", np.full(n, np.nan)),
        lon=_own(table, "lon", np.full(n, np.nan)),
    )  # fmt: skip


def voltage_dependent(ppc: Floats, live: Bools) -> tuple[Floats, Floats, Floats, Floats]:
    """Load (MW, MVAr) and shunts (MW, MVAr at 1 p.u.) of nodes whose load depends on voltage.

    pandapower multiplies all power at a node by `1 - i - z + i V + z V^2`. The square is a shunt. The line `i V` is the sum
    of a constant and a square that touches it at the solved voltage, so that the solution is the same and so is its slope.
    """
    from pandapower.pypower.idx_bus import CID_P, CID_Q, CZD_P, CZD_Q, PD, QD, VM

    v = np.where(live & np.isfinite(ppc[:, VM]), ppc[:, VM], 1.0)
    out = []
    for power, current, impedance in ((PD, CID_P, CZD_P), (QD, CID_Q, CZD_Q)):
        s, i, z = (np.where(live | (c == power), ppc[:, c], 0.0) for c in (power, current, impedance))
        out.append((s * (1 - i - z + i * v / 2), s * (z + i / (2 * v))))
    return out[0][0], out[1][0], out[0][1], -out[1][1]


def _angles(ppc: Floats, live: Bools, kept: Floats) -> Floats:
    """(bus,) solved angles (rad), turned to where the reference was before an export, if it was one."""
    from pandapower.pypower.idx_bus import VA

    va = np.where(live & np.isfinite(ppc[:, VA]), ppc[:, VA], 0.0)
    for k in np.flatnonzero(np.isfinite(kept))[:1]:
        va = np.where(live, va + kept[k] - va[k], va)
    return np.deg2rad(va)


def _limits(table: Any, log: ReadingLog) -> tuple[Floats, Floats]:
    low, high = numbers(table, "min_vm_pu"), numbers(table, "max_vm_pu")
    no_low, no_high = ~(low > 0), ~(high < UNLIMITED)
    log.fill("buses.vmin", int(no_low.sum()), f"{LIMITS[0]} p.u.", "the network states no min_vm_pu")
    log.fill("buses.vmax", int(no_high.sum()), f"{LIMITS[1]} p.u.", "the network states no max_vm_pu")
    low, high = np.where(no_low, LIMITS[0], low), np.where(no_high, LIMITS[1], high)
    return np.where(no_low, np.minimum(low, high), low), np.where(no_high, np.maximum(low, high), high)


def _numbers(table: Any, keys: Ints) -> Ints:
    """Numbers of buses: the network's own column of them if it has one, else pandapower's indices."""
    own = numbers(table, "number")
    if np.isnan(own).any() or len(np.unique(own)) < len(own) or (len(own) and own.min() < 0):
        return keys
    return own.astype(np.int64)


def _own(table: Any, column: str, default: Floats) -> Floats:
    """A column that only BOS's own export has, for the network's own buses."""
    out = default.copy()
    values = numbers(table, f"bos_{column}")
    out[: len(table)] = np.where(np.isnan(values), out[: len(table)], values)
    return out


def _areas(zones: list[str], n: int) -> Ints:
    """(bus,) zones as numbers: their own if they are some, else in the order in which they occur; inner nodes are of area 1."""
    whole = {z: int(float(z)) for z in zones if z and z.replace(".0", "", 1).isdecimal()}
    rest = [z for z in dict.fromkeys(zones) if z and z not in whole]
    free = max(whole.values(), default=0)
    code = whole | {z: free + k + 1 for k, z in enumerate(rest)} | {"": 1}
    return np.array([code[z] for z in zones] + [1] * (n - len(zones)), dtype=np.int64)


def _names(expansion: Expansion, at: Nodes, branch_names: list[str]) -> list[str]:
    from pandapower.pypower.idx_brch import F_BUS, T_BUS

    net = expansion.net
    own = [n or f"bus {k}" for n, k in zip(texts(net.bus.loc[at.key], "name"), at.key.tolist(), strict=True)]
    called: dict[int, str] = {}
    for kind, what, rows in (("trafo3w", "star point of", expansion.star), ("xward", "source of", expansion.source)):
        called |= {int(r): f"{what} {kind} {k}" for r, k in zip(rows, net[kind].index, strict=True)}
    for k, name in enumerate(branch_names):
        for row in expansion.branch[k, [F_BUS, T_BUS]].astype(int).tolist():
            called.setdefault(row, f"open end of {name}")
    return own + [called[int(r)] for r in at.rows[at.own :]]
