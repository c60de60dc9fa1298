"""One contingency by a full Newton power flow: the reference for fast engines and the judge of their failures.

After it, running units share what is missing or too much by fixed shares, and a bus holds its voltage as long as the
reactive range of its units allows; beyond, it gives the limit and its voltage floats (Stott, 1974).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from slots.grid.admittance import Admittance, as_set
from slots.grid.dc import shifted_injection, susceptance
from slots.grid.model import THERMAL, Bools, Complexes, Floats
from slots.grid.network import Network
from slots.grid.newton import DENSE_BUSES, dc_angles, newton

REACTIVE_TOLERANCE = 2e-5  # p.u. beyond its range, and a bus gives up its voltage
RETURN_TOLERANCE = 4e-7  # p.u. of voltage past its set point, and a bus takes it up again
MAX_SWITCHES = 40  # rounds of switching before giving up


@dataclass(frozen=True)
class Hour:
    """An intact hour before contingencies; arrays are (bus,), powers in p.u.

    Attributes:
        v: voltages; s: scheduled injections.
        controlled: buses that hold their voltage.
        share: share of a deficit that each bus takes; zero where no voltage is held.
        low, high: least and most reactive injection of each controlled bus.
        shunt: susceptance of switched banks beyond the grid's own.
        tap: (changer,) ratios of tap changers beyond the grid's own.
    """

    v: Complexes
    s: Complexes
    controlled: Bools
    share: Floats
    low: Floats
    high: Floats
    shunt: Floats
    tap: Floats


def hour_before(
    network: Network, v: Complexes, s: Complexes, q: Floats, on: Bools, controlled: Bools, shunt: Floats, tap: Floats
) -> Hour:
    """The hour as contingencies find it: running thermal units share deficits by capacity.

    Args:
        network: the network.
        v, s: (bus,) voltages and scheduled injections (p.u.).
        q: (bus,) MVAr of the units at each bus.
        on: (unit,); controlled: (bus,); shunt: (bus,) p.u.; tap: (changer,).
    """
    grid, base = network.grid, network.grid.base_mva
    droop = network.unit_map @ np.where(on & (grid.units.kind == THERMAL), grid.units.pmax, 0.0)
    share = np.where(controlled & grid.live, droop, 0.0)
    if share.sum() <= 0:
        share = np.where(np.arange(grid.n_bus) == grid.slack, 1.0, 0.0)
    low, high = network.reactive_range(on)
    rest = s.imag - q / base
    return Hour(v, s, controlled, share / share.sum(), rest + low / base, rest + high / base, shunt, tap)


@dataclass(frozen=True)
class Outage:
    """The state after an outage; de-energised buses have voltage 0.

    Attributes:
        v: (bus,) p.u.
        converged: whether it exists.
        held: (bus,) buses that still hold their voltage.
        lost_load, lost_generation: p.u. cut off.
    """

    v: Complexes
    converged: bool
    held: Bools
    lost_load: float
    lost_generation: float


def without_branches(network: Network, adm: Admittance, out: Any) -> Any:
    """The bus admittance matrix with some branches out; dense for small networks."""
    br, n = network.grid.branches, network.grid.n_bus
    k = np.atleast_1d(np.asarray(out, dtype=np.int64))
    f, t = br.f[k], br.t[k]
    data = -np.concatenate([adm.yff[k], adm.yft[k], adm.ytf[k], adm.ytt[k]])
    rows, cols = np.concatenate([f, f, t, t]), np.concatenate([f, t, f, t])
    if n <= DENSE_BUSES:
        dense = adm.ybus.toarray()
        np.add.at(dense, (rows, cols), data)
        return dense
    return sp.csr_matrix(adm.ybus + sp.csr_matrix((data, (rows, cols)), shape=(n, n)))


def solve_outage(
    network: Network, adm: Admittance, out: Any, hour: Hour, kept: Bools | None = None, tolerance: float = 1e-8
) -> Outage:
    """Newton from the intact state, then from the DC angles.

    Args:
        network, adm: the intact network.
        out: position of the branch that is out, or positions.
        hour: the intact hour.
        kept: (bus,) buses of the main part; all live ones by default.
        tolerance: largest mismatch accepted (p.u.).
    """
    ybus = without_branches(network, as_set(network.grid, adm, hour.shunt, hour.tap), out)
    live = network.grid.live
    kept = live if kept is None else kept & live
    outside = hour.s[live & ~kept].real
    lost_load, lost_generation = float(-outside[outside < 0].sum()), float(outside[outside > 0].sum())
    slack = reference(network.grid.slack, hour, kept)
    share = shares_within(hour, kept, slack)
    v, held, ok = switching(ybus, hour, hour.v, share, slack, kept, tolerance)
    if not ok:
        start = _dc_start(network, out, hour, kept, share, slack)
        v, held, ok = switching(ybus, hour, start, share, slack, kept, tolerance)
    return Outage(np.where(kept, v, 0.0), ok, held, lost_load, lost_generation)


def reference(slack: int, hour: Hour, kept: Bools) -> int:
    """The bus whose angle and voltage are held in a part: the slack bus, or where that is lost the one of most units."""
    return slack if kept[slack] else int(np.where(kept & hour.controlled, 1.0 + hour.share, -1.0).argmax())


def shares_within(hour: Hour, kept: Bools, slack: int) -> Floats:
    """(bus,) share of a deficit that each bus of a part takes; its reference all where no unit there shares any."""
    share = np.where(kept, hour.share, 0.0)
    return share / share.sum() if share.sum() > 0 else np.where(np.arange(len(share)) == slack, 1.0, 0.0)


def switching(
    ybus: Any, hour: Hour, v: Complexes, share: Floats, slack: int, kept: Bools, tolerance: float
) -> tuple[Complexes, Bools, bool]:
    """Newton, and buses that give up or take up their voltage until none would.

    Args:
        ybus: (bus, bus) admittances, switched banks included; hour: injections, ranges and set points (its |v|).
        v: (bus,) start; share: (bus,) of a deficit; slack: position of the slack bus, which never gives up its voltage.
        kept: (bus,) buses to solve; tolerance: largest mismatch accepted (p.u.).

    Returns:
        (bus,) voltages, (bus,) which buses still hold theirs, and whether it converged.
    """
    held, s, active = hour.controlled & kept, hour.s.copy(), np.flatnonzero(kept)
    bounded = held.copy()
    bounded[slack] = False
    vset = np.abs(hour.v)
    for _ in range(MAX_SWITCHES):
        flow = newton(ybus, s, v, slack, np.flatnonzero(held), active=active, share=share, tolerance=tolerance,
                      max_iterations=30)  # fmt: skip
        if not flow.converged:
            return flow.v, held, False
        v = flow.v
        q, mag = (v * np.conj(ybus @ v)).imag, np.abs(v)
        over = bounded & held & (q > hour.high + REACTIVE_TOLERANCE)
        under = bounded & held & (q < hour.low - REACTIVE_TOLERANCE)
        floating = bounded & ~held
        # At its upper limit a bus sags; once it would rise above its set point, it need not give that much.
        back = floating & np.where(s.imag >= hour.high, mag > vset + RETURN_TOLERANCE, mag < vset - RETURN_TOLERANCE)
        if not (over | under | back).any():
            return v, held, True
        s = s.real + 1j * np.where(over, hour.high, np.where(under, hour.low, s.imag))
        held = (held & ~over & ~under) | back
        v = np.where(back, vset * v / np.maximum(mag, 1e-9), v)
    return v, held, False


def _dc_start(network: Network, out: Any, hour: Hour, kept: Bools, share: Floats, slack: int) -> Complexes:
    br = network.grid.branches
    on = br.in_service.copy()
    on[out] = False
    on &= kept[br.f] & kept[br.t]
    grid = network.grid.replace(branches=replace(br, in_service=on))
    bbus, _, _ = susceptance(grid)
    p: Floats = np.where(kept, hour.s.real, 0.0)
    angles = dc_angles(bbus, p - p.sum() * share + shifted_injection(grid), slack)
    return np.asarray(np.abs(hour.v) * np.exp(1j * angles))
