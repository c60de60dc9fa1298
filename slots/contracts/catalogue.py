"""Every slot: what a program that fits it is called with, what it returns, and the service that calls it."""

from dataclasses import dataclass
from typing import Any

from slots.contracts.active_dispatch import ActiveDispatch
from slots.contracts.adjustment import Adjusted
from slots.contracts.modelling import SystemModel
from slots.contracts.n1 import N1Result
from slots.contracts.reactive_dispatch import ReactiveDispatch
from slots.contracts.snapshot import Snapshot
from slots.contracts.unit_commitment import Border, Schedule
from slots.grid.network import Network
from slots.sources.series import Series


@dataclass(frozen=True)
class Slot:
    """A place where a program plugs in.

    Attributes:
        name: of the slot.
        service: that calls the program.
        arguments: names of the positional arguments; parameters of the program follow as keywords.
        result: type of what is returned; of its items where `many`.
        custom: whether users' programs fit; those of the others read files, which confined programs cannot.
    """

    name: str
    service: str
    arguments: tuple[str, ...]
    result: type[Any]
    many: bool = False
    custom: bool = True


_ANNUAL, _OPERATION, _SECURITY = "annual planning", "operation planning", "security"

SLOTS = {
    s.name: s
    for s in (
        Slot("modelling", _ANNUAL, ("request",), SystemModel, custom=False),
        Slot("snapshot", _ANNUAL, ("grid",), Snapshot),
        Slot("equivalence", _ANNUAL, ("request",), Network),
        Slot("sequence", _ANNUAL, ("request",), Series),
        Slot("borders", _OPERATION, ("horizon", "days"), Border, many=True),
        Slot("unit_commitment", _OPERATION, ("horizon", "gap"), Schedule),
        Slot("active_dispatch", _OPERATION, ("request",), ActiveDispatch),
        Slot("reactive_dispatch", _OPERATION, ("request",), ReactiveDispatch),
        Slot("n1", _SECURITY, ("request",), N1Result),
        Slot("adjustment", _SECURITY, ("request",), Adjusted),
    )
}
