"""Devices on a network for the time domain: which model each has, and what feeds the inputs of each.

A machine, load or compensator injects a current (outputs I_re, I_im) at its bus; its controllers name it and see the same
bus. An input is fed by the output of the same name of a device of the same plant; V_re and V_im are the bus's voltage.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sparse

from bos_core.objects.errors import ParameterError
from slots.dynamics.equations.code import Functions
from slots.dynamics.equations.model import CURRENT
from slots.grid.model import Complexes, Floats

VOLTAGE = ("V_re", "V_im")


@dataclass(frozen=True)
class Device:
    """A device of a model.

    Attributes:
        name: its own, once in a case.
        model: name of its model.
        bus: position of its bus; a controller's is that of its plant.
        of: name of the device that a controller belongs to; empty for one that injects current.
        rating: MVA on which currents and powers are per unit; a controller's is that of its plant.
        injected: MVA it injects at the start, P + jQ; nothing for a controller.
        parameters: what differs from the model's own values.
    """

    name: str
    model: str
    bus: int = -1
    of: str = ""
    rating: float = 100.0
    injected: complex = 0j
    parameters: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class DynamicCase:
    """A network at an operating point, and its devices.

    Attributes:
        base_mva: MVA of the per-unit system.
        ybus: (bus, bus) admittance in p.u., loads that are no devices in it as constant impedances.
        v: (bus,) voltages at the start, p.u.
        models: the devices' models by name.
    """

    base_mva: float
    ybus: sparse.csc_matrix
    v: Complexes
    devices: tuple[Device, ...]
    models: Mapping[str, Functions]

    def plants(self) -> list[tuple[int, ...]]:
        """Positions of devices by plant, the one that injects first.

        Raises:
            ParameterError: two devices of one name, an unknown model or parameter, a controller of nothing.
        """
        at: dict[str, int] = {}
        for k, device in enumerate(self.devices):
            if device.name in at:
                raise ParameterError(f"device {device.name} occurs twice", "give each its own name")
            at[device.name] = k
            self._known(device)
        members: dict[str, list[int]] = {d.name: [k] for k, d in enumerate(self.devices) if not d.of}
        for k, device in enumerate(self.devices):
            if device.of:
                if device.of not in members:
                    raise ParameterError(
                        f"device {device.name} belongs to {device.of!r}, which injects nothing",
                        f"name one of: {', '.join(list(members)[:5])}",
                    )
                members[device.of].append(k)
        return [tuple(plant) for plant in members.values()]

    def _known(self, device: Device) -> None:
        if device.model not in self.models:
            raise ParameterError(
                f"model {device.model!r} of device {device.name} is unknown", f"use {', '.join(self.models)}"
            )
        made = self.models[device.model]
        for name in device.parameters:
            if name not in made.model.of("parameter"):
                raise ParameterError(
                    f"{name!r} of device {device.name} is no parameter of {device.model}",
                    f"choose from {', '.join(made.model.of('parameter'))}",
                )
        if bool(device.of) == (CURRENT[0] in made.model.outputs):
            raise ParameterError(
                f"device {device.name} ({made.model.kind}) {'belongs to a plant' if device.of else 'injects no current'}",
                "a device that injects current has a bus, a controller names the device that it controls",
            )
        if not device.of and not 0 <= device.bus < len(self.v):
            raise ParameterError(f"bus {device.bus} of device {device.name} is none", f"there are {len(self.v)} buses")

    def constants(self, device: Device) -> Floats:
        """(constant,) values of a device's parameters; set points are 0."""
        made = self.models[device.model]
        values = made.values(1)[:, 0]
        for name, value in device.parameters.items():
            values[made.constants.index(name)] = value
        return values


def feeding(case: DynamicCase, plant: tuple[int, ...]) -> dict[tuple[int, str], tuple[int, str]]:
    """What feeds inputs within a plant: (place of a device in it, input) → (place of a device in it, output).

    Raises:
        ParameterError: two devices give what a third takes.
    """
    made = [case.models[case.devices[k].model] for k in plant]
    out: dict[tuple[int, str], tuple[int, str]] = {}
    for i, taker in enumerate(made):
        for name in taker.inputs:
            givers = [j for j, giver in enumerate(made) if j != i and name in giver.model.outputs]
            if len(givers) > 1:
                names = " and ".join(case.devices[plant[j]].name for j in givers)
                raise ParameterError(
                    f"both {names} give {name} to {case.devices[plant[i]].name}", "keep one, or write a model of both"
                )
            if givers:
                out[i, name] = (givers[0], name)
    return out


def with_loads(ybus: sparse.spmatrix, v: Complexes, demand: Complexes) -> sparse.csc_matrix:
    """An admittance with loads ((bus,) p.u., P + jQ) as constant impedances at voltages v."""
    return sparse.csc_matrix(ybus + sparse.diags(np.conj(demand) / np.abs(v) ** 2))
