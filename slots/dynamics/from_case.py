"""From a power-flow case to a dynamic one: the power flow solved, plants at its units, other loads as impedances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bos_core.objects.errors import InfeasibleError, ParameterError
from slots.dynamics.devices import Device, DynamicCase, with_loads
from slots.dynamics.equations.code import Functions
from slots.grid.admittance import admittance
from slots.grid.model import Complexes, Ints
from slots.grid.newton import newton
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import Case

ROUNDING = 1e-10  # p.u.: what sums of large grids leave of a mismatch


@dataclass(frozen=True)
class Part:
    """A device of a plant: its model, and what differs from the model's values."""

    model: str
    parameters: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Plant:
    """What stands in the place of a unit, or at a bus in the place of some of its load.

    Attributes:
        rating: MVA.
        parts: the one that injects current, then its controllers.
        unit: row of the case's units; None for a load.
        bus: its number in the case; None for a unit.
        takes: MVA (P + jQ) taken from the bus; a compensator gives what is negative.
    """

    rating: float
    parts: tuple[Part, ...]
    unit: int | None = None
    bus: int | None = None
    takes: complex = 0j


def dynamic_case(case: Case, plants: Sequence[Plant], models: Mapping[str, Functions]) -> DynamicCase:
    """The case at its power flow, units as they are scheduled and hold voltages.

    Devices are named G1, G2, … by rows of units, B5 by a bus, controllers G1.SEXS. Units without a plant and the
    rest of loads become constant impedances.

    Raises:
        InfeasibleError: the case has no power flow.
        ParameterError: a unit or bus is not there.
    """
    grid, base, number = grid_from_case(case), case.base_mva, case.bus[:, 0].astype(int)
    adm, n = admittance(grid), grid.n_bus
    at = {int(k): i for i, k in enumerate(number)}
    gen = case.gen[case.gen[:, 7] > 0]
    bus = np.array([at[int(k)] for k in gen[:, 0]])
    demand: Complexes = np.asarray((case.bus[:, 2] + 1j * case.bus[:, 3]) / base, np.complex128)
    held, v0 = np.unique(bus), np.ones(n, complex)
    v0[bus] = gen[:, 5]
    scheduled: Complexes = np.asarray(np.bincount(bus, gen[:, 1] / base, n) - demand, np.complex128)
    flow = newton(adm.ybus, scheduled, v0, grid.slack, held[held != grid.slack], tolerance=1e-12)
    if flow.mismatch > ROUNDING:  # then from the state that the case comes with
        own = np.exp(1j * np.deg2rad(case.bus[:, 8]))
        own = own * np.where(np.isin(np.arange(n), held), np.abs(v0), case.bus[:, 7])
        flow = newton(adm.ybus, scheduled, own, grid.slack, held[held != grid.slack], tolerance=1e-12)
    if flow.mismatch > ROUNDING:
        raise InfeasibleError(f"case {case.name} has no power flow", "choose another operating point")
    made = flow.v * np.conj(adm.ybus @ flow.v) + demand
    count = np.bincount(bus, minlength=n)
    power: Complexes = np.asarray((made[bus] / count[bus]).imag * 1j + gen[:, 1] / base, np.complex128)
    of_slack = bus == grid.slack
    power[of_slack] = made[grid.slack] / of_slack.sum()
    devices: list[Device] = []
    left = demand - np.bincount(bus, power.real, n) - 1j * np.bincount(bus, power.imag, n)
    for plant in plants:
        here, injected, name = _injected(plant, power, bus, base, at)
        left[here] += injected
        head = Device(name, plant.parts[0].model, here, "", plant.rating, injected * base, plant.parts[0].parameters)
        devices += [
            head,
            *(Device(f"{name}.{p.model}", p.model, of=name, parameters=p.parameters) for p in plant.parts[1:]),
        ]
    return DynamicCase(base, with_loads(adm.ybus, flow.v, left), flow.v, tuple(devices), models)


def _injected(plant: Plant, power: Complexes, bus: Ints, base: float, at: dict[int, int]) -> tuple[int, complex, str]:
    """Position of the bus, p.u. injected, name."""
    if plant.unit is not None:
        if not 0 <= plant.unit < len(power):
            raise ParameterError(f"the case has no unit {plant.unit + 1}", f"it has {len(power)} in service")
        return int(bus[plant.unit]), complex(power[plant.unit]), f"G{plant.unit + 1}"
    if plant.bus not in at:
        raise ParameterError(f"the case has no bus {plant.bus}", "name a number of its table of buses")
    return at[plant.bus], -plant.takes / base, f"B{plant.bus}"
