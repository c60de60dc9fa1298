"""What can be tuned of scheduling: `scheduler.toml` in the home; what it leaves out keeps its default.

[prices]        # of problem (2), in any currency
core = 0.01
[priority]      # of algorithm A2
patience = 600
[cluster]       # where containers run; on this machine if left out
kind = "ssh"
hosts = ["node1", "node2"]
"""

import inspect
import tomllib
from dataclasses import dataclass, field, replace
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

from bos_core.objects.errors import ParameterError
from bos_core.tccsp.places.local import Here
from bos_core.tccsp.places.place import Place
from bos_core.tccsp.priority import Beta
from bos_core.tccsp.provisioning import Prices

FILE = "scheduler.toml"
# Memory that nobody needs is no reason to change.
STAY = Prices(core=0.01, gib=0.1, container=0.01, change=2.0)
COMMON = Beta()
PLACES = {"ssh": "Ssh", "slurm": "Slurm", "kubernetes": "Kubernetes"}
TYPES = {str: "a text", float: "a number", int: "a whole number", tuple[str, ...]: "a list of texts"}

SECTIONS = "write them as [prices], [priority] and [cluster]"

Values = TypeVar("Values", Prices, Beta)


@dataclass(frozen=True)
class Tuning:
    """Prices of containers, parameters of the priority, and where containers run."""

    prices: Prices = STAY
    priority: Beta = COMMON
    cluster: Place = field(default_factory=Here, compare=False)


def tuning(home: Path) -> Tuning:
    """What a home's file says.

    Raises:
        ParameterError: the file cannot be read, or has a section, a name or a value that means nothing.
    """
    file = home / FILE
    try:
        told = tomllib.loads(file.read_text())
    except FileNotFoundError:
        return Tuning()
    except (OSError, ValueError) as error:
        raise ParameterError(f"{file} cannot be read ({error})", "mend it, or remove it") from None
    out = Tuning()
    for section in told:
        if section not in vars(out):
            raise ParameterError(f"{file} has a section [{section}]", f"there are {_listed(vars(out))}")
    cluster = _place(home, file, told["cluster"]) if "cluster" in told else out.cluster
    return Tuning(_told(file, out.prices, told.get("prices")), _told(file, out.priority, told.get("priority")), cluster)


def _told(file: Path, values: Values, told: Any) -> Values:
    """Values with those in place that a section of the file tells."""
    if told is None:
        return values
    if not isinstance(told, dict):
        raise ParameterError(f"{file} tells sections as values", SECTIONS)
    for name, value in told.items():
        if name not in vars(values):
            raise ParameterError(f"{file} tells {name}, which nobody reads", f"there are {_listed(vars(values))}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise ParameterError(f"{file} tells {name} = {value!r}", "give a number")
    return replace(values, **told)


def _place(home: Path, file: Path, told: Any) -> Place:
    """The place that the section [cluster] tells."""
    if not isinstance(told, dict):
        raise ParameterError(f"{file} tells sections as values", SECTIONS)
    kind = told.get("kind")
    if kind not in PLACES:
        raise ParameterError(f"{file} tells kind = {kind!r} of the cluster", f"there are {_listed(PLACES)}")
    try:
        found = getattr(import_module(f"bos_core.tccsp.places.{kind}"), PLACES[kind])
    except ModuleNotFoundError as error:
        raise ParameterError(
            f"a cluster by {kind} needs the package {error.name}", "pip install 'bos-power[cluster]'"
        ) from None
    wanted = {n: p for n, p in inspect.signature(found).parameters.items() if n != "home"}
    given = {n: tuple(v) if isinstance(v, list) else v for n, v in told.items() if n != "kind"}
    for name, value in given.items():
        if name not in wanted:
            raise ParameterError(f"{file} tells {name}, which nobody reads", f"there are {_listed(wanted)}")
        if not _is(value, wanted[name].annotation):
            raise ParameterError(f"{file} tells {name} = {told[name]!r}", f"give {TYPES[wanted[name].annotation]}")
    for name, parameter in wanted.items():
        if parameter.default is inspect.Parameter.empty and not given.get(name):
            raise ParameterError(
                f"{file} tells no {name} of the cluster by {kind}", f"give {TYPES[parameter.annotation]}"
            )
    out: Place = found(home, **given)
    return out


def _is(value: Any, kind: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if kind in (str, int):
        return type(value) is kind
    return isinstance(value, tuple) and all(isinstance(v, str) for v in value)


def _listed(names: Any) -> str:
    return ", ".join(names)
