"""Hourly arrays in result files: the copies there are, what each way of reading has to touch, and reading itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bos_core.drwop.graph import DataGraph, Edge
from bos_core.drwop.reader import HourlyReader, Piece
from bos_core.objects.errors import StorageError
from storage.opened import opened
from storage.results import chunk_shape

BY_TIME, BY_DEVICE = "by-time", "by-device"
ITEM = 8  # bytes of a value
_HOURS = frozenset({"hours"})
COPIES = DataGraph((
    Edge("devices", "series", f"file/{BY_TIME}", _HOURS | {BY_TIME}),
    Edge("devices", "series", f"file/{BY_DEVICE}", _HOURS | {BY_DEVICE}),
))  # fmt: skip


@dataclass(frozen=True)
class Copy:
    """One copy of a stage's hourly arrays: many files of some hours each, or one file of all hours."""

    layout: str
    pieces: tuple[Piece, ...]

    @property
    def hours(self) -> int:
        """Hours it holds."""
        return sum(p.hours for p in self.pieces)


@dataclass(frozen=True)
class Wanted:
    """A dataset's rows and columns: `first_hour` and `hours`, and columns of `width` (None: all)."""

    dataset: str
    first_hour: int
    hours: int
    width: int
    columns: tuple[int, ...] | None = None


def features(copy: Copy, wanted: Wanted) -> tuple[float, ...]:
    """(1, files opened, HDF5 chunks decoded, MB decoded) of reading from a copy: what its time depends on."""
    end = wanted.first_hour + wanted.hours
    files = chunks = values = 0
    for piece in copy.pieces:
        first, last = max(piece.first_hour, wanted.first_hour), min(piece.first_hour + piece.hours, end)
        if first >= last:
            continue
        files += 1
        rows, columns = chunk_shape((piece.hours, wanted.width), ITEM, copy.layout == BY_DEVICE)
        across = np.unique(np.array(wanted.columns) // columns).size if wanted.columns is not None else None
        across = -(-wanted.width // columns) if across is None else across
        down = (last - 1 - piece.first_hour) // rows - (first - piece.first_hour) // rows + 1
        chunks += across * down
        values += across * down * rows * columns
    return 1.0, float(files), float(chunks), values * ITEM / 1e6


def read(root: Path, copy: Copy, wanted: Wanted) -> Any:
    """(hour, column) values from a copy.

    Raises:
        StorageError: an hour is in no file, or a file cannot be read.
    """
    columns = None if wanted.columns is None else list(wanted.columns)
    if copy.layout == BY_TIME:
        return HourlyReader(root, copy.pieces).read(wanted.dataset, wanted.first_hour, wanted.hours, columns)
    return _by_device(root, copy.pieces[0], wanted, columns)


def _by_device(root: Path, piece: Piece, wanted: Wanted, columns: list[int] | None) -> Any:
    start = wanted.first_hour - piece.first_hour
    if start < 0 or start + wanted.hours > piece.hours:
        raise StorageError(f"hours {wanted.first_hour}… are not in {piece.path}", "run `bos resume`")
    rows, path = slice(start, start + wanted.hours), root / piece.path
    try:
        data = opened(path)[wanted.dataset]
        if columns is None:
            return data[rows]
        return np.stack([data[rows, c] for c in columns], axis=1) if columns else data[rows, 0:0]
    except (OSError, KeyError) as error:
        raise StorageError(f"result file {path} cannot be read ({str(error)[:80]})", "run `bos resume`") from None


def width_of(root: Path, copy: Copy, dataset: str) -> int | None:
    """Number of columns of a dataset in a copy; None if the copy does not hold it or cannot be read."""
    try:
        shape = opened(root / copy.pieces[0].path)[dataset].shape
        return int(shape[1]) if len(shape) > 1 else 1
    except (OSError, KeyError):
        return None
