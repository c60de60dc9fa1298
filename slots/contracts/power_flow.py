"""Slot `power_flow`: the voltages of a grid from what is scheduled at its buses."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from slots.grid.admittance import admittance
from slots.grid.dc import start_angles
from slots.grid.model import PV, Complexes, Floats, Grid, Ints

TOLERANCE = 1e-6  # p.u., largest mismatch accepted
# of the voltages held, below which a bus is on the lower branch: at the nose of a line it is at 0.5 or more
LOWEST = 0.45


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

    @property
    def kept(self) -> float:
        """The lowest voltage that a bus holds (p.u.)."""
        return float(np.abs(self.v[np.append(self.held, self.grid.slack)]).min())


@dataclass(frozen=True)
class PowerFlowResult:
    """The state: (bus,) voltages (p.u.), whether it solves the equations, steps taken, and why it is no state of a grid."""

    v: Complexes
    converged: bool
    iterations: int
    reason: str = ""


def collapsed(grid: Grid, v: Complexes, kept: float) -> str:
    """Why voltages that solve the equations are not a state that a grid can be in; empty if they may be.

    The equations have solutions on the lower branch of the nose curve, too: buses at a fraction of the voltages that are held.
    `kept`: p.u., the lowest of those.
    """
    size = np.where(grid.live, np.abs(v), np.inf)
    low = float(size.min())
    if low >= LOWEST * kept:
        return ""
    number = grid.buses.number[int(np.argmin(size))]
    return f"bus {number} would be at {low:.3g} p.u. where {kept:.3g} is held: a solution of the lower branch, which no grid holds"


def ended(request: PowerFlowRequest, v: Complexes, iterations: int) -> PowerFlowResult:
    """What a program that found a solution of the equations hands out: solved, unless no grid can be in that state."""
    reason = collapsed(request.grid, v, request.kept)
    return PowerFlowResult(v, not reason, iterations, reason)


def scheduled(grid: Grid, load: float = 1.0) -> PowerFlowRequest:
    """A grid's own state as it is scheduled.

    It starts from the grid's own voltages or from 1 p.u. at the angles of the DC model, whichever misses less power; voltages
    that are held are as they are held, the slack bus is at its own angle. Of several units at a bus the last in service says
    what is held, as in MATPOWER.
    """
    units, on = grid.units, grid.units.in_service
    given = -load * (grid.buses.pd + 1j * grid.buses.qd)
    np.add.at(given, units.bus[on], units.p[on] + 1j * units.q[on])  # reactive where the voltage floats
    held = np.setdiff1d(np.flatnonzero(grid.buses.kind == PV), [grid.slack])
    size, keeps = np.ones(grid.n_bus), np.isin(np.arange(grid.n_bus), np.append(held, grid.slack))
    size[units.bus[on]] = units.vset[on]
    injection = np.asarray((given + grid.dc_injection()) / grid.base_mva, complex)
    found = [
        PowerFlowRequest(grid, injection, v, held) for v in _starts(grid, injection, np.where(keeps, size, np.nan))
    ]
    ybus = admittance(grid).ybus
    return min(found, key=lambda r: np.nan_to_num(np.abs(mismatch(r, r.v, ybus)), nan=np.inf).sum())


def _starts(grid: Grid, injection: Complexes, kept: Floats) -> list[Complexes]:
    """(bus,) voltages to start from: those of the DC model, the grid's own; `kept`: (bus,) p.u., NaN where they float."""
    buses, slack = grid.buses, grid.slack
    angle = buses.va[slack] + start_angles(grid, injection.real)
    own = np.where((buses.vm > 0) & np.isfinite(buses.vm), buses.vm, 1.0)
    pairs = ((np.ones(grid.n_bus), angle), (own, np.nan_to_num(buses.va)))
    return [np.asarray(np.where(np.isnan(kept), m, kept) * np.exp(1j * a), complex) for m, a in pairs]


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
    low = collapsed(request.grid, result.v, request.kept)
    assert not low, f"said to be solved, but {low}"
    worst = np.abs(mismatch(request, result.v)).max()
    assert worst < TOLERANCE, f"said to be solved, but power misses by {worst:.1e} p.u."
    off = np.abs(np.abs(result.v) - np.abs(request.v))[request.held]
    assert off.max(initial=0.0) < TOLERANCE, "a held voltage is not at its set point"
    slack = request.grid.slack
    assert abs(result.v[slack] - request.v[slack]) < TOLERANCE, "the slack bus moved"
