"""Slot `reactive_dispatch`: voltages and reactive outputs of each hour, at least losses."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from slots.grid.admittance import admittance, as_set
from slots.grid.model import Bools, Complexes, Floats
from slots.grid.network import Network


@dataclass(frozen=True)
class ReactiveRequest:
    """Hours to dispatch.

    Attributes:
        network: the network.
        p: (hour, unit) MW of the active dispatch.
        on: (hour, unit).
        low, high: (hour, unit) MW between which a unit may move to cover losses.
        fixed: (hour, bus) p.u. injection of everything that is not a unit.
    """

    network: Network
    p: Floats
    on: Bools
    low: Floats
    high: Floats
    fixed: Complexes


@dataclass(frozen=True)
class ReactiveDispatch:
    """The hours' operating points.

    Attributes:
        v: (hour, bus) p.u.; q: (hour, bus) MVAr of the units; p: (hour, unit) MW with losses covered.
        loss: (hour,) MW in the network.
        feasible: (hour,) whether all limits of voltages and reactive power are met, and no unit leaves its window.
        residual: (hour,) largest voltage (p.u.) beyond a limit.
        shunt: (hour, bus) p.u. of switched banks beyond the grid's own, in whole steps.
        tap: (hour, changer) ratios of tap changers beyond the grid's own, in whole steps.
        moved: (hour,) MW redispatched because the schedule has no AC power flow; left out: none.
    """

    v: Complexes
    q: Floats
    p: Floats
    loss: Floats
    feasible: Bools
    residual: Floats
    shunt: Floats
    tap: Floats
    moved: Floats = field(default_factory=lambda: np.zeros(0))


class ReactiveDispatchAlgorithm(Protocol):
    """Dispatches reactive power hour by hour."""

    def __call__(self, request: ReactiveRequest) -> ReactiveDispatch:
        """Solve the hours."""
        ...


def check_reactive(request: ReactiveRequest, result: ReactiveDispatch) -> None:
    """Invariants: power balances at every bus to 1e-7 p.u.; where `feasible`, limits of voltages, reactive power (1e-6 p.u.)
    and units' windows (1e-3 MW) hold; banks are whole."""
    net, grid = request.network, request.network.grid
    bare, live = admittance(grid), grid.live
    for what, set_to, (down, up, step) in (
        ("bank", result.shunt, net.shunt_range()), ("tap", result.tap, net.tap_range())
    ):  # fmt: skip
        assert ((set_to >= down - 1e-9) & (set_to <= up + 1e-9)).all(), f"a {what} beyond its range"
        steps = set_to / np.where(step > 0, step, 1.0)
        assert np.abs(steps - steps.round()).max(initial=0.0) < 1e-6, f"part of a {what}"
    for h in range(len(result.v)):
        v, ybus = result.v[h], as_set(grid, bare, result.shunt[h], result.tap[h]).ybus
        given = request.fixed[h] + (net.unit_map @ result.p[h] + 1j * result.q[h]) / grid.base_mva
        assert np.abs(v * np.conj(ybus @ v) - given)[live].max() < 1e-7, "power does not balance"
        if not result.feasible[h]:
            continue
        assert (result.p[h] >= request.low[h] - 1e-3).all(), "unit below its window"
        assert (result.p[h] <= request.high[h] + 1e-3).all(), "unit above its window"
        low, high = net.reactive_range(request.on[h])
        assert (result.q[h] >= low - 1e-3).all(), "reactive power below its range"
        assert (result.q[h] <= high + 1e-3).all(), "reactive power above its range"
        assert (np.abs(v) >= grid.buses.vmin - 1e-6)[live].all(), "voltage below its limit"
        assert (np.abs(v) <= grid.buses.vmax + 1e-6)[live].all(), "voltage above its limit"
