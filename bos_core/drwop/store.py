"""The result store as steps see it: read and write by relative path, and how long that took.

Everything that a flow reads from or writes to files goes through here, so the share of data access is measured.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bos_core.drwop.reader import HourlyReader, Piece
from bos_core.objects.data import Dataset
from storage.results import describe_result, read_result, write_result
from storage.settings import settings

_spent = 0.0


@contextmanager
def measured() -> Iterator[None]:
    """Count the time within as data access of this process."""
    global _spent
    began = time.perf_counter()
    try:
        yield
    finally:
        _spent += time.perf_counter() - began


def spent() -> float:
    """Seconds of data access in this process so far."""
    return _spent


def read(path: str, names: list[str] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays (all, or those named) and attributes of a result file.

    Raises:
        StorageError: the file is missing or damaged.
    """
    with measured():
        return read_result(settings().results / path, names)


def describe(path: str) -> dict[str, tuple[tuple[str, ...], str, str]]:
    """(dimensions, unit, description) of every array in a result file.

    Raises:
        StorageError: the file is missing or damaged.
    """
    with measured():
        return describe_result(settings().results / path)


def write(path: str, datasets: dict[str, Dataset], provenance: dict[str, Any]) -> tuple[str, int]:
    """Write a result file whole or not at all; its SHA-256 and size in bytes.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    with measured():
        return write_result(settings().results / path, datasets, provenance)


class Hourly:
    """Arrays over hours from a stage's files."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._reader = HourlyReader(settings().results, pieces)

    def read(self, name: str, first_hour: int, hours: int) -> Any:
        """(hour, …) array of a dataset.

        Raises:
            StorageError: an hour is in no file, or a file cannot be read.
        """
        with measured():
            return self._reader.read(name, first_hour, hours)
