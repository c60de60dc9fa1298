"""What a source made of a file: what was read and used, what was left out and why, what was filled in and from where."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

NAMES_KEPT = 8  # of the elements that a line names; the rest is counted


@dataclass(frozen=True)
class LeftOut:
    """Elements or columns of a file that play no part.

    Attributes:
        kind: as the format calls them.
        count: how many.
        names: the first of them.
        why: one sentence.
    """

    kind: str
    count: int
    names: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Filled:
    """Values that a file does not state.

    Attributes:
        what: table and column, `units.min_up`.
        count: how many elements.
        value: what they got, with its unit.
        source: where that comes from.
    """

    what: str
    count: int
    value: str
    source: str


@dataclass(frozen=True)
class FileState:
    """A file's own state of the grid against the power flow of what was read.

    Attributes:
        dv, dangle, dloss: largest differences (p.u., degrees) and that of the losses (MW).
        told: one sentence; why there is no comparison where the numbers are NaN.
    """

    dv: float
    dangle: float
    dloss: float
    told: str = ""


@dataclass(frozen=True)
class Reading:
    """A reading report; it travels with the grid.

    Attributes:
        source: what the user named.
        format: what the file was read as.
        read: elements by kind, as the format calls them.
        used: elements by table of `Grid`.
        left_out, filled: what plays no part, and what the file does not state.
        warnings: sentences that a planner would want to read.
        solution: the file's own state against ours, if it has one.
    """

    source: str = ""
    format: str = ""
    read: dict[str, int] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    filled: tuple[Filled, ...] = ()
    warnings: tuple[str, ...] = ()
    solution: FileState | None = None

    def warned(self, *sentences: str) -> Reading:
        """The same with more warnings; none is said twice."""
        return replace(self, warnings=tuple(dict.fromkeys((*self.warnings, *sentences))))

    def with_filled(self, what: str, count: int, value: str, source: str) -> Reading:
        """The same with one more line of what was filled in."""
        return replace(self, filled=(*self.filled, Filled(what, count, value, source)))

    def plain(self) -> dict[str, Any]:
        """Plain data for other programs; what is not a number is None."""
        out = asdict(self)
        state = out["solution"] or {}
        state.update({k: None for k, v in state.items() if v != v})
        return out

    def to_json(self) -> str:
        """One text, for a file."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Reading:
        """The inverse of `to_json`; an empty text is an empty report."""
        told = json.loads(text or "{}")
        if not told:
            return cls()
        state = told["solution"]
        return cls(
            told["source"], told["format"], told["read"], told["used"],
            tuple(LeftOut(x["kind"], x["count"], tuple(x["names"]), x["why"]) for x in told["left_out"]),
            tuple(Filled(**x) for x in told["filled"]), tuple(told["warnings"]), FileState(**state) if state else None,
        )  # fmt: skip


class ReadingLog:
    """A reading report while a file is being read."""

    def __init__(self, source: str, format: str) -> None:
        self._report = Reading(source, format)
        self._read: dict[str, int] = {}
        self._left: list[LeftOut] = []

    def read(self, kind: str, count: int) -> None:
        """Count elements of a kind; kinds without any are not told."""
        if count:
            self._read[kind] = self._read.get(kind, 0) + int(count)

    def leave_out(self, kind: str, names: list[str], why: str) -> None:
        """Note elements that play no part; none is no line."""
        if names:
            self._left.append(LeftOut(kind, len(names), tuple(str(n) for n in names[:NAMES_KEPT]), why))

    def fill(self, what: str, count: int, value: str, source: str) -> None:
        """Note values that the file does not state; none is no line."""
        if count:
            self._report = self._report.with_filled(what, int(count), value, source)

    def warn(self, sentence: str) -> None:
        """Note what a planner would want to know."""
        self._report = self._report.warned(sentence)

    def done(self, used: dict[str, int], solution: FileState | None = None) -> Reading:
        """The report, with what became of the elements: counts by table of the grid."""
        return replace(self._report, read=self._read, used=used, left_out=tuple(self._left), solution=solution)
