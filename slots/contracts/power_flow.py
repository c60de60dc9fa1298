"""Slot `power_flow`: the voltages of a grid from what is scheduled at its buses."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from slots.grid.admittance import admittance
from slots.grid.model import PV, Complexes, Floats, Grid, Ints

TOLERANCE = 1e-6  # p.u., largest mismatch accepted


@dataclass(frozen=True)
class PowerFlowRequest:
    """What is scheduled.

    Attributes:
        grid: the grid; buses of kind 4 take no part.
        injection: (bus,) p.u.; its imaginary part does not matter where the voltage is held.
        v: (bus,) p.u. to start from; its magnitude is the set point where the voltage is held.
        held: positions of the buses that hold their voltage, without the slack bus.
    """

    grid: Grid
    injection: Complexes
    v: Complexes
    held: Ints

    @property
    def free(self) -> Ints:
        """Positions of the buses whose voltage floats."""
        return np.setdiff1d(np.flatnonzero(self.grid.live), np.append(self.held, self.grid.slack))


@dataclass(frozen=True)
class PowerFlowResult:
    """The state: (bus,) voltages (p.u.), whether it solves the equations, steps taken."""

    v: Complexes
    converged: bool
    iterations: int


def scheduled(grid: Grid, load: float = 1.0) -> PowerFlowRequest:
    """A grid's own state as it is scheduled, from a flat start."""
    units, on = grid.units, grid.units.in_service
    given = -load * (grid.buses.pd + 1j * grid.buses.qd)
    np.add.at(given, units.bus[on], units.p[on] + 1j * units.q[on])  # reactive where the voltage floats
    held = np.setdiff1d(np.flatnonzero(grid.buses.kind == PV), [grid.slack])
    size, keeps = np.ones(grid.n_bus), np.isin(np.arange(grid.n_bus), np.append(held, grid.slack))
    size[units.bus[on]] = units.vset[on]
    v = np.where(keeps, size, 1.0).astype(complex)
    return PowerFlowRequest(grid, np.asarray((given + grid.dc_injection()) / grid.base_mva, complex), v, held)


class PowerFlowAlgorithm(Protocol):
    """Solves S = V conj(Y V)."""

    def __call__(self, request: PowerFlowRequest) -> PowerFlowResult:
        """Solve."""
        ...


def mismatch(request: PowerFlowRequest, v: Complexes, ybus: Any = None) -> Floats:
    """(equation,) p.u. by which active power misses at all buses but the slack, then reactive power at floating ones."""
    y = admittance(request.grid).ybus if ybus is None else ybus
    error = v * np.conj(y @ v) - request.injection
    moving = np.concatenate([request.held, request.free]).astype(int)
    return np.concatenate([error[moving].real, error[request.free].imag])


def check_power_flow(request: PowerFlowRequest, result: PowerFlowResult) -> None:
    """Invariants where converged: mismatch below TOLERANCE, voltages held, the slack bus as given."""
    if not result.converged:
        return
    assert np.isfinite(result.v).all(), "a voltage is not a number"
    worst = np.abs(mismatch(request, result.v)).max()
    assert worst < TOLERANCE, f"said to be solved, but power misses by {worst:.1e} p.u."
    off = np.abs(np.abs(result.v) - np.abs(request.v))[request.held]
    assert off.max(initial=0.0) < TOLERANCE, "a held voltage is not at its set point"
    slack = request.grid.slack
    assert abs(result.v[slack] - request.v[slack]) < TOLERANCE, "the slack bus moved"
