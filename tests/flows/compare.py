"""Compare two task sets' result files, array by array."""

from pathlib import Path

import h5py
import numpy as np


def results(folder: Path) -> dict[str, Path]:
    """Result files of a task set by stage and name."""
    return {str(p.relative_to(folder)): p for p in sorted(folder.glob("*/*.h5"))}


def assert_same(a: Path, b: Path) -> None:
    """Assert that two task sets hold the same files with the same bits in every array."""
    left, right = results(a), results(b)
    assert left.keys() == right.keys()
    assert left, "no results"
    for name, path in left.items():
        with h5py.File(path) as x, h5py.File(right[name]) as y:
            arrays: list[str] = []
            x.visititems(lambda n, o, out=arrays: out.append(n) if isinstance(o, h5py.Dataset) else None)
            for item in arrays:
                u, v = x[item][()], y[item][()]
                same = np.array_equal(u, v, equal_nan=True) if u.dtype.kind == "f" else np.array_equal(u, v)
                assert same, f"{name}: {item} differs"
