"""Slot `adjustment`: make an insecure hour secure against every outage, with the least change.

Preventive changes move the hour's operating point; curative actions are only planned, and taken after their outage.
"""

from dataclasses import dataclass
from enum import StrEnum
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


class Limit(StrEnum):
    """What is broken."""

    LOADING = "branch loading"
    VOLTAGE = "bus voltage"
    REACTIVE = "reactive range"
    POWER_FLOW = "no power flow"


class Why(StrEnum):
    """Why it stays broken; effects are those of the linear model about the point found."""

    NOTHING = "nothing that may move changes it"
    USED_UP = "all that may move is used up"
    COMMITMENT = "only units that are off could mend it"
    CAPACITY = "the units that run and go on are too small for the load that does"
    LOAD = "only load not served beforehand could mend it"
    OTHERS = "other limits stand against what could mend it"
    STEPS = "the search stopped before it was mended"
    REACTIVE = "reactive power is short: with more a power flow would exist"
    GRID = "no power flow even with unlimited reactive power: more than the rest of the grid carries"
    UNKNOWN = "not looked into, others of the hour are worse"


@dataclass(frozen=True)
class Left:
    """Something that stays insecure in an hour.

    Attributes:
        outage: position of the branch that fails; -1: the intact grid.
        limit: what is broken, worst; `where`: position of the branch or bus, -1 where there is no power flow.
        beyond: by how much: share of the rating, p.u. of voltage, MVAr; infinite without a power flow.
        why: the kind of reason.
    """

    outage: int
    limit: Limit
    where: int
    beyond: float
    why: Why

    def __post_init__(self) -> None:
        """Words from a file or from confinement become the kinds they name."""
        object.__setattr__(self, "limit", Limit(self.limit))
        object.__setattr__(self, "why", Why(self.why))

    def told(self, network: Network) -> str:
        """In words."""
        grid = network.grid
        case = f"after the outage of {grid.branches.name[self.outage]}" if self.outage >= 0 else "in the intact grid"
        if self.limit is Limit.LOADING:
            what = f"{grid.branches.name[self.where]} is loaded to {100 * (1 + self.beyond):.1f} %"
        elif self.limit is Limit.VOLTAGE:
            what = f"bus {grid.buses.number[self.where]} is {self.beyond:.4f} p.u. beyond its voltage limit"
        elif self.limit is Limit.REACTIVE:
            what = f"the units at bus {grid.buses.number[self.where]} give {self.beyond:.2f} MVAr more than they can"
        else:
            what = "there is no power flow"
        return f"{case} {what}: {self.why}"


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
        left: what stays insecure, worst first.
    """

    point: OperatingPoint
    moved: float
    shed: float
    iterations: int
    secure: bool
    residual: float
    reason: str
    actions: tuple[CurativeAction, ...] = ()
    left: tuple[Left, ...] = ()


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
    assert not (result.secure and result.left), "something is told to stay insecure in a secure hour"
    assert not np.isin([x.outage for x in result.left], outages).any(), "insecure although an action follows it"
