"""Results on their way out of confinement: plain numbers, texts and arrays in dataclasses of the slots, never pickles.

A message is the length of its head (8 bytes), a head in JSON, and the bytes of its arrays, one after the other.
"""

import json
import struct
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from math import prod
from typing import Any, get_origin, get_type_hints

import numpy as np
import scipy.sparse as sp

_KINDS = frozenset("biufcU")  # of arrays that may pass


class EncodingError(Exception):
    """Something that cannot pass."""


def encode(value: Any) -> bytes:
    """A message of a value.

    Raises:
        EncodingError: it holds something that cannot pass.
    """
    arrays: list[bytes] = []
    head = json.dumps(_out(value, arrays)).encode()
    return b"".join([struct.pack("<Q", len(head)), head, *arrays])


def decode(message: bytes) -> Any:
    """The value of a message; whatever it says, nothing but data of the slots' own types comes of it.

    Raises:
        EncodingError: it is none.
    """
    try:
        (size,) = struct.unpack_from("<Q", message)
        head = json.loads(message[8 : 8 + size])
        return _In(memoryview(message)[8 + size :]).value(head)
    except EncodingError:
        raise
    except Exception as error:  # whatever a crafted message provokes
        raise EncodingError(f"the result cannot be read ({type(error).__name__})") from None


def _out(value: Any, arrays: list[bytes]) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.generic):
        return _out(value.item(), arrays)
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, complex):
        return {"complex": [value.real.hex(), value.imag.hex()]}
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in _KINDS:
            raise EncodingError(f"an array of {value.dtype} cannot be returned; return numbers, truth values or texts")
        arrays.append(np.ascontiguousarray(value).tobytes())
        return {"array": value.dtype.str, "shape": list(value.shape)}
    if sp.issparse(value):
        m = value.tocsr()
        return {"csr": [_out(x, arrays) for x in (m.data, m.indices, m.indptr)], "shape": list(m.shape)}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_out(x, arrays) for x in value]}
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        return {"dict": {k: _out(x, arrays) for k, x in value.items()}}
    kind = type(value)
    if is_dataclass(value) and kind.__module__.startswith("slots."):
        inside = {f.name: _out(getattr(value, f.name), arrays) for f in fields(value)}
        return {"of": f"{kind.__module__}:{kind.__name__}", "fields": inside}
    raise EncodingError(f"a {kind.__name__} cannot be returned; return what the slot's contract says")


class _In:
    def __init__(self, data: memoryview) -> None:
        self._data, self._at = data, 0

    def value(self, told: Any) -> Any:
        """What a part of the head says; arrays are read in the order in which they were written."""
        if not isinstance(told, dict):
            return told
        match told:
            case {"float": text}:
                return float.fromhex(text)
            case {"complex": [re, im]}:
                return complex(float.fromhex(re), float.fromhex(im))
            case {"array": kind, "shape": shape}:
                return self._array(np.dtype(str(kind)), [int(n) for n in shape])
            case {"csr": [data, indices, indptr], "shape": shape}:
                return _matrix(self.value(data), self.value(indices), self.value(indptr), shape)
            case {"list": items}:
                return [self.value(x) for x in items]
            case {"tuple": items}:
                return tuple(self.value(x) for x in items)
            case {"dict": items}:
                return {str(k): self.value(x) for k, x in items.items()}
            case {"of": kind, "fields": inside}:
                return _made(str(kind), {str(k): self.value(x) for k, x in inside.items()})
        raise EncodingError("the result cannot be read")

    def _array(self, dtype: Any, shape: list[int]) -> Any:
        if dtype.kind not in _KINDS or min(shape, default=0) < 0:
            raise EncodingError(f"an array of {dtype} cannot be returned")
        size = prod(shape) * dtype.itemsize
        part = self._data[self._at : self._at + size]
        if len(part) != size:
            raise EncodingError("the result is cut short")
        self._at += size
        return np.frombuffer(bytes(part), dtype).reshape(shape).copy()


def _matrix(data: Any, indices: Any, indptr: Any, shape: Any) -> Any:
    rows, columns = (int(n) for n in shape)
    made = sp.csr_matrix((data, indices, indptr), shape=(rows, columns))
    made.check_format(full_check=True)  # indices that point elsewhere would let compiled code read elsewhere
    return made


def _made(kind: str, inside: dict[str, Any]) -> Any:
    """A dataclass of the slots, its arrays of the kinds that it declares."""
    module, _, name = kind.partition(":")
    if not module.startswith("slots."):
        raise EncodingError(f"a {name} cannot be returned")
    cls = getattr(import_module(module), name)
    if not (isinstance(cls, type) and is_dataclass(cls)):
        raise EncodingError(f"a {name} cannot be returned")
    for field, (array, allowed) in _declared(cls).items():
        value = inside[field]
        if array and not (isinstance(value, np.ndarray) and value.dtype.kind in allowed):
            found = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
            raise EncodingError(f"{name}.{field} is {found}, not what its contract says")
        if not array and allowed and not isinstance(value, allowed):
            raise EncodingError(f"{name}.{field} is a {type(value).__name__}, not what its contract says")
    return cls(**inside)


@cache
def _declared(cls: type[Any]) -> dict[str, tuple[bool, Any]]:
    """For each field: whether it is an array; kinds of its numbers, or the types it may have (none: unchecked)."""
    out: dict[str, tuple[bool, Any]] = {}
    for name, hint in get_type_hints(cls).items():
        if get_origin(hint) is np.ndarray:
            text = str(hint)
            kinds = "c" if "complex" in text else "f" if "float" in text else "b" if "bool" in text else "iu"
            out[name] = True, kinds if "str" not in text else "U"
        else:
            plain = {float: (float, int), int: (int,), bool: (bool,), str: (str,)}.get(hint, ())
            out[name] = False, (hint,) if is_dataclass(hint) else plain
    return {f.name: out[f.name] for f in fields(cls)}
