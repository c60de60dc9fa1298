"""What each stage gives back to the entity state, and whether it may."""

from typing import Any

import numpy as np

from bos_core.drwop import store
from bos_core.drwop.reader import Piece
from bos_core.drwop.writing import Update, write
from bos_core.index.client import Index
from bos_core.index.hourly_state import StateSource
from bos_core.index.scenarios import Changes
from bos_core.objects.data import Attribute
from storage.ontology.schema import schema

# stage: datasets that become the next version's hourly state
GIVEN_BACK = {
    "sequence": ("load", "load_q", "available", "floor", "inflow", "reserve"),
    "uc": ("on",),
    "apd": ("p", "energy"),
    "apd-check": ("p", "energy", "reserve_required", "reserve_short"),
    "rpd": ("p", "q", "vm", "va"),
    "rpd-check": ("p", "q", "vm", "va"),
    "adjust": ("p", "q", "vm", "va", "shed"),
}


def give_back(index: Index, set_id: str, stage: str, month: tuple[int, int], version: int, pieces: list[Piece]) -> None:
    """Backfill a stage's month into an open version; a version that is committed has it already.

    Raises:
        OntologyError: a value is not a number or out of the schema's range; nothing is written.
    """
    names = GIVEN_BACK.get(stage, ())
    first, hours = month
    problems = {n: p for n in names if (p := problem(n, store.Hourly(pieces).read(n, first, hours)))}
    changes = Changes(hourly=[(n, StateSource(set_id, stage, first, hours)) for n in names])
    write(index, Update(version, changes, problems))


def problem(dataset: str, values: Any) -> str:
    """What is wrong with an hourly array by the schema; empty if nothing is."""
    described = [a for a in schema() if a.hourly == dataset]
    data = np.asarray(values, float)
    optional = any(isinstance(a.default, float) and np.isnan(a.default) for a in described)
    if not optional and not np.isfinite(data).all():
        hour = int(np.argwhere(~np.isfinite(data))[0][0])
        return f"hour {hour} of the month holds a value that is not a number"
    for a in described:
        if (limit := _crossed(a, data)) is not None:
            return f"a value is outside the range of {a.attribute} ({limit:g} {a.unit})"
    return ""


def _crossed(a: Attribute, data: Any, tolerance: float = 1e-6) -> float | None:
    """The limit of the attribute's range that a value crosses; None if none does."""
    if a.minimum is not None and (data < a.minimum - tolerance).any():
        return a.minimum
    if a.maximum is not None and (data > a.maximum + tolerance).any():
        return a.maximum
    return None
