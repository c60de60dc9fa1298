"""An hour's AC operating point on a network, with what the schedule misses shared by the units."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from slots.grid.model import Bools, Complexes, Floats
from slots.grid.network import Network
from slots.grid.newton import newton
from slots.grid.outage import Hour, switching

BALANCE_TOLERANCE = 1e-8  # p.u.


@dataclass(frozen=True)
class OperatingPoint:
    """One hour.

    Attributes:
        p: (unit,) MW.
        on: (unit,) whether a unit runs.
        low, high: (unit,) MW between which a unit may move in this hour.
        fixed: (bus,) p.u. injection of everything that is not a unit.
        q: (bus,) MVAr of the units at each bus.
        v: (bus,) voltages (p.u.).
        controlled: (bus,) whether a bus holds its voltage.
        shed: (bus,) MW of load not served.
        shunt: (bus,) p.u. of switched banks beyond the grid's own.
        tap: (changer,) ratios of tap changers beyond the grid's own.
    """

    p: Floats
    on: Bools
    low: Floats
    high: Floats
    fixed: Complexes
    q: Floats
    v: Complexes
    controlled: Bools
    shed: Floats
    shunt: Floats
    tap: Floats

    def injection(self, network: Network) -> Complexes:
        """(bus,) scheduled p.u. injection; of what a bus draws, shedding takes the same share of both powers.

        Where a bus draws no active power there is nothing to shed, and its reactive load stays.
        """
        base, draws = network.grid.base_mva, self.fixed.real < -1e-9
        share = np.divide(-self.shed / base, self.fixed.real, out=np.zeros(len(draws)), where=draws)
        relief = self.shed / base - 1j * np.clip(share, 0.0, 1.0) * self.fixed.imag
        return np.asarray(self.fixed + relief + (network.unit_map @ self.p + 1j * self.q) / base)

    def relief(self) -> Floats:
        """(bus,) MVAr that are not drawn for each MW of load that is not."""
        draws = self.fixed.real < -1e-9
        return np.divide(self.fixed.imag, self.fixed.real, out=np.zeros(len(draws)), where=draws)

    def shares(self) -> Floats:
        """(unit,) share of a power deficit that each unit takes: its room to move both ways."""
        room = np.clip(np.minimum(self.high - self.p, self.p - self.low), 0.0, None)
        if room.sum() < 1e-6:
            room = np.clip(self.high - self.p, 0.0, None) + 1e-3 * self.on
        return np.asarray(room / room.sum()) if room.any() else np.zeros_like(self.p)


def settle(network: Network, ybus: sp.csr_matrix, point: OperatingPoint) -> tuple[OperatingPoint, bool]:
    """The power flow of a point with its voltages held, losses shared by the units.

    `ybus`: (bus, bus) admittances, banks and taps as the point sets them. Returns the settled point and whether it converged and units cover all of the gap; reactive power follows from the solution.
    """
    slack, base = network.grid.slack, network.grid.base_mva
    pv, live = np.flatnonzero(point.controlled), np.flatnonzero(network.grid.live)
    s, shares = point.injection(network), point.shares()
    share = np.asarray(network.unit_map @ shares) if shares.any() else None
    flow = newton(ybus, s, point.v, slack, pv, tolerance=1e-10, active=live, share=share)
    if not flow.converged:
        return point, False
    miss = (flow.v * np.conj(ybus @ flow.v) - s)[live]
    gap = float(miss.real.sum())
    q = point.q.copy()
    q[live] += np.where(point.controlled[live], miss.imag * base, 0.0)
    settled = replace(point, v=flow.v, q=q, p=point.p + gap * base * shares)
    return settled, share is not None or abs(gap) < BALANCE_TOLERANCE


def settle_in_range(network: Network, ybus: sp.csr_matrix, point: OperatingPoint) -> tuple[OperatingPoint, bool]:
    """As `settle`, but a bus whose units would leave their reactive range gives up its voltage; the new one is kept."""
    base, low, high = network.grid.base_mva, *network.reactive_range(point.on)
    s, shares = point.injection(network), point.shares()
    rest, share = s.imag - point.q / base, np.asarray(network.unit_map @ shares)
    hour = Hour(
        point.v, s, point.controlled, share, rest + low / base, rest + high / base, point.shunt, point.tap
    )  # fmt: skip
    v, _, ok = switching(ybus, hour, point.v, share, network.grid.slack, network.grid.live, 1e-10)
    if not ok:
        return settle(network, ybus, point)
    true = v * np.conj(ybus @ v)
    q = point.q + np.where(point.controlled, (true - s).imag * base, 0.0)
    return replace(point, v=v, q=q, p=point.p + float((true - s).real.sum()) * base * shares), True
