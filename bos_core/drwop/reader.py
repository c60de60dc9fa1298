"""Reading hourly results by name and hours, wherever their files are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bos_core.objects.errors import StorageError


@dataclass(frozen=True)
class Piece:
    """A file that holds `hours` consecutive hours from `first_hour`."""

    path: str
    first_hour: int
    hours: int


class HourlyReader:
    """Reads arrays over hours from the pieces of a stage.

    Args:
        root: folder of the result store.
        pieces: the stage's files, in any order.
    """

    def __init__(self, root: Path, pieces: Sequence[Piece]) -> None:
        self._root = root
        self._pieces = sorted(pieces, key=lambda p: p.first_hour)

    def read(self, name: str, first_hour: int, hours: int) -> Any:
        """(hour, …) array of a dataset for `hours` hours from `first_hour`.

        Raises:
            StorageError: an hour is in no file, or a file cannot be read.
        """
        parts, at = [], first_hour
        for piece in self._pieces:
            if piece.first_hour + piece.hours <= at or at >= first_hour + hours:
                continue
            if piece.first_hour > at:
                break
            rows = slice(at - piece.first_hour, min(first_hour + hours - piece.first_hour, piece.hours))
            parts.append(self._rows(piece, name, rows))
            at = piece.first_hour + int(rows.stop)
        if at < first_hour + hours:
            raise StorageError(f"no result file holds {name} of hour {at}", "run `bos resume`")
        return np.concatenate(parts)

    def _rows(self, piece: Piece, name: str, rows: slice) -> Any:
        path = self._root / piece.path
        try:
            with h5py.File(path, "r") as file:
                return file[name][rows]
        except (OSError, KeyError) as error:
            raise StorageError(f"result file {path} cannot be read ({str(error)[:80]})", "run `bos resume`") from None
