"""Changes to a scenario version as a user types them: `unit:101_1:pmax=20`, with a unit of measure if wanted."""

import json
import re
from collections.abc import Mapping
from typing import Any

from bos_core.drwop.writing import write_child
from bos_core.index import scenarios
from bos_core.index.client import Index
from bos_core.index.scenarios import Changes
from bos_core.objects.data import Category
from bos_core.objects.errors import OntologyError, ParameterError
from flows.hourly import sources_of
from flows.ontology import read_by_runs
from storage.ontology.schema import find, validated

_QUANTITY = re.compile(r"(-?[\d.]+(?:e-?\d+)?)\s+(\S+)")


def edit_version(index: Index, parent: int, label: str, assignments: list[str], removed: list[str]) -> int:
    """A committed child of a version with some values set and some entities removed; its id.

    Raises:
        ParameterError: an assignment is not GID:ATTRIBUTE=VALUE.
        OntologyError: an entity or attribute does not exist, a value is not valid, or nothing would change; nothing is
            written.
    """
    values = [_assignment(text) for text in assignments]
    named = [*removed, *(g for _, g, _ in values)]
    told = index.call(lambda db: scenarios.read(db, parent, {c for c, _, _ in values}, named))
    missing = next((g for g in named if g not in told.things), None)
    if missing is not None:
        raise OntologyError(f"scenario version {parent} has no {missing}", "list what there is with `bos data read`")
    if not removed and all(_same(told.values[c].get(g, {}), g, c, v) for c, g, v in values):
        what = (
            f"{values[0][1]} has {next(iter(values[0][2]))} {assignments[0].partition('=')[2]} already"
            if values
            else ""
        )
        raise OntologyError(f"the edit changes nothing{': ' if what else ''}{what}", "give another value")
    return write_child(index, parent, label, Changes(values=list(values), removed=removed))


def effects(index: Index, version: int, assignments: list[str]) -> list[str]:
    """What a user is told of a version's edits: values that no run reads, or that hourly arrays stand before."""
    hourly = sources_of(index, version)
    out = []
    for category, gid, given in map(_assignment, assignments):
        name, entity = next(iter(given)), gid.partition(":")[0]
        if not read_by_runs(entity, name):
            out.append(f"no run reads {name} of a {entity}: it is kept in {category} and changes no result")
        elif (dataset := find(name, entity).hourly) in ("load", "load_q") and dataset in hourly:
            out.append(f"the version holds {dataset} hour by hour: {name} of {gid} is only what profiles of places are spread "
                       "like, and what hours have that no array has")  # fmt: skip
    return list(dict.fromkeys(out))


def _assignment(text: str) -> tuple[Category, str, dict[str, Any]]:
    place, equals, value = text.partition("=")
    gid, colon, name = place.rpartition(":")
    if not equals or not colon or ":" not in gid:
        raise ParameterError(f"'{text}' is not GID:ATTRIBUTE=VALUE", "write for example unit:101_1:pmax=20")
    return find(name, gid.partition(":")[0]).category, gid, {name: _value(value)}


def _same(has: Mapping[str, Any], gid: str, category: Category, given: dict[str, Any]) -> bool:
    """Whether an entity has the values already; compared as they would be written."""
    checked = validated(category, gid.partition(":")[0], gid, given)
    return all(has.get(name) == checked[name] for name in given)


def _value(text: str) -> Any:
    """A number, flag, list or text; (number, unit) where a unit of measure follows."""
    quantity = _QUANTITY.fullmatch(text.strip())
    if quantity:
        return float(quantity[1]), quantity[2]
    try:
        return json.loads(text)
    except ValueError:
        return text
