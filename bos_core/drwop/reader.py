"""Reading hourly results by name and hours, wherever their files are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bos_core.objects.errors import StorageError
from storage.opened import opened


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

    def read(self, name: str, first_hour: int, hours: int, columns: Sequence[int] | None = None) -> Any:
        """(hour, …) array of a dataset for `hours` hours from `first_hour`, of some columns or all.

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
            parts.append(self._rows(piece, name, rows, columns))
            at = piece.first_hour + int(rows.stop)
        if at < first_hour + hours:
            raise StorageError(f"no result file holds {name} of hour {at}", "run `bos resume`")
        return np.concatenate(parts)

    def _rows(self, piece: Piece, name: str, rows: slice, columns: Sequence[int] | None) -> Any:
        path = self._root / piece.path
        try:
            data = opened(path)[name]
            return data[rows] if columns is None else _some(data, rows, np.asarray(columns, np.int64))
        except (OSError, KeyError) as error:
            raise StorageError(f"result file {path} cannot be read ({str(error)[:80]})", "run `bos resume`") from None


def _some(data: h5py.Dataset, rows: slice, columns: Any) -> Any:
    """Rows of some columns; each HDF5 chunk that holds any is decoded once."""
    if data.chunks is None or data.chunks[1] == data.shape[1]:
        return data[rows][:, columns]
    wide = data.chunks[1]
    out = np.empty((len(range(*rows.indices(data.shape[0]))), len(columns)), data.dtype)
    for tile in np.unique(columns // wide):
        mine = columns // wide == tile
        out[:, mine] = data[rows, tile * wide : (tile + 1) * wide][:, columns[mine] - tile * wide]
    return out
