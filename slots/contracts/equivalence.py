"""Slot `equivalence`: a smaller network that behaves like the full grid at or above a voltage level."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slots.grid.model import Complexes, Grid
from slots.grid.network import Network


@dataclass(frozen=True)
class EquivalenceRequest:
    """What to reduce.

    Attributes:
        grid: the full grid.
        v: (bus,) voltages of the initial snapshot (p.u.).
        injection: (bus,) net injections of the initial snapshot without DC links (p.u.).
        keep_kv: buses at or above this voltage stay (kV); 0 keeps everything.
    """

    grid: Grid
    v: Complexes
    injection: Complexes
    keep_kv: float


class EquivalenceAlgorithm(Protocol):
    """Returns the network the year is computed on."""

    def __call__(self, request: EquivalenceRequest) -> Network:
        """Reduce the grid."""
        ...


def check_equivalence(request: EquivalenceRequest, network: Network) -> None:
    """Invariants: injections are conserved, every unit of a live bus acts somewhere, the base state is exact (1e-8 p.u.)."""
    from slots.grid.admittance import admittance

    share = np.asarray(network.load_map.sum(axis=0)).ravel()
    assert np.allclose(share[request.grid.live], 1.0, atol=1e-9), "load is lost or made"
    acts = np.asarray(network.unit_map.sum(axis=0)).ravel()
    there = np.unique(network.unit_of[request.grid.live[request.grid.units.bus]])
    assert np.allclose(acts[there], 1.0, atol=1e-9), "a unit is lost or made"
    assert network.load_map.data.min() >= -1e-9, "a share is negative"
    v = request.v[network.kept]
    given = network.load_map @ request.injection + network.correction
    given += network.grid.dc_injection() / network.grid.base_mva
    assert np.abs(v * np.conj(admittance(network.grid).ybus @ v) - given).max() < 1e-8, "base state not exact"
