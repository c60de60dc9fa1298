"""Values of a case file's code, and their arithmetic: matrices of numbers, strings, cell arrays, structs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from slots.grid.model import Floats, Ints
from slots.sources.matpower.expressions import Refused

Matrix: TypeAlias = npt.NDArray[Any]  # two dimensions, float64 or bool
Value: TypeAlias = Matrix | str | list[Any] | dict[str, Any]

LARGEST = 100_000_000  # elements of a matrix that code may make


def scalar(x: float) -> Matrix:
    """A number as a matrix."""
    return np.array([[float(x)]])


def matrix(value: Value) -> Matrix:
    """A value that must be numbers."""
    if isinstance(value, np.ndarray):
        return value
    raise Refused(
        f"{'a string' if isinstance(value, str) else 'something that is no matrix'} stands where numbers are expected"
    )


def number(value: Value) -> float:
    """A value that must be one number."""
    found = matrix(value)
    if found.size != 1:
        raise Refused("a matrix stands where one number is expected")
    return float(found.reshape(-1)[0])


def whole(value: Value, what: str) -> int:
    """A value that must be one whole number."""
    x = number(value)
    if x != np.floor(x) or not np.isfinite(x):
        raise Refused(f"{what} is {x:g}, not a whole number")
    return int(x)


def made(rows: int, columns: int, fill: float) -> Matrix:
    """A matrix of one number; it must not be huge."""
    if rows < 0 or columns < 0 or rows * columns > LARGEST:
        raise Refused(f"a matrix of {rows} by {columns} is not made")
    return np.full((rows, columns), fill)


def _elementwise(f: Callable[[Floats, Floats], Any]) -> Callable[[Matrix, Matrix], Matrix]:
    def apply(a: Matrix, b: Matrix) -> Matrix:
        if any(m != n and 1 not in (m, n) for m, n in zip(a.shape, b.shape, strict=True)):
            raise Refused(f"sizes {_size(a)} and {_size(b)} do not fit")
        with np.errstate(all="ignore"):
            return np.asarray(f(a.astype(float), b.astype(float)))

    return apply


def _times(a: Matrix, b: Matrix) -> Matrix:
    if a.size == 1 or b.size == 1:
        return ELEMENTWISE[".*"](a, b)
    if a.shape[1] != b.shape[0]:
        raise Refused(f"matrices of {_size(a)} and {_size(b)} cannot be multiplied")
    return np.asarray(a.astype(float) @ b.astype(float))


def _divided(a: Matrix, b: Matrix) -> Matrix:
    if b.size != 1:
        raise Refused("division by a matrix (a system of equations) is not understood; ./ divides by elements")
    return ELEMENTWISE["./"](a, b)


def _power(a: Matrix, b: Matrix) -> Matrix:
    if a.size != 1 or b.size != 1:
        raise Refused("powers of matrices are not understood; .^ takes those of elements")
    return _raised(a, b)


def _raised(a: Matrix, b: Matrix) -> Matrix:
    out = _elementwise(np.power)(a, b)
    if np.isnan(out).any() and not (np.isnan(a.astype(float)).any() or np.isnan(b.astype(float)).any()):
        raise Refused("a power is a complex number")
    return out


ELEMENTWISE: dict[str, Callable[[Matrix, Matrix], Matrix]] = {
    "+": _elementwise(np.add), "-": _elementwise(np.subtract), ".*": _elementwise(np.multiply),
    "./": _elementwise(np.divide), ".^": _raised, "==": _elementwise(np.equal), "~=": _elementwise(np.not_equal),
    "<": _elementwise(np.less), ">": _elementwise(np.greater), "<=": _elementwise(np.less_equal),
    ">=": _elementwise(np.greater_equal), "&": _elementwise(np.logical_and), "|": _elementwise(np.logical_or),
}  # fmt: skip
OPERATORS = ELEMENTWISE | {"*": _times, "/": _divided, "^": _power}


def truth(value: Value) -> bool:
    """Whether a condition holds: not empty and without a zero."""
    found = matrix(value)
    return bool(found.size and (found != 0).all())


def positions(value: Value, size: int, grows: bool = False) -> Ints:
    """Positions (from 0) that an index names in a dimension of `size`; logical ones pick where they are true."""
    found = matrix(value)
    if found.dtype == bool:
        picked = np.flatnonzero(found.reshape(-1, order="F"))
        if len(picked) and picked[-1] >= size and not grows:
            raise Refused(f"index {picked[-1] + 1} is beyond {size}")
        return np.asarray(picked, dtype=np.int64)
    flat = found.reshape(-1, order="F")
    if not (np.isfinite(flat).all() and (flat == np.floor(flat)).all() and (flat >= 1).all()):
        raise Refused("an index is not a whole number from 1")
    if flat.size and flat.max() > (LARGEST if grows else size):
        raise Refused(f"index {flat.max():g} is beyond {size}")
    return flat.astype(np.int64) - 1


def joined(rows: list[list[Value]]) -> Value:
    """`[a b; c d]`."""
    if any(isinstance(x, str) for row in rows for x in row):
        if all(isinstance(x, str) for row in rows for x in row) and len(rows) == 1:
            return "".join(str(x) for x in rows[0])
        raise Refused("strings and numbers cannot be joined")
    parts: list[Matrix] = []
    for row in rows:
        blocks = [b for b in map(matrix, row) if b.size or b.shape[0] > 1]
        if len({b.shape[0] for b in blocks}) > 1:
            raise Refused("matrices beside one another differ in rows")
        if blocks:
            parts.append(blocks[0] if len(blocks) == 1 else np.hstack(blocks))
    parts = [p for p in parts if p.size or len(parts) == 1]
    if len({p.shape[1] for p in parts}) > 1:
        raise Refused("rows differ in length")
    return np.vstack(parts) if parts else np.zeros((0, 0))


def _size(a: Matrix) -> str:
    return f"{a.shape[0]}x{a.shape[1]}"
