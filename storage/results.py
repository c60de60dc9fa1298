"""Result files: HDF5, written whole or not at all, readable with h5py or xarray alone."""

import errno
import hashlib
import json
import os
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from isal import isal_zlib

from bos_core.objects.data import Dataset
from bos_core.objects.errors import StorageError
from storage.opened import opened

COMPRESS_FROM = 4096  # bytes; below it compression only costs
LEVEL = 1  # of compression
SAMPLE = 1024  # values on which packing is tried
CHUNK_BYTES = 256 * 1024  # of an HDF5 chunk, before compression: what a reader must at least decode
DAY = 24  # rows of a tile


def chunk_shape(shape: tuple[int, ...], itemsize: int, by_device: bool) -> tuple[int, ...]:
    """Shape of the HDF5 chunks of a (hour, …) array: whole rows, or whole columns, up to CHUNK_BYTES.

    Rows of which a day's are more lie in tiles of a day, which days and devices are read from alike.
    """
    if by_device and len(shape) == 2:
        return shape[0], int(np.clip(CHUNK_BYTES // (shape[0] * itemsize), 1, shape[1]))
    row = itemsize * int(np.prod(shape[1:]))
    day = min(DAY, shape[0])
    if len(shape) == 2 and row * day > CHUNK_BYTES:
        return day, max(CHUNK_BYTES // (day * itemsize), 1)
    return int(np.clip(CHUNK_BYTES // max(row, 1), 1, shape[0])), *shape[1:]


def write_result(path: Path, datasets: dict[str, Dataset], provenance: dict[str, Any]) -> tuple[str, int]:
    """Write a result file atomically; returns its SHA-256 and size in bytes.

    Dimension scales are attached where a dataset is named like a dimension, so xarray reads coordinates.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".part")
        os.close(handle)
    except OSError as error:
        raise _refusal(path, error) from None
    part = Path(name)
    try:
        image = result_image(datasets, provenance)
        with part.open("wb") as file:
            file.write(image)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _refusal(path, error) from None
    finally:
        part.unlink(missing_ok=True)
    return hashlib.sha256(image).hexdigest(), len(image)


def _refusal(path: Path, error: OSError) -> StorageError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    cause = "the disk is full" if full else (error.strerror or str(error))
    mend = "free space and run `bos resume`" if full else "check the folder and run `bos resume`"
    return StorageError(f"result file {path} cannot be written: {cause}", mend)


def result_image(datasets: dict[str, Dataset], provenance: dict[str, Any]) -> bytes:
    """A result file as bytes: made in memory, because the HDF5 library crashes where a full disk stops it."""
    with h5py.File("image", "w", driver="core", backing_store=False, libver="latest") as file:
        _fill(file, datasets, provenance)
        file.flush()
        return bytes(file.id.get_file_image())


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _fill(file: h5py.File, datasets: dict[str, Dataset], provenance: dict[str, Any]) -> None:
    for key, value in provenance.items():
        file.attrs[key] = value if isinstance(value, str | int | float) else json.dumps(value, sort_keys=True)
    stored: dict[str, h5py.Dataset] = {}
    for name, item in datasets.items():
        data = np.asarray(item.data)
        if data.dtype.kind in "US":
            data = data.astype(h5py.string_dtype())
        elif data.dtype.kind == "b":
            data = data.astype(np.uint8)
        # No timestamps in the file: the same result is the same bytes.
        if data.nbytes > COMPRESS_FROM and data.dtype.kind != "O":
            made = _packed(file, name, data, item.by_device)
        else:
            made = file.create_dataset(name, data=data, track_times=False)
        stored[name] = made
        if item.unit:
            made.attrs["units"] = item.unit
        if item.description:
            made.attrs["long_name"] = item.description
    scales = {dim for item in datasets.values() for dim in item.dims if dim in stored and stored[dim].ndim == 1}
    for dim in sorted(scales):
        stored[dim].make_scale(dim)
    for name, item in datasets.items():
        axes = stored[name].dims
        for axis, dim in enumerate(item.dims):
            if dim in scales and dim != name:
                axes[axis].attach_scale(stored[dim])
            axes[axis].label = dim


def _packed(file: h5py.File, name: str, data: Any, by_device: bool) -> h5py.Dataset:
    """A dataset in chunks that every HDF5 library inflates, deflated by ISA-L: a fifth of zlib's time."""
    chunks, shuffled = chunk_shape(data.shape, data.dtype.itemsize, by_device), _shuffled_is_less(data)
    stored = file.create_dataset(
        name, data.shape, data.dtype, chunks=chunks, track_times=False,
        compression="gzip", compression_opts=LEVEL, shuffle=shuffled,
    )  # fmt: skip
    for at in stored.iter_chunks():
        tile = data[at]
        if tile.shape != chunks:  # at the edge chunks are whole all the same
            tile = np.pad(tile, [(0, c - t) for c, t in zip(chunks, tile.shape, strict=True)])
        content = np.ascontiguousarray(tile)
        if shuffled:
            content = np.ascontiguousarray(content.view(np.uint8).reshape(-1, data.dtype.itemsize).T)
        stored.id.write_direct_chunk(tuple(s.start for s in at), isal_zlib.compress(content, LEVEL))
    return stored


def _shuffled_is_less(data: Any) -> bool:
    """Whether bytes sorted by significance pack better, as they do unless values repeat: tried on a sample."""
    middle = data.size // 2
    sample = np.ascontiguousarray(data).reshape(-1)[max(middle - SAMPLE // 2, 0) : middle + SAMPLE // 2]
    plain = sample.view(np.uint8).reshape(len(sample), -1)
    return len(isal_zlib.compress(plain.T.tobytes(), LEVEL)) < len(isal_zlib.compress(plain.tobytes(), LEVEL))


def read_result(path: Path, names: list[str] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays (all, or those named) and attributes of a result file.

    Raises:
        StorageError: the file is missing or damaged.
    """
    try:
        file = opened(path)
        arrays: dict[str, Any] = {}

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and (names is None or name in names):
                arrays[name] = _value(item)

        if names is None:
            file.visititems(visit)
        else:
            for name in names:
                arrays[name] = _value(file[name])
        return arrays, dict(file.attrs)
    except (OSError, KeyError) as error:
        raise StorageError(
            f"result file {path} cannot be read ({str(error)[:80]})", "run `bos resume` to remake it"
        ) from None


def result_of_image(content: bytes, name: str) -> dict[str, Dataset]:
    """The arrays of a result file in memory; `name` is what messages call it.

    Raises:
        StorageError: the bytes are no result file.
    """
    try:
        with h5py.File(BytesIO(content), "r") as file:
            return {k: Dataset(_value(file[k]), *told) for k, told in _described(file).items()}
    except (OSError, KeyError) as error:
        raise StorageError(f"an array of {name} cannot be read ({str(error)[:80]})", "export it again") from None


def describe_result(path: Path) -> dict[str, tuple[tuple[str, ...], str, str]]:
    """(dimensions, unit, description) of every array in a result file; groups are left out.

    Raises:
        StorageError: the file is missing or damaged.
    """
    try:
        return _described(opened(path))
    except OSError as error:
        raise StorageError(
            f"result file {path} cannot be read ({str(error)[:80]})", "run `bos resume` to remake it"
        ) from None


def _value(item: h5py.Dataset) -> Any:
    if h5py.check_string_dtype(item.dtype):
        return item.asstr()[()].astype(np.str_) if item.shape else str(item.asstr()[()])
    data = item[()]
    return data


def _described(file: h5py.File) -> dict[str, tuple[tuple[str, ...], str, str]]:
    return {
        name: (
            tuple(str(d.label) or (name if item.is_scale else "") for d in item.dims),
            str(item.attrs.get("units", "")), str(item.attrs.get("long_name", "")),
        )
        for name, item in file.items() if isinstance(item, h5py.Dataset)
    }  # fmt: skip
