"""Programs by slot and name: those that come with BOS and those of users, and the parameters of each."""

import os
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError

from bos_core.objects.container import ContainerMode
from bos_core.objects.errors import ParameterError, ProgramError
from bos_core.objects.program import Program, ProgramState
from bos_core.plump.models import repository
from bos_core.plump.official import official
from bos_core.plump.programs import KIND, custom, found
from bos_core.plump.source import parameters_of, read


def programs(slot: str | None = None) -> list[Program]:
    """All programs, of one slot or all; of a user's the version that its name alone means."""
    return [*official(slot), *custom(slot)]


def program(slot: str, name: str) -> Program:
    """The program called `name` in a slot; NAME@VERSION is one version of a user's.

    Raises:
        ParameterError: there is none.
    """
    own = next((p for p in official(slot) if p.name == name), None)
    if own is not None:
        return own
    base, _, version = name.partition("@")
    if base in repository().names(KIND) and (user := found(base, version)).slot == slot:
        return user
    names = ", ".join(p.name for p in programs(slot))
    raise ParameterError(f"algorithm '{name}' is unknown in slot {slot}", f"choose one of: {names}")


def pinned(slot: str, name: str) -> str:
    """The name that means the same version for ever."""
    chosen = program(slot, name)
    return f"{chosen.name}@{chosen.version}" if chosen.version else name


def parameters(chosen: Program) -> type[BaseModel]:
    """The model of a program's parameters: names, types, units, ranges, defaults."""
    if chosen.version:
        return read(repository().text(KIND, chosen.name, chosen.version)).parameters
    return parameters_of(chosen.source, chosen.call.__name__)


def ready(slot: str, name: str, settings: dict[str, Any]) -> Program:
    """A program with its parameters set, to be called in this container.

    Raises:
        ParameterError: a parameter is unknown or out of range.
        ProgramError: the program is not launched, and this container is not for trials.
    """
    chosen = program(slot, name)
    here = os.environ.get("BOS_CONTAINER_MODE", ContainerMode.TRIAL)
    if chosen.state != ProgramState.LAUNCHED and here != ContainerMode.TRIAL:
        raise ProgramError(f"{name} is {chosen.state}, this container is {here}", "run it in a trial container")
    values = checked(chosen, settings)
    call = partial(chosen.call, **values) if values else chosen.call
    if chosen.confinement:
        from bos_core.plump.confinement.trial import here as trial

        chosen = replace(chosen, confinement=trial().in_force())
    return replace(chosen, call=call, content=chosen.sha256)


def checked(chosen: Program, settings: dict[str, Any]) -> dict[str, Any]:
    """Values of a program's parameters; defaults where none is given.

    Raises:
        ParameterError: one is unknown or out of range.
    """
    try:
        return parameters(chosen)(**settings).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(x) for x in first["loc"])
        known = ", ".join(parameters(chosen).model_fields) or "none"
        raise ParameterError(
            f"parameter {name} = {first['input']!r} of {chosen.name}: {first['msg']}", f"its parameters are: {known}"
        ) from None
