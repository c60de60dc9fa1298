"""Slot `snapshot`: the initial operating point and its steady-state security."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slots.grid.admittance import admittance
from slots.grid.model import Complexes, Floats, Grid
from slots.grid.network import Network
from slots.grid.operating_point import OperatingPoint


@dataclass(frozen=True)
class Snapshot:
    """A solved and assessed operating point of the full grid.

    Attributes:
        point: the operating point.
        loss: MW in the grid.
        loading: (branch,) share of the continuous rating.
        adjusted: MW redispatched to meet the criteria; rounds: of adjustment.
        unmet: one sentence per criterion that cannot be met; empty when the state is secure.
    """

    point: OperatingPoint
    loss: float
    loading: Floats
    adjusted: float
    rounds: int
    unmet: tuple[str, ...]

    @property
    def v(self) -> Complexes:
        """(bus,) voltages (p.u.)."""
        return self.point.v


class SnapshotAlgorithm(Protocol):
    """Solves and secures the case's own state."""

    def __call__(self, grid: Grid) -> Snapshot:
        """Solve the initial snapshot."""
        ...


def check_snapshot(network: Network, snapshot: Snapshot) -> None:
    """Invariants: balance to 1e-7 p.u.; criteria hold unless listed as unmet."""
    v = snapshot.v
    s = snapshot.point.injection(network)
    assert np.abs(v * np.conj(admittance(network.grid).ybus @ v) - s).max() < 1e-7, "power does not balance"
    if not snapshot.unmet:
        mag = np.abs(v)
        live = network.grid.buses.kind != 4
        assert (mag[live] >= network.grid.buses.vmin[live] - 1e-4).all(), "voltage below its limit"
        assert (mag[live] <= network.grid.buses.vmax[live] + 1e-4).all(), "voltage above its limit"
        assert (snapshot.loading <= 1 + 1e-3).all(), "a branch above its rating"
