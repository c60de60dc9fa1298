"""The result store as steps see it: read and write by relative path, and how long that took.

Everything that a flow reads from or writes to files goes through here, so the share of data access is measured.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from bos_core.drwop import hourly
from bos_core.drwop.costs import CostModel
from bos_core.drwop.hourly import BY_DEVICE, BY_TIME, COPIES, Copy, Wanted, width_of
from bos_core.drwop.planning import plan_read
from bos_core.drwop.reader import Piece
from bos_core.objects.data import Dataset
from storage.results import describe_result, read_result, result_image, result_of_image, write_result
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


image = result_image  # a result file as bytes
from_image = result_of_image  # and back


class Hourly:
    """Arrays over hours of a stage, from the copy that gives them soonest.

    Args:
        pieces: the stage's files as they were computed.
        by_device: the copy that is laid out by device, if there is one.
        costs: what accesses take here; needed only to choose between copies.
    """

    def __init__(self, pieces: Sequence[Piece], by_device: Piece | None = None, costs: CostModel | None = None) -> None:
        self._by_time = Copy(BY_TIME, tuple(pieces))
        self._by_device = None if by_device is None else Copy(BY_DEVICE, (by_device,))
        self._costs = costs or CostModel()

    def read(self, name: str, first_hour: int, hours: int) -> Any:
        """(hour, …) array of a dataset.

        Raises:
            StorageError: an hour is in no file, or a file cannot be read.
        """
        root = settings().results
        with measured():
            wanted = Wanted(name, first_hour, hours, 1)
            if self._by_device is None or (width := width_of(root, self._by_device, name)) is None:
                return hourly.read(root, self._by_time, wanted)
            return hourly.read(root, self._chosen(replace(wanted, width=width)), wanted)

    def _chosen(self, wanted: Wanted) -> Copy:
        assert self._by_device is not None
        copies = {f"file/{c.layout}": c for c in (self._by_time, self._by_device)}
        prices = {e: self._costs.seconds(e.route, hourly.features(copies[e.route], wanted)) for e in COPIES.edges}
        (edge,) = plan_read(COPIES, prices, ["devices"], ["series"]).edges
        return copies[edge.route]
