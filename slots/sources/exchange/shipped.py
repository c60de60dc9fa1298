"""Networks that PowSyBl brings: its functions `create_NAME` and `create_NAME_network` that need no argument."""

import inspect
import logging
from typing import Any

from bos_core.objects.errors import GridError
from slots.grid.model import Grid
from slots.sources.exchange.reader import grid_of_network

_NO_NETWORKS = ("create_empty",)


def shipped_names() -> list[str]:
    """Their names, without what all share; imports PowSyBl."""
    import pypowsybl.network as networks

    return sorted(_short(n) for n, f in inspect.getmembers(networks, inspect.isfunction) if _makes_one(n, f))


def _short(function: str) -> str:
    return function.removeprefix("create_").removesuffix("_network")


def _makes_one(name: str, function: Any) -> bool:
    """Whether a function of PowSyBl makes a network from nothing."""
    needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    return name.startswith("create_") and name not in _NO_NETWORKS and not needed


def read_shipped(name: str) -> Grid:
    """A network that PowSyBl brings.

    Raises:
        GridError: PowSyBl is not installed, or it is no grid that can be planned.
    """
    try:
        import pypowsybl.network as networks
    except ImportError:
        raise GridError(
            f"powsybl:{name} needs PowSyBl, which is not installed", "pip install 'bos-power[formats]'"
        ) from None
    logging.getLogger("powsybl").setLevel(logging.ERROR)
    make = getattr(networks, f"create_{name}_network", None) or getattr(networks, f"create_{name}")
    return grid_of_network(make(), name, f"network {name} of the pypowsybl package", f"powsybl:{name}")
