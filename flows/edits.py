"""Changes to a scenario version as a user types them: `unit:101_1:pmax=20`, with a unit of measure if wanted."""

import json
import re
from typing import Any

from bos_core.drwop.writing import write_child
from bos_core.index import scenarios
from bos_core.index.client import Index
from bos_core.index.scenarios import Changes
from bos_core.objects.data import Category
from bos_core.objects.errors import OntologyError, ParameterError
from storage.ontology.schema import find

_QUANTITY = re.compile(r"(-?[\d.]+(?:e-?\d+)?)\s+(\S+)")


def edit_version(index: Index, parent: int, label: str, assignments: list[str], removed: list[str]) -> int:
    """A committed child of a version with some values set and some entities removed; its id.

    Raises:
        ParameterError: an assignment is not GID:ATTRIBUTE=VALUE.
        OntologyError: an entity or attribute does not exist, or a value is not valid; nothing is written.
    """
    values: list[tuple[Category, str, dict[str, Any]]] = []
    for text in assignments:
        place, equals, value = text.partition("=")
        gid, colon, name = place.rpartition(":")
        if not equals or not colon or ":" not in gid:
            raise ParameterError(f"'{text}' is not GID:ATTRIBUTE=VALUE", "write for example unit:101_1:pmax=20")
        category = find(name, gid.partition(":")[0]).category
        values.append((category, gid, {name: _value(value)}))
    known = index.call(lambda db: scenarios.read(db, parent, (), [*removed, *(g for _, g, _ in values)])).things
    missing = next((g for g in [*removed, *(g for _, g, _ in values)] if g not in known), None)
    if missing is not None:
        raise OntologyError(f"scenario version {parent} has no {missing}", "list what there is with `bos data read`")
    return write_child(index, parent, label, Changes(values=list(values), removed=removed))


def _value(text: str) -> Any:
    """A number, flag, list or text; (number, unit) where a unit of measure follows."""
    quantity = _QUANTITY.fullmatch(text.strip())
    if quantity:
        return float(quantity[1]), quantity[2]
    try:
        return json.loads(text)
    except ValueError:
        return text
