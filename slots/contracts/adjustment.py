"""Slot `adjustment`: make an insecure hour secure against every outage, with the least change.

Preventive changes move the hour's operating point; curative actions are only planned, and taken after their outage.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slots.contracts.curative import CurativeAction
from slots.grid.admittance import admittance, as_set
from slots.grid.model import Bools, Complexes, Floats, Ints
from slots.grid.network import Network
from slots.grid.operating_point import OperatingPoint

SHED_WEIGHT = 1_000.0  # a MW of load not served weighs as much as this many MW redispatched


@dataclass(frozen=True)
class AdjustmentRequest:
    """One hour.

    Attributes:
        network: the network.
        point: the hour as dispatched; its `low` and `high` already leave room for the ramps to its neighbours.
        demand: (bus,) MW of load that could be shed.
        contingencies: branch positions whose outage must be survived; none for the intact grid alone.
        insecure: the only cases (0: intact, else 1 + position in `contingencies`) that may be insecure at `point`,
            where verification has told; None where nothing is known.
        lost: (n,) positions in `contingencies` of outages without a power flow, where verification has told that
            nothing else is insecure; None otherwise.
    """

    network: Network
    point: OperatingPoint
    demand: Floats
    contingencies: Ints
    insecure: Ints | None = None
    lost: Ints | None = None


@dataclass(frozen=True)
class Adjusted:
    """The hour after adjustment.

    Attributes:
        point: the new operating point.
        moved: MW redispatched (half the sum of absolute changes).
        shed: MW of load not served.
        iterations: linear programs solved.
        secure: whether no violation is left.
        residual: worst violation left: share of a rating or p.u. of voltage; infinite without a solution.
        reason: empty, or why the hour could not be made secure.
        actions: what is to be done after some outages, at most once for each.
    """

    point: OperatingPoint
    moved: float
    shed: float
    iterations: int
    secure: bool
    residual: float
    reason: str
    actions: tuple[CurativeAction, ...] = ()


class AdjustmentAlgorithm(Protocol):
    """Adjusts one hour."""

    def __call__(self, request: AdjustmentRequest) -> Adjusted:
        """Adjust."""
        ...


def check_adjusted(request: AdjustmentRequest, result: Adjusted) -> None:
    """Invariants: power balances (1e-7 p.u.), units stay in their windows (1e-3 MW), shedding within demand."""
    net, point = request.network, result.point
    s = point.injection(net)
    v: Complexes = point.v
    ybus = as_set(net.grid, admittance(net.grid), point.shunt, point.tap).ybus
    assert np.abs(v * np.conj(ybus @ v) - s).max() < 1e-7, "power does not balance"
    inside: Bools = (point.p >= request.point.low - 1e-3) & (point.p <= request.point.high + 1e-3)
    assert inside.all(), "a unit leaves its window"
    assert (point.shed >= -1e-9).all(), "negative shedding"
    assert (point.shed <= np.maximum(request.demand, 0) + 1e-6).all(), "more shed than there is"
    outages = [a.outage for a in result.actions]
    assert len(set(outages)) == len(outages), "two actions after one outage"
    assert np.isin(outages, request.contingencies).all(), "an action after something that is no contingency"
