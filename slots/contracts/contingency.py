"""Contingencies beyond single branches: any branches and units that are lost together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from bos_core.objects.errors import ParameterError
from slots.contracts.n1 import LOADING_TOLERANCE, VOLTAGE_TOLERANCE
from slots.grid.model import Bools, Floats, Ints
from slots.grid.network import Network
from slots.grid.operating_point import OperatingPoint
from slots.grid.outage import Hour, hour_before


@dataclass(frozen=True)
class Contingency:
    """What is lost at once: (n,) positions of branches and of units."""

    name: str
    branches: Ints
    units: Ints


def contingencies_of(network: Network, listed: Iterable[tuple[str, Sequence[str]]]) -> list[Contingency]:
    """Contingencies from names of branches and units.

    Raises:
        ParameterError: an element is neither a branch nor a unit in service on the network.
    """
    grid = network.grid
    branches = {str(k): i for i, k in enumerate(grid.branches.name) if grid.branches.in_service[i]}
    units = {str(k): i for i, k in enumerate(grid.units.name) if grid.units.in_service[i]}
    out = []
    for name, elements in listed:
        for element in elements:
            if element not in branches and element not in units:
                near = get_close_matches(element, [*branches, *units], 3) or [*list(branches)[:2], *list(units)[:1]]
                raise ParameterError(
                    f"contingency '{name}': '{element}' is no branch or unit in service on the network kept",
                    f"use names of the grid: {', '.join(near)}, …",
                )
        out.append(
            Contingency(
                name,
                np.array([branches[e] for e in elements if e in branches], dtype=np.int64),
                np.array([units[e] for e in elements if e not in branches], dtype=np.int64),
            )
        )
    return out


def unit_outages(network: Network) -> list[Contingency]:
    """The loss of each unit in service."""
    units, none = network.grid.units, np.zeros(0, dtype=np.int64)
    return [Contingency(str(units.name[g]), none, np.array([g])) for g in np.flatnonzero(units.in_service)]


def hour_after(network: Network, point: OperatingPoint, units: Ints) -> Hour:
    """The hour without some units; the others stay at their place in their reactive range, and hold voltages where they can."""
    on, p = point.on.copy(), point.p.copy()
    on[units], p[units] = False, 0.0
    (low, high), (low_before, high_before) = network.reactive_range(on), network.reactive_range(point.on)
    before = high_before - low_before
    place = np.divide(point.q - low_before, before, out=np.zeros_like(before), where=before > 1e-9)
    q = low + place * (high - low)
    injection = point.fixed + (network.unit_map @ p + 1j * q) / network.grid.base_mva
    return hour_before(network, point.v, injection, q, on, network.voltage_controlled(on), point.shunt, point.tap)


@dataclass(frozen=True)
class ListedResult:
    """Worst figures of listed contingencies; arrays are (hour, contingency), as in `N1Result`.

    Attributes:
        lost_load: MW cut off; lost_generation: MW of lost units and of what is cut off.
    """

    converged: Bools
    loading: Floats
    branch: Ints
    vmin: Floats
    vmax: Floats
    margin: Floats
    lost_load: Floats
    lost_generation: Floats

    @classmethod
    def empty(cls, hours: int, contingencies: int) -> ListedResult:
        """Nothing known yet."""
        shape = (hours, contingencies)
        loading, vmin, vmax, margin = (np.full(shape, np.nan) for _ in range(4))
        no_branch, none = np.full(shape, -1, np.int64), np.zeros(shape)
        return cls(np.zeros(shape, bool), loading, no_branch, vmin, vmax, margin, none, none.copy())

    def insecure(self) -> Bools:
        """(hour, contingency) what breaks a limit or has no power flow."""
        return ~self.converged | (self.loading > 1 + LOADING_TOLERANCE) | (self.margin > VOLTAGE_TOLERANCE)
