"""Fields of a JSON document by name, each refusal one sentence that names the element and the field."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import Floats

LARGEST = 1e15  # beyond, a number is a slip of the file, not a power or a cost


def read_document(path: Path) -> dict[str, Any]:
    """The object in a `.json` or `.json.gz` file.

    Raises:
        GridError: there is none.
    """
    try:
        raw = path.read_bytes()
        text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        found = json.loads(text.decode("utf-8-sig"))
    except FileNotFoundError:
        raise GridError(f"file {path} does not exist", "give the path of a JSON file") from None
    except (OSError, EOFError, zlib.error) as error:
        raise GridError(f"file {path.name} cannot be read ({error})", "check it, or pack it again") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise GridError(f"file {path.name} is no JSON ({error})", "check where it comes from") from None
    if not isinstance(found, dict):
        raise GridError(f"file {path.name} holds no object", "check where it comes from")
    return found


@dataclass
class Fields:
    """An object's fields; `where` is how refusals call it. Every field asked for counts as used."""

    values: dict[str, Any]
    where: str
    asked: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, value: Any, where: str) -> Fields:
        """The fields of a value that must be an object."""
        if not isinstance(value, dict):
            raise GridError(f"{where} is {_shown(value)}, not an object", "see the format's documentation")
        return cls(value, where)

    def refuse(self, what: str, mend: str = "mend the file") -> GridError:
        """An error that names the element."""
        return GridError(f"{self.where}: {what}", mend)

    def get(self, name: str) -> Any:
        """A field as it is; null counts as absent."""
        self.asked.add(name)
        return self.values.get(name)

    def unread(self) -> list[str]:
        """Fields with a value that were not asked for."""
        return [k for k, v in self.values.items() if k not in self.asked and v is not None]

    def objects(self, name: str) -> list[tuple[str, Fields]]:
        """The named objects within a field; none if it is absent."""
        inner = self.get(name)
        return [
            (k, Fields.of(v, f"{self.where}, {name} {k}"))
            for k, v in Fields.of(inner or {}, f"{self.where}, {name}").values.items()
        ]

    def records(self, name: str) -> list[Fields]:
        """A list of objects; none if it is absent."""
        value = self.get(name)
        if value is not None and not isinstance(value, list):
            raise self.refuse(f"'{name}' is {_shown(value)}, not a list")
        return [Fields.of(x, f"{self.where}, {name} {k + 1}") for k, x in enumerate(value or [])]

    def text(self, name: str, default: str | None = None) -> str:
        """A text."""
        value = self.get(name)
        value = default if value is None else value
        if not isinstance(value, str):
            raise self.refuse(
                f"'{name}' is {_shown(value)}, not a name" if value is not None else f"'{name}' is missing"
            )
        return value

    def number(self, name: str, default: float | None = None, low: float = -LARGEST) -> float:
        """A finite number, at least `low`; infinite only as a default."""
        value = self.get(name)
        if value is None:
            if default is None:
                raise self.refuse(f"'{name}' is missing")
            return default
        return self._number(value, name, low)

    def whole(self, name: str, default: int | None = None, low: int = 0) -> int:
        """A whole number."""
        value = self.number(name, default, low)
        if value != round(value):
            raise self.refuse(f"'{name}' is {value:g}, not a whole number")
        return round(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false, or 1 or 0."""
        value = self.get(name)
        value = default if value is None else value
        if value not in (0, 1):
            raise self.refuse(f"'{name}' is {_shown(value)}, neither true nor false")
        return bool(value)

    def numbers(self, name: str, low: float = -LARGEST) -> Floats:
        """A list of numbers."""
        value = self.get(name)
        if not isinstance(value, list) or not value:
            raise self.refuse(f"'{name}' is {_shown(value)}, not a list of numbers")
        return np.array([self._number(x, name, low) for x in value])

    def series(self, name: str, steps: int, default: float | None = None, low: float = -LARGEST) -> Floats:
        """(step,) one number for all steps, or one for each."""
        value = self.get(name)
        if not isinstance(value, list):
            return np.full(steps, self.number(name, default, low))
        if len(value) != steps:
            raise self.refuse(f"'{name}' has {len(value)} values, the horizon {steps} steps")
        return self.numbers(name, low)

    def flags(self, name: str, steps: int) -> Floats:
        """(step,) 1 where true; one value for all steps, or one for each."""
        value = self.get(name)
        entries: Iterable[Any] = value if isinstance(value, list) else [value] * steps
        out = [0.0 if x is None else x for x in entries]
        if len(out) != steps or any(x not in (0, 1) for x in out):
            raise self.refuse(f"'{name}' is neither true or false nor a list of {steps} of them")
        return np.array(out, float)

    def _number(self, value: Any, name: str, low: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(f"'{name}' is {_shown(value)}, not a number")
        if not math.isfinite(value) or abs(value) > LARGEST:
            raise self.refuse(f"'{name}' is {_shown(value)}, no finite number of a power system")
        if value < low:
            raise self.refuse(f"'{name}' is {value:g}, less than {low:g}")
        return float(value)


def _shown(value: Any) -> str:
    return "missing" if value is None else " ".join(str(value)[:40].split()) or "blank"
