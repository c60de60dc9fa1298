"""Slot `n1`: AC power flow of every branch outage in every hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from slots.grid.model import Bools, Complexes, Floats, Ints
from slots.grid.network import Network
from slots.grid.outage import Hour, hour_before

POST_OUTAGE_VOLTAGE_MARGIN = 0.05  # p.u. by which voltages may leave their normal limits after an outage
LOADING_TOLERANCE = 1e-4  # of the rating
VOLTAGE_TOLERANCE = 1e-5  # p.u.


@dataclass(frozen=True)
class N1Request:
    """Hours to verify.

    Attributes:
        network: the network.
        v: (hour, bus) voltages of the intact grid (p.u.).
        injection: (hour, bus) scheduled injections (p.u.).
        controlled: (hour, bus) buses that hold their voltage.
        share: (hour, bus) share of a deficit that the units at each bus take; zero where no voltage is held.
        low, high: (hour, bus) p.u. between which the reactive injection of a controlled bus may lie.
        shunt: (hour, bus) p.u. of switched banks beyond the grid's own.
        tap: (hour, changer) ratios of tap changers beyond the grid's own.
    """

    network: Network
    v: Complexes
    injection: Complexes
    controlled: Bools
    share: Floats
    low: Floats
    high: Floats
    shunt: Floats
    tap: Floats

    @classmethod
    def of(cls, network: Network, hours: Sequence[Hour]) -> N1Request:
        """The verification of some intact hours."""
        sizes = dict.fromkeys((f.name for f in fields(Hour)), network.grid.n_bus) | {"tap": len(network.grid.changers)}
        columns = (np.array([getattr(x, k) for x in hours]).reshape(len(hours), n) for k, n in sizes.items())
        return cls(network, *columns)

    def hour(self, h: int) -> Hour:
        """One of the hours."""
        rows = (self.v, self.injection, self.controlled, self.share, self.low, self.high, self.shunt, self.tap)
        return Hour(*(x[h] for x in rows))


def request_for(
    network: Network, v: Complexes, injection: Complexes, q: Floats, on: Bools, shunt: Floats, tap: Floats
) -> N1Request:
    """The verification of hours as dispatched.

    Args:
        network: the network.
        v, injection: (hour, bus) voltages and scheduled injections (p.u.).
        q: (hour, bus) MVAr of the units at each bus.
        on: (hour, unit); shunt: (hour, bus) p.u. of switched banks; tap: (hour, changer).
    """
    hours = [
        hour_before(network, v[h], injection[h], q[h], on[h], network.voltage_controlled(on[h]), shunt[h], tap[h])
        for h in range(len(v))
    ]
    return N1Request.of(network, hours)


@dataclass(frozen=True)
class N1Result:
    """Worst figures per case; arrays are (hour, 1 + outage), case 0 is the intact grid.

    Attributes:
        contingencies: (outage,) branch positions.
        converged: whether a power flow exists (non-convergence is confirmed from two starts).
        loading: worst loading, share of the rating that applies; branch: where.
        vmin, vmax: extreme voltages (p.u.); margin: how far the worst voltage lies beyond its limit (p.u.).
        lost_load, lost_generation: MW cut off by an islanding outage.
        iterations: Newton steps that an engine counted; 0 where it does not.
    """

    contingencies: Ints
    converged: Bools
    loading: Floats
    branch: Ints
    vmin: Floats
    vmax: Floats
    margin: Floats
    lost_load: Floats
    lost_generation: Floats
    iterations: Ints

    def insecure(self) -> Bools:
        """(hour, 1 + outage) cases that break a limit or have no solution."""
        return ~self.converged | (self.loading > 1 + LOADING_TOLERANCE) | (self.margin > VOLTAGE_TOLERANCE)

    def to_arrays(self) -> dict[str, Any]:
        """Arrays for a file."""
        return {k: getattr(self, k) for k in self.__dataclass_fields__}


class N1Algorithm(Protocol):
    """Verifies every contingency of the network in every hour."""

    def __call__(self, request: N1Request) -> N1Result:
        """Verify."""
        ...


def limits(network: Network, outage: bool) -> tuple[Floats, Floats, Floats]:
    """(branch,) rating, (bus,) lowest and highest voltage that apply with or without an outage."""
    grid = network.grid
    margin = POST_OUTAGE_VOLTAGE_MARGIN if outage else 0.0
    rate = grid.branches.rate_emergency if outage else grid.branches.rate
    return rate, grid.buses.vmin - margin, grid.buses.vmax + margin


def check_n1(request: N1Request, result: N1Result) -> None:
    """Invariants: shapes, finite figures where converged, losses only where an outage splits the grid."""
    from slots.grid.connectivity import islanding_outages

    hours, cases = len(request.v), 1 + len(request.network.contingencies)
    assert result.loading.shape == (hours, cases), "a case is missing"
    assert np.isfinite(result.loading[result.converged]).all(), "a loading is not a number"
    splitting = islanding_outages(request.network.grid, result.contingencies)
    whole = np.array([k not in splitting for k in result.contingencies], dtype=bool)
    assert (result.lost_load[:, 1:][:, whole] == 0).all(), "load lost without an island"
