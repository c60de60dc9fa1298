"""The functions that code in case files may call."""

from collections.abc import Callable

import numpy as np

from slots.sources.matpower.expressions import Refused
from slots.sources.matpower.values import ELEMENTWISE, Matrix, Value, made, matrix, number, scalar, whole

_VALUES = {"pi": np.pi, "Inf": np.inf, "inf": np.inf, "NaN": np.nan, "nan": np.nan, "eps": float(np.finfo(float).eps)}
_EACH: dict[str, Callable[[Matrix], Matrix]] = {
    "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "abs": np.abs, "exp": np.exp, "log": np.log, "round": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "floor": np.floor, "ceil": np.ceil, "fix": np.trunc, "sign": np.sign, "deg2rad": np.deg2rad, "rad2deg": np.rad2deg,
    "double": lambda x: x,
}  # fmt: skip
_TESTS: dict[str, Callable[[Matrix], Matrix]] = {"isinf": np.isinf, "isnan": np.isnan, "isfinite": np.isfinite}
_ALONG: dict[str, Callable[..., Matrix]] = {
    "sum": np.sum, "prod": np.prod, "any": lambda x, **k: np.any(x != 0, **k), "all": lambda x, **k: np.all(x != 0, **k),
    "mean": np.mean, "cumsum": np.cumsum,
}  # fmt: skip
NAMES = frozenset(
    [*_VALUES, *_EACH, *_TESTS, *_ALONG, "true", "false", "zeros", "ones", "eye", "size", "length", "numel", "isempty", "find",
     "max", "min", "mod", "rem", "atan2", "ismember", "repmat", "logical", "linspace", "not"]
)  # fmt: skip


def call(name: str, arguments: list[Value]) -> Value:
    """What a function gives.

    Raises:
        Refused: it is none of these, or its arguments do not fit.
    """
    if name not in NAMES:
        raise Refused(f"'{name}' is neither a variable nor a function that is understood")
    n = len(arguments)
    if name in _VALUES and not n:
        return scalar(_VALUES[name])
    if name in ("true", "false") and not n:
        return np.array([[name == "true"]])
    if name in ("zeros", "ones", "eye"):
        return _filled(name, arguments)
    if not n:
        raise Refused(f"{name} needs an argument")
    if name == "isempty":
        x = arguments[0]
        return np.array([[(x.size if isinstance(x, np.ndarray) else len(x)) == 0]])
    if name in ("size", "length", "numel"):
        return _measured(name, arguments)
    given = [matrix(a) for a in arguments]
    if n == 1:
        return _of_one(name, given[0])
    if n == 2:
        return _of_two(name, *given)
    if name == "linspace" or name == "repmat":
        return _of_three(name, given)
    raise Refused(f"{name} with {n} arguments is not understood")


def _filled(name: str, arguments: list[Value]) -> Matrix:
    sizes = [whole(v, "a size") for a in arguments for v in matrix(a).reshape(-1, 1, 1)]
    if len(sizes) > 2:
        raise Refused(f"{name} with {len(sizes)} sizes is not understood")
    rows, columns = (sizes * 2)[:2] if sizes else (1, 1)
    out = made(rows, columns, 0.0 if name == "zeros" else 1.0)
    return np.asarray(out * np.eye(rows, columns)) if name == "eye" else out


def _measured(name: str, arguments: list[Value]) -> Matrix:
    x = arguments[0]
    rows, columns = x.shape if isinstance(x, np.ndarray) else (1, len(x))
    if name == "size":
        if len(arguments) == 1:
            return np.array([[float(rows), float(columns)]])
        dimension = whole(arguments[1], "a dimension")
        return scalar((rows, columns)[dimension - 1] if dimension in (1, 2) else 1)
    return scalar(rows * columns if name == "numel" else (max(rows, columns) if rows * columns else 0))


def _of_one(name: str, x: Matrix) -> Value:
    number_like = x.astype(float)
    if name in _EACH:
        with np.errstate(all="ignore"):
            out = np.asarray(_EACH[name](number_like), dtype=float)
        if (np.isnan(out) & ~np.isnan(number_like)).any():
            raise Refused(f"{name} gives a complex number")
        return out
    if name in _TESTS:
        return np.asarray(_TESTS[name](number_like))
    if name in ("not", "logical"):
        return np.asarray((x != 0) if name == "logical" else (x == 0))
    if name == "find":
        found = np.flatnonzero(x.reshape(-1, order="F") != 0).astype(float) + 1
        return found.reshape(1, -1) if x.shape[0] == 1 and x.shape[1] != 1 else found.reshape(-1, 1)
    if name in ("max", "min", *_ALONG):
        return _along(name, number_like, 1 if x.shape[0] == 1 else 0)
    raise Refused(f"{name} with one argument is not understood")


def _of_two(name: str, a: Matrix, b: Matrix) -> Value:
    if name in ("max", "min"):
        return ELEMENTWISE["+"](
            np.zeros_like(b, float), np.asarray(getattr(np, f"f{name}")(a.astype(float), b.astype(float)))
        )
    if name in ("mod", "rem", "atan2"):
        f = {"mod": np.mod, "rem": np.fmod, "atan2": np.arctan2}[name]
        return np.asarray(f(a.astype(float), b.astype(float)))
    if name == "ismember":
        return np.asarray(np.isin(a.astype(float), b.astype(float)))
    if name in _ALONG:
        dimension = whole(b, "a dimension")
        if dimension not in (1, 2):
            raise Refused(f"a matrix has no dimension {dimension}")
        return _along(name, a.astype(float), dimension - 1)
    if name == "linspace":
        return _of_three(name, [a, b, scalar(100)])
    if name == "repmat":
        sizes = b.reshape(-1)
        return _of_three(name, [a, scalar(sizes[0]), scalar(sizes[-1])])
    raise Refused(f"{name} with two arguments is not understood")


def _of_three(name: str, given: list[Matrix]) -> Value:
    if name == "linspace":
        points = whole(given[2], "a number of points")
        return made(1, points, 0.0) + np.linspace(number(given[0]), number(given[1]), points)
    rows, columns = whole(given[1], "a number of rows"), whole(given[2], "a number of columns")
    made(rows * given[0].shape[0], columns * given[0].shape[1], 0.0)
    return np.tile(given[0], (rows, columns))


def _along(name: str, x: Matrix, axis: int) -> Matrix:
    if name in ("max", "min"):
        if not x.size:
            return np.zeros((0, 0))
        return np.asarray(getattr(np, f"f{name}").reduce(x, axis=axis, keepdims=True))
    if name == "cumsum":
        return np.cumsum(x, axis=axis)
    return np.asarray(_ALONG[name](x, axis=axis, keepdims=True))
