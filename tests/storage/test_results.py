"""Result files and reading them by hours."""

from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bos_core.drwop.reader import HourlyReader, Piece
from bos_core.objects.data import Dataset
from bos_core.objects.errors import StorageError
from storage.results import read_result, result_image, write_result


def test_a_file_tells_all_about_itself_and_is_the_same_bytes_each_time(tmp_path: Path):
    data = {
        "hour": Dataset(np.arange(3), ("hour",), "h"),
        "unit": Dataset(np.array(["a", "b"]), ("unit",)),
        "p": Dataset(np.arange(6.0).reshape(3, 2), ("hour", "unit"), "MW", "active output"),
        "on": Dataset(np.array([True, False, True]), ("hour",)),
    }
    first = write_result(tmp_path / "a" / "x.h5", data, {"program": "p@1", "list": [1, 2]})
    again = write_result(tmp_path / "a" / "y.h5", data, {"program": "p@1", "list": [1, 2]})
    assert first == again
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["x.h5", "y.h5"]
    with h5py.File(tmp_path / "a" / "x.h5") as file:
        assert file["p"].attrs["units"] == "MW"
        assert file["p"].dims[1].keys() == ["unit"]
    arrays, told = read_result(tmp_path / "a" / "x.h5")
    assert arrays["unit"].tolist() == ["a", "b"]
    assert told == {"program": "p@1", "list": "[1, 2]"}


def test_a_missing_or_damaged_file_is_said(tmp_path: Path):
    (tmp_path / "bad.h5").write_bytes(b"not hdf5")
    for name in ("none.h5", "bad.h5"):
        with pytest.raises(StorageError, match=name):
            read_result(tmp_path / name)


def test_bytes_are_shuffled_where_that_packs_better(tmp_path: Path):
    rng = np.random.default_rng(0)
    smooth, repeated = 300 + rng.normal(size=(50, 400)), rng.choice(rng.normal(size=20), (50, 400))
    shapes = {"smooth": Dataset(smooth, ("hour", "bus")), "repeated": Dataset(repeated, ("hour", "bus"))}
    write_result(tmp_path / "x.h5", shapes, {})
    with h5py.File(tmp_path / "x.h5") as file:
        assert (file["smooth"].shuffle, file["repeated"].shuffle) == (True, False)
    arrays, _ = read_result(tmp_path / "x.h5")
    assert np.array_equal(arrays["smooth"], smooth)
    assert np.array_equal(arrays["repeated"], repeated)


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> HourlyReader:
    root = tmp_path_factory.mktemp("pieces")
    out = []
    for first, hours in ((10, 5), (0, 10), (15, 24)):
        data = {"x": Dataset(np.arange(first, first + hours), ("hour",))}
        write_result(root / f"{first}.h5", data, {})
        out.append(Piece(f"{first}.h5", first, hours))
    return HourlyReader(root, out)


@given(st.integers(0, 38), st.integers(1, 39))
def test_any_hours_are_read_across_files(pieces: HourlyReader, first: int, hours: int):
    hours = min(hours, 39 - first)
    assert pieces.read("x", first, hours).tolist() == list(range(first, first + hours))


def test_hours_that_no_file_holds_are_named(pieces: HourlyReader):
    with pytest.raises(StorageError, match="hour 39"):
        pieces.read("x", 30, 20)


@given(
    st.tuples(st.integers(1, 60), st.integers(1, 3000)),
    st.sampled_from(["f8", "f4", "i8", "i2", "u1"]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_any_array_comes_back_through_hdf5_itself(
    shape: tuple[int, int], kind: str, by_device: bool, smooth: bool, seed: int
):
    """The chunks are deflated by us and inflated by the HDF5 library, whole and at the array's edges."""
    rng = np.random.default_rng(seed)
    values = np.cumsum(rng.normal(size=shape), axis=0) if smooth else rng.integers(0, 3, shape)
    data = values.astype(kind)
    image = result_image({"x": Dataset(data, ("hour", "bus"), by_device=by_device)}, {})
    with h5py.File(BytesIO(image), "r") as file:
        assert np.array_equal(file["x"][()], data)
        assert file["x"].dtype == data.dtype
