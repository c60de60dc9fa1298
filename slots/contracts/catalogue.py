"""Every slot: what a program that fits it is called with, what it returns, and the service that calls it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from slots.contracts.active_dispatch import ActiveDispatch
from slots.contracts.adequacy import Adequacy
from slots.contracts.adjustment import Adjusted
from slots.contracts.economic_dispatch import EconomicDispatch
from slots.contracts.loss_allocation import Allocation
from slots.contracts.maintenance import MaintenancePlan
from slots.contracts.modelling import SystemModel
from slots.contracts.n1 import N1Result
from slots.contracts.power_flow import PowerFlowResult
from slots.contracts.reactive_dispatch import ReactiveDispatch
from slots.contracts.representative_days import Days
from slots.contracts.screening import Ranking
from slots.contracts.snapshot import Snapshot
from slots.contracts.state_estimation import Estimate
from slots.contracts.unit_commitment import Border, Schedule
from slots.dynamics.time_domain import Response
from slots.grid.network import Network
from slots.sources.series import Series

DEVICE_MODEL = "device_model"


@dataclass(frozen=True)
class Slot:
    """A place where a program plugs in.

    Attributes:
        name: of the slot.
        domain, service: the service that calls the program, and the part of the business that it belongs to.
        arguments: names of the positional arguments; parameters of the program follow as keywords.
        result: type of what is returned; of its items where `many`.
        custom: whether users' algorithms fit; those of modelling read files, solvers in the time domain call compiled
            models, which confined programs cannot.
    """

    name: str
    domain: str
    service: str
    arguments: tuple[str, ...]
    result: type[Any]
    many: bool = False
    custom: bool = True


_ANNUAL, _OPERATION, _SECURITY, _DYNAMICS = "annual planning", "operation planning", "security", "dynamics"

SLOTS = {
    s.name: s
    for s in (
        Slot("modelling", _ANNUAL, "system modelling", ("request",), SystemModel, custom=False),
        Slot("snapshot", _ANNUAL, "initial snapshot", ("grid",), Snapshot),
        Slot("equivalence", _ANNUAL, "static equivalence", ("request",), Network),
        Slot("sequence", _ANNUAL, "annual sequence generation", ("request",), Series),
        Slot("borders", _OPERATION, "monthly unit commitment", ("horizon", "days"), Border, many=True),
        Slot("unit_commitment", _OPERATION, "unit commitment", ("horizon", "gap"), Schedule),
        Slot("active_dispatch", _OPERATION, "active power dispatch", ("request",), ActiveDispatch),
        Slot("reactive_dispatch", _OPERATION, "reactive power dispatch", ("request",), ReactiveDispatch),
        Slot("n1", _SECURITY, "N-1 verification", ("request",), N1Result),
        Slot("adjustment", _SECURITY, "adjustment under N-1 constraints", ("request",), Adjusted),
        Slot("economic_dispatch", _OPERATION, "economic dispatch", ("request",), EconomicDispatch),
        Slot("power_flow", _SECURITY, "power flow", ("request",), PowerFlowResult),
        Slot("screening", _SECURITY, "contingency screening", ("request",), Ranking),
        Slot("adequacy", _ANNUAL, "adequacy assessment", ("request",), Adequacy),
        Slot("representative_days", _ANNUAL, "representative days", ("request",), Days),
        Slot("maintenance", _ANNUAL, "maintenance scheduling", ("request",), MaintenancePlan),
        Slot("state_estimation", _SECURITY, "state estimation", ("request",), Estimate),
        Slot("load_forecast", _OPERATION, "load forecast", ("request",), np.ndarray),
        Slot("loss_allocation", _OPERATION, "loss allocation", ("request",), Allocation),
        Slot("time_domain", _DYNAMICS, "solver of time-domain simulation", ("request",), Response, custom=False),
        Slot(DEVICE_MODEL, _DYNAMICS, "time-domain simulation", (), object, custom=False),
    )
}
