"""Result files kept open for reading: they never change in place, and opening one takes as long as reading a day of it."""

import os
import threading
from collections import OrderedDict
from pathlib import Path

import h5py

MOST = 16  # files of a thread

_mine = threading.local()


def opened(path: Path) -> h5py.File:
    """A result file, open for reading; it stays so until others are wanted, and is opened anew where it was remade.

    Raises:
        OSError: there is no such file, or it is damaged.
    """
    files: OrderedDict[Path, tuple[tuple[int, ...], h5py.File]] = _mine.__dict__.setdefault("files", OrderedDict())
    told = os.stat(path)
    now = (told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns)
    if path in files and files[path][0] != now:
        files.pop(path)[1].close()
    if path not in files:
        files[path] = (now, h5py.File(path, "r"))
    files.move_to_end(path)
    while len(files) > MOST:
        files.popitem(last=False)[1][1].close()
    return files[path][1]
