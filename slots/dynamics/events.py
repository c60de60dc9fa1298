"""What happens to a network in the time domain."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sparse

from bos_core.objects.errors import ParameterError
from slots.dynamics.system import System


class Event(Protocol):
    """Something that happens at a time (s)."""

    @property
    def at(self) -> float:
        """When, s."""
        ...

    def check(self, system: System) -> None:
        """Whether what it names is there.

        Raises:
            ParameterError: it is not.
        """
        ...

    def act(self, system: System) -> None:
        """Let it happen."""
        ...


@dataclass(frozen=True)
class Shunt:
    """An admittance (p.u.) added at a bus: a load step, a bank, a fault, or its end (the negative)."""

    bus: int
    admittance: complex
    at: float

    def check(self, system: System) -> None:
        """The bus must be one."""
        if not 0 <= self.bus < system.buses:
            raise ParameterError(f"bus {self.bus} of an event is none", f"there are {system.buses} buses")

    def act(self, system: System) -> None:
        """Add it."""
        n = system.buses
        system.set_ybus(system.ybus + sparse.csc_matrix(([self.admittance], ([self.bus], [self.bus])), (n, n)))


def fault(bus: int, at: float, cleared: float, reactance: float = 1e-4) -> tuple[Shunt, Shunt]:
    """A three-phase fault at a bus through a reactance (p.u.), and its end."""
    y = 1 / (1j * reactance)
    return Shunt(bus, y, at), Shunt(bus, -y, cleared)


@dataclass(frozen=True)
class BranchTrip:
    """A branch goes: its (2, 2) admittances (p.u.) between two buses are taken away."""

    f: int
    t: int
    admittance: tuple[tuple[complex, complex], tuple[complex, complex]]
    at: float

    def check(self, system: System) -> None:
        """There must be admittance between the buses."""
        n = system.buses
        if not (0 <= self.f < n and 0 <= self.t < n) or system.case.ybus[self.f, self.t] == 0:
            raise ParameterError(f"no branch joins buses {self.f} and {self.t}", "name the two ends of one")

    def act(self, system: System) -> None:
        """Take it away."""
        n, ends = system.buses, [self.f, self.t]
        rows, columns = np.repeat(ends, 2), np.tile(ends, 2)
        system.set_ybus(system.ybus - sparse.csc_matrix((np.array(self.admittance).ravel(), (rows, columns)), (n, n)))


@dataclass(frozen=True)
class DeviceTrip:
    """A device injects no current any more."""

    device: str
    at: float

    def check(self, system: System) -> None:
        """There must be such a device, which injects."""
        device = _device(system, self.device)
        if system.case.devices[device].of:
            raise ParameterError(f"{self.device} injects nothing", "trip the device that it controls")

    def act(self, system: System) -> None:
        """Trip it."""
        group, i = system.place(self.device)
        group.scale[i] = 0.0


@dataclass(frozen=True)
class Change:
    """A set point, a parameter or an input that nothing feeds changes by so much."""

    device: str
    name: str
    by: float
    at: float

    def check(self, system: System) -> None:
        """The device must have it."""
        device = system.case.devices[_device(system, self.device)]
        made = system.case.models[device.model]
        group, i = system.place(self.device)
        free = [n for k, n in enumerate(made.inputs) if group.fed[k, i] < 0]
        if self.name not in made.constants and self.name not in free:
            raise ParameterError(
                f"{self.device} has no {self.name} to change", f"choose from {', '.join([*made.constants, *free])}"
            )

    def act(self, system: System) -> None:
        """Change it."""
        group, i = system.place(self.device)
        if self.name in group.made.constants:
            group.p[group.made.constants.index(self.name), i] += self.by
        else:
            group.u[group.made.inputs.index(self.name), i] += self.by


def _device(system: System, name: str) -> int:
    names = [d.name for d in system.case.devices]
    if name not in names:
        raise ParameterError(f"device {name!r} of an event is none", f"choose from {', '.join(names[:8])}, …")
    return names.index(name)
