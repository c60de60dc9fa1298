"""What can be tuned of scheduling: `scheduler.toml` in the home; what it leaves out keeps its default.

[prices]        # of problem (2), in any currency
core = 0.01
[priority]      # of algorithm A2
patience = 600
"""

import tomllib
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

from bos_core.objects.errors import ParameterError
from bos_core.tccsp.priority import Beta
from bos_core.tccsp.provisioning import Prices

FILE = "scheduler.toml"
# Memory that nobody needs is no reason to change.
STAY = Prices(core=0.01, gib=0.1, container=0.01, change=2.0)
COMMON = Beta()

Values = TypeVar("Values", Prices, Beta)


@dataclass(frozen=True)
class Tuning:
    """Prices of containers, and parameters of the priority."""

    prices: Prices = STAY
    priority: Beta = COMMON


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
    return Tuning(_told(file, out.prices, told.get("prices")), _told(file, out.priority, told.get("priority")))


def _told(file: Path, values: Values, told: Any) -> Values:
    """Values with those in place that a section of the file tells."""
    if told is None:
        return values
    if not isinstance(told, dict):
        raise ParameterError(f"{file} tells sections as values", "write them as [prices] and [priority]")
    for name, value in told.items():
        if name not in vars(values):
            raise ParameterError(f"{file} tells {name}, which nobody reads", f"there are {_listed(vars(values))}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise ParameterError(f"{file} tells {name} = {value!r}", "give a number")
    return replace(values, **told)


def _listed(names: Any) -> str:
    return ", ".join(names)
