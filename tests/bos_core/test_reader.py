"""Hourly arrays in files: what is read is what was written, however a file is laid out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bos_core.drwop.hourly import BY_TIME, Copy, Wanted, features, read
from bos_core.drwop.reader import Piece
from bos_core.objects.data import Dataset
from storage.results import CHUNK_BYTES, chunk_shape, write_result

WIDE = 3000  # columns, of which a day does not fit into a chunk


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    root = tmp_path_factory.mktemp("wide")
    values = np.random.default_rng(0).normal(size=(60, WIDE))
    pieces = []
    for first, hours in ((0, 31), (31, 29)):
        data = {"load": Dataset(values[first : first + hours], ("hour", "bus"))}
        write_result(root / f"{first}.h5", data, {})
        pieces.append(Piece(f"{first}.h5", first, hours))
    return root, Copy(BY_TIME, tuple(pieces)), values


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 59), st.integers(1, 60), st.lists(st.integers(0, WIDE - 1), max_size=8))
def test_devices_of_wide_arrays_are_read_as_written(wide, first, hours, columns):
    root, copy, values = wide
    hours = min(hours, 60 - first)
    found = read(root, copy, Wanted("load", first, hours, WIDE, tuple(columns)))
    assert np.array_equal(found, values[first : first + hours][:, columns])
    assert np.array_equal(read(root, copy, Wanted("load", first, hours, WIDE)), values[first : first + hours])


def test_a_device_of_a_wide_array_decodes_little_of_it(wide):
    _, copy, _ = wide
    one = features(copy, Wanted("load", 0, 60, WIDE, (17,)))
    every = features(copy, Wanted("load", 0, 60, WIDE))
    assert one[3] < every[3] / 2


@given(st.integers(1, 9000), st.integers(1, 20000))
def test_a_chunk_is_whole_rows_or_a_days_tile(hours, columns):
    rows, across = chunk_shape((hours, columns), 8, False)
    assert 1 <= rows <= hours
    assert 1 <= across <= columns
    assert rows * across * 8 <= CHUNK_BYTES or (rows, across) == (1, 1)
    assert across == columns or rows == min(24, hours)
