"""The ontology's schema: read from `attributes.csv`, used for tables, validation, forms and the reference.

Adding an attribute is adding a line; the tables follow at the next start.
"""

import csv
import math
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, Field, create_model

from bos_core.objects.data import Attribute, Category
from bos_core.objects.errors import OntologyError

TYPES: dict[str, type[Any]] = {"float": float, "int": int, "bool": bool, "text": str, "floats": list[float],
                               "texts": list[str]}  # fmt: skip


@lru_cache(maxsize=1)
def schema() -> tuple[Attribute, ...]:
    """All attributes in the file's order."""
    with (files("storage.ontology") / "attributes.csv").open(encoding="utf-8") as file:
        return tuple(_attribute(row) for row in csv.DictReader(file))


def _attribute(row: Mapping[str, str]) -> Attribute:
    def number(name: str) -> float | None:
        return float(row[name]) if row[name] else None

    return Attribute(
        Category(row["category"]), row["entity"], row["attribute"], row["type"], row["unit"],
        _value(row["type"], row["default"]), number("minimum"), number("maximum"), row["hourly"], row["description"],
    )  # fmt: skip


def _value(kind: str, text: str) -> Any:
    if not text:
        return None
    if kind == "bool":
        return text == "true"
    return TYPES[kind](text)


def attributes_of(category: Category, entity: str | None = None) -> dict[str, Attribute]:
    """Attributes of a category by name, of one kind of entity or of all."""
    return {a.attribute: a for a in schema() if a.category is category and entity in (None, a.entity)}


def find(name: str, entity: str) -> Attribute:
    """The attribute of a kind of entity.

    Raises:
        OntologyError: there is none of that name.
    """
    found = next((a for a in schema() if a.attribute == name and a.entity == entity), None)
    if found is None:
        known = ", ".join(a.attribute for a in schema() if a.entity == entity)
        raise OntologyError(f"a {entity} has no attribute '{name}'", f"use one of: {known or 'none'}")
    return found


def validated(category: Category, entity: str, gid: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with defaults for what is missing; quantities may be given as (value, unit).

    Raises:
        OntologyError: an attribute is unknown, of the wrong type or unit, or out of range.
    """
    known = attributes_of(category, entity)
    for name in values:
        if name not in known:
            mend = f"use one of: {', '.join(known) or 'none'}"
            raise OntologyError(f"{gid} has no attribute '{name}' in category {category}", mend)
    return {name: _checked(a, gid, values[name]) if name in values else a.default for name, a in known.items()}


def _checked(a: Attribute, gid: str, value: Any) -> Any:
    if isinstance(value, tuple):
        value, unit = value
        if unit != a.unit:
            raise OntologyError(f"{a.attribute} of {gid} is given in {unit}", f"give it in {a.unit or 'no unit'}")
    if value is None:
        return None
    try:
        value = _typed(a.type, value)
    except (TypeError, ValueError):
        raise OntologyError(f"{a.attribute} of {gid} is {value!r}", f"give a value of type {a.type}") from None
    numbers = value if a.type == "floats" else [value] if a.type in ("float", "int") else []
    for x in numbers:
        if math.isnan(x) and not (isinstance(a.default, float) and math.isnan(a.default)):
            raise OntologyError(f"{a.attribute} of {gid} is not a number", f"give a value of type {a.type}")
        below = a.minimum is not None and x < a.minimum
        above = a.maximum is not None and x > a.maximum
        if below or above:
            raise OntologyError(f"{a.attribute} of {gid} is {x:g} {a.unit}".rstrip(), f"keep it {_range(a)}")
    return value


def _range(a: Attribute) -> str:
    if a.minimum is None:
        return f"at or below {a.maximum:g}"
    return f"at or above {a.minimum:g}" if a.maximum is None else f"between {a.minimum:g} and {a.maximum:g}"


def _typed(kind: str, value: Any) -> Any:
    if kind == "floats":
        return [float(x) for x in value]
    if kind == "texts":
        return [str(x) for x in value]
    if kind == "int":
        if isinstance(value, bool) or int(value) != float(value):
            raise ValueError
        return int(value)
    if kind == "bool":
        if value not in (True, False):
            raise ValueError
        return bool(value)
    if kind == "text":
        if not isinstance(value, str):
            raise TypeError
        return str(value)
    return float(value)


def form(category: Category, entity: str) -> type[BaseModel]:
    """A pydantic model of one kind of entity in a category; its JSON schema is the form."""
    fields: dict[str, Any] = {}
    for name, a in attributes_of(category, entity).items():
        limits: dict[str, Any] = {"ge": a.minimum, "le": a.maximum} if a.type in ("float", "int") else {}
        default = None if isinstance(a.default, float) and not math.isfinite(a.default) else a.default
        fields[name] = (
            TYPES[a.type] | None,
            Field(default, description=f"{a.description}{f' ({a.unit})' if a.unit else ''}", **limits),
        )
    return create_model(f"{entity}_{category}", **fields)


def reference() -> str:
    """The reference page of the ontology, in Markdown."""
    lines = [
        "# The ontology",
        "",
        "Made from `storage/ontology/attributes.csv` by `python -m storage.ontology.schema`.",
        "",
    ]
    for category in Category:
        lines += [f"## {category.symbol}: `{category}`", "", category.meaning, "",
                  "| entity | attribute | type | unit | default | range | hourly as | meaning |",
                  "|---|---|---|---|---|---|---|---|"]  # fmt: skip
        for a in (a for a in schema() if a.category is category):
            low, high = ("" if x is None else f"{x:g}" for x in (a.minimum, a.maximum))
            span = f"{low}…{high}" if low or high else ""
            default = "" if a.default is None else str(a.default)
            lines.append(
                f"| {a.entity} | `{a.attribute}` | {a.type} | {a.unit} | {default} | {span} | {a.hourly} | {a.description} |"
            )
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(reference())
