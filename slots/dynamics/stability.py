"""Dispatch and dynamics in a closed loop: virtual inertia and damping are required until frequency holds.

Real-time dispatch with virtual inertia, its AC operating point, the trip of a machine in the time domain; where the
frequency falls too far or too fast, the requirements grow by what is missing, and the dispatch is made again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bos_core.objects.errors import InfeasibleError
from slots.dynamics.machines import Machines
from slots.dynamics.operating_point import AcPoint, ac_point
from slots.dynamics.swing import HZ, Response, Trip, simulate
from slots.grid.admittance import admittance
from slots.grid.model import Floats, Ints
from slots.scheduling import cases
from slots.scheduling.routines.dispatch import RealTimeDispatchInertia
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import Case

MAX_ROUNDS = 12
GROWTH = 1.15  # of a requirement, at least, when it is not enough

Engine = Callable[[Case, AcPoint, Machines, Trip], Response]


@dataclass(frozen=True)
class Converters:
    """Converters in the place of machines; arrays are (converter,)."""

    machine: Ints
    inertia_most: Floats
    damping_most: Floats
    inertia_price: Floats
    damping_price: Floats


@dataclass(frozen=True)
class Limits:
    """Frequency limits after a trip: Hz, Hz/s."""

    nadir: float = 59.5
    rocof: float = 1.0


@dataclass(frozen=True)
class Round:
    """One round of the loop: requirements, schedule, point and response."""

    inertia_need: float
    damping_need: float
    p: Floats
    inertia: Floats
    damping: Floats
    cost: float
    point: AcPoint
    response: Response

    def holds(self, limits: Limits) -> bool:
        """Whether the frequency stays within limits."""
        return self.response.nadir >= limits.nadir and self.response.rocof <= limits.rocof


def time_domain(case: Case, point: AcPoint, machines: Machines, trip: Trip) -> Response:
    """The trip in the engine of `slots.dynamics.swing`; machines in the order of the case's units."""
    ybus = admittance(grid_from_case(case)).ybus.toarray()
    demand = case.bus[:, 2] + 1j * case.bus[:, 3]
    return simulate(ybus, point.v, point.p, point.q, demand, case.base_mva, machines, trip)


def dispatch_parameters(case: Case, converters: Converters, reserve: float = 0.02) -> dict[str, Any]:
    """Parameters of `RealTimeDispatchInertia` but the requirements; `reserve`: regulation as a share of load."""
    live = cases.Live.of(case)
    net = cases.network(live)
    kept = {k: net[k] for k in ("demand", "ends", "stiffness", "twist", "reference", "rate", "rated")}
    units = {k: v for k, v in cases.units(live).items() if k not in cases.PIECES}
    n, need = len(live.units), np.full((1, 1), reserve * case.bus[:, 2].sum())
    return {
        **kept, **units, "p_before": case.gen[live.units, 1], "rise_most": np.full(n, np.inf),
        "fall_most": np.full(n, np.inf), "moving": 0.0, "zone_of": np.ones((1, n)), "up_need": need, "down_need": need,
        "area_of": np.ones((1, len(converters.machine))), "inertia_most": converters.inertia_most,
        "damping_most": converters.damping_most, "inertia_price": converters.inertia_price,
        "damping_price": converters.damping_price,
    }  # fmt: skip


def stability_scheduling(
    case: Case, machines: Machines, converters: Converters, trip: Trip, limits: Limits,
    start: tuple[float, float], engine: Engine = time_domain,
) -> list[Round]:  # fmt: skip
    """Rounds of the loop, the last one within limits.

    Args:
        start: first requirements of virtual inertia (s) and damping (p.u.), sums over the converters.

    Raises:
        InfeasibleError: not even all that the converters can give is enough.
    """
    data = dispatch_parameters(case, converters)
    top = np.array([converters.inertia_most.sum(), converters.damping_most.sum()])
    need = np.minimum(np.array(start, float), top)
    problem = RealTimeDispatchInertia.compile({**data, "inertia_need": need[:1], "damping_need": need[1:]})
    rounds: list[Round] = []
    for _ in range(MAX_ROUNDS):
        problem.update(inertia_need=need[:1], damping_need=need[1:])
        done = _round(case, problem.solve(), need, machines, converters, trip, engine)
        rounds.append(done)
        if done.holds(limits):
            return rounds
        if (need >= top - 1e-9).all():
            break
        need = np.minimum(need * _growth(done.response, limits), top)
    told = rounds[-1].response
    raise InfeasibleError(
        f"frequency falls to {told.nadir:.2f} Hz at {told.rocof:.2f} Hz/s with all the converters can give",
        "add converters or spinning reserve, or commit more machines",
    )


def _round(
    case: Case, solved: Any, need: Floats, machines: Machines, converters: Converters, trip: Trip, engine: Engine
) -> Round:
    inertia, damping = np.array(solved["M"]), np.array(solved["D"])
    point = ac_point(case, solved["p"][0])
    # a machine without inertia would have no speed of its own
    equipped = machines.as_converters(converters.machine, np.maximum(inertia, 0.1), damping)
    response = engine(case, point, equipped, trip)
    return Round(float(need[0]), float(need[1]), solved["p"][0], inertia, damping, solved.cost, point, response)


def _growth(response: Response, limits: Limits) -> Floats:
    """Factors on inertia, which sets how fast frequency falls, and damping, which sets how far."""
    fast = response.rocof / limits.rocof
    deep = (HZ - response.nadir) / (HZ - limits.nadir)
    return np.array([max(fast, GROWTH if deep > 1 else 1.0), max(deep, GROWTH) if deep > 1 else 1.0])


def without_schedule(machines: Machines, converters: Converters) -> Machines:
    """Converters that give what the machines they replace had (the paper's second case)."""
    at = converters.machine
    return replace(machines, governed=_off(machines, at))


def _off(machines: Machines, at: Ints) -> Any:
    out = machines.governed.copy()
    out[at] = False
    return out
