"""Compare two task sets' results, array by array, however their stages were cut into files."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np


def results(folder: Path) -> dict[str, Path]:
    """Result files of a task set by stage and name."""
    return {str(p.relative_to(folder)): p for p in sorted(folder.glob("*/*.h5"))}


def arrays(stage: Path) -> dict[str, Any]:
    """The arrays of a stage's files: hourly ones and lists as one over all hours, others as those of every file that differ."""
    pieces: dict[str, list[Any]] = {}
    paths = sorted(stage.glob("*.h5"), key=_first_hour)
    for path in paths:
        with h5py.File(path) as file:
            names: list[str] = []
            file.visititems(lambda n, o, out=names: out.append(n) if isinstance(o, h5py.Dataset) else None)
            for name in names:
                along = str(file[name].dims[0].label) if file[name].ndim else ""
                hourly = name == "hour" or along in ("hour", "row")  # rows are lists, such as that of actions
                whole = f"{path.stem} " if stage.name == "by-device" else ""  # a file for each stage copied
                pieces.setdefault(f"{whole}{name}{' by hour' if hourly else ''}", []).append(file[name][()])
    out = {}
    for name, parts in pieces.items():
        if name.endswith(" by hour"):
            out[name] = np.concatenate(parts)
        else:
            once: list[Any] = []
            for part in parts:
                if not any(_same(part, other) for other in once):
                    once.append(part)
            out[name] = once
    return out


def _first_hour(path: Path) -> tuple[int, str]:
    with h5py.File(path) as file:
        return int(file.attrs["first_hour"]), path.name


def _same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return np.array_equal(a, b, equal_nan=True) if a.dtype.kind == "f" else np.array_equal(a, b)


def assert_same(a: Path, b: Path) -> None:
    """Assert that two task sets hold the same stages with the same bits in every array."""
    stages = sorted({p.parent.name for p in results(a).values()})
    assert stages, "no results"
    assert stages == sorted({p.parent.name for p in results(b).values()})
    for stage in stages:
        left, right = arrays(a / stage), arrays(b / stage)
        assert left.keys() == right.keys()
        for name, values in left.items():
            if isinstance(values, list):
                assert len(values) == len(right[name]), f"{stage}: {name}"
                same = all(_same(u, v) for u, v in zip(values, right[name], strict=True))
            else:
                same = _same(values, right[name])
            assert same, f"{stage}: {name} differs"
