"""Slot `active_dispatch`: the outputs of a day's committed units, with ramps, network limits and losses."""

from dataclasses import dataclass
from typing import Protocol

from slots.contracts.unit_commitment import Horizon, Schedule, check_schedule
from slots.grid.model import Bools, Floats, Ints
from slots.grid.security import NONE, Pairs


@dataclass(frozen=True)
class ActiveRequest:
    """A committed horizon.

    Attributes:
        horizon: its `demand` without losses.
        on: (hour, unit) commitment.
        ptdf: (branch, bus); f, t: (branch,) ends; r_mw: (branch,) MW lost per MW squared.
        pairs: what the horizon watches after outages.
        planned: (hour, unit) MW whose flows tell the losses to begin with; None to begin without.
    """

    horizon: Horizon
    on: Bools
    ptdf: Floats
    f: Ints
    t: Ints
    r_mw: Floats
    pairs: Pairs = NONE
    planned: Floats | None = None


@dataclass(frozen=True)
class ActiveDispatch:
    """The dispatch; `loss`: (hour,) MW that it covers."""

    schedule: Schedule
    loss: Floats
    horizon: Horizon


class ActiveDispatchAlgorithm(Protocol):
    """Dispatches a committed horizon."""

    def __call__(self, request: ActiveRequest) -> ActiveDispatch:
        """Dispatch."""
        ...


def check_active(request: ActiveRequest, result: ActiveDispatch) -> None:
    """Invariants: those of a schedule on the horizon with losses; the commitment is the one given."""
    thermal = request.horizon.units.kind == "thermal"
    assert (result.schedule.on[:, thermal] == request.on[:, thermal]).all(), "commitment changed"
    check_schedule(result.horizon, result.schedule)
    assert (result.loss >= 0).all() or (request.r_mw < 0).any(), "negative losses"  # equivalents may have r < 0
