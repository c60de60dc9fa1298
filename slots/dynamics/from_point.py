"""From an hour's operating point to a dynamic case: plants of class models at the units that run, the rest as impedances."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from slots.dynamics.devices import Device, DynamicCase, with_loads
from slots.dynamics.equations.code import Functions
from slots.grid.admittance import admittance, as_set
from slots.grid.model import THERMAL
from slots.grid.network import Network
from slots.grid.operating_point import OperatingPoint

LEAST_SHARE = 0.05  # of a unit that stands at a bus, below which its part is an impedance
LEAST_MW = 1.0
POWER_FACTOR = 0.85  # of a machine's rating


@dataclass(frozen=True)
class PlantModels:
    """Names of the models of a class: a machine and its controllers for thermal units, a converter for the others."""

    machine: str = "GENTWO"
    exciter: str = "SEXS"
    governor: str = "TGOV1"
    converter: str = "INVPQ"

    def names(self) -> tuple[str, ...]:
        """All of them."""
        return self.machine, self.exciter, self.governor, self.converter


def dynamic_of(
    network: Network, point: OperatingPoint, plants: PlantModels, models: Mapping[str, Functions]
) -> DynamicCase:
    """The case of a point.

    A unit that acts on several buses stands at each with its share; reactive power of a bus is shared by rating. Devices
    are called UNIT@BUS, their controllers UNIT@BUS.MODEL.
    """
    grid, base = network.grid, network.grid.base_mva
    ybus = as_set(grid, admittance(grid), point.shunt, point.tap).ybus
    injected = point.v * np.conj(ybus @ point.v)
    shares = network.unit_map.tocoo()
    taken = (
        (shares.data >= LEAST_SHARE) & point.on[shares.col] & (np.abs(point.p[shares.col] * shares.data) >= LEAST_MW)
    )
    bus, unit, share = shares.row[taken], shares.col[taken], shares.data[taken]
    p = point.p[unit] * share
    rating = np.maximum(grid.units.pmax[unit] * share, np.abs(p)) / POWER_FACTOR
    at_bus = np.bincount(bus, rating, grid.n_bus)
    q = point.q[bus] * rating / at_bus[bus]
    rating = np.maximum(rating, np.hypot(p, q) / 0.95)
    devices: list[Device] = []
    left = -injected
    for b, g, mw, mvar, mva in zip(bus, unit, p, q, rating, strict=True):
        name = f"{grid.units.name[g]}@{grid.buses.number[b]}"
        machine = grid.units.kind[g] == THERMAL
        devices.append(
            Device(name, plants.machine if machine else plants.converter, int(b), "", float(mva), complex(mw, mvar))
        )
        left[b] += complex(mw, mvar) / base
        if machine:
            devices += [Device(f"{name}.{m}", m, of=name) for m in (plants.exciter, plants.governor)]
    return DynamicCase(base, with_loads(ybus, point.v, left), point.v, tuple(devices), models)
