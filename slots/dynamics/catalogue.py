"""The device models that come with BOS: the TOML files in `models/`."""

from functools import cache
from importlib import resources

from bos_core.objects.errors import ParameterError
from slots.dynamics.equations.model import DeviceModel, model_of


def names() -> list[str]:
    """Names of the official models."""
    folder = resources.files("slots.dynamics.models")
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))


def text_of(name: str) -> str:
    """The file of an official model.

    Raises:
        ParameterError: there is none of that name.
    """
    if name not in names():
        raise ParameterError(f"model {name!r} is unknown", f"choose one of: {', '.join(names())}, or name a TOML file")
    return resources.files("slots.dynamics.models").joinpath(f"{name}.toml").read_text(encoding="utf-8")


@cache
def official(name: str) -> DeviceModel:
    """An official model.

    Raises:
        ParameterError: there is none of that name.
    """
    return model_of(text_of(name))
