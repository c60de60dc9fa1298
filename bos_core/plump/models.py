"""Device models that users submit: accepted, kept with their versions, found by name beside the official ones."""

from getpass import getuser

from bos_core.objects.errors import BosError, ParameterError
from slots.dynamics.acceptance import accept
from slots.dynamics.catalogue import names, text_of
from slots.dynamics.equations.model import DeviceModel, model_of
from storage.repository import Repository, Version
from storage.settings import settings

KIND = "device-model"


def repository() -> Repository:
    """Where what users submit is kept: `programs` in the home, a bare git repository."""
    return Repository(settings().home / "programs")


def submit(text: str, reason: str = "") -> Version:
    """Keep a model as the newest version of its name, if it holds its contract.

    Raises:
        EquationError, ParameterError: it does not, or has the name of an official model.
    """
    model = accept(text).made.model
    if model.name in names():
        raise ParameterError(f"{model.name} is the name of an official model", "give yours another name")
    return repository().put(KIND, model.name, text, getuser(), reason or model.description)


def model_text(name: str) -> str:
    """The file of a model: official, submitted (its newest version), or NAME@VERSION.

    Raises:
        ParameterError: there is none.
    """
    if name in names():
        return text_of(name)
    base, _, version = name.partition("@")
    submitted = repository().names(KIND)
    if base not in submitted:
        known = ", ".join([*names(), *submitted])
        raise ParameterError(f"model {name!r} is unknown", f"choose one of: {known}, or name a TOML file")
    return repository().text(KIND, base, version)


def pinned_model(name: str) -> str:
    """The name that means the same version for ever."""
    base, _, version = name.partition("@")
    return name if base in names() else f"{base}@{repository().version(KIND, base, version).id[:12]}"


def submitted() -> list[tuple[Version, DeviceModel]]:
    """The newest version of each model that users submitted."""
    kept = repository()
    return [(kept.version(KIND, n), model_of(kept.text(KIND, n))) for n in kept.names(KIND)]


def check() -> list[str]:
    """What is wrong with the submitted models, in words: damaged objects, texts that are no model of their name."""
    kept = repository()
    wrong = kept.check()
    for name in kept.names(KIND) if not wrong else []:
        for version in kept.history(KIND, name):
            try:
                found = model_of(kept.text(KIND, name, version.id)).name
            except BosError as error:
                wrong.append(f"{name}@{version.id[:10]}: {error.what}")
            else:
                if found != name:
                    wrong.append(f"{name}@{version.id[:10]} is a model called {found}")
    return wrong
