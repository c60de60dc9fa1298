"""A device model's equations as functions of many devices at once: in C where there is a compiler, else in NumPy.

Arrays are (variable, device), each variable's values in a row. Unknowns x are the states, then the algebraic variables;
u the inputs; p the parameters, then the set points. With mass M, rate f and the step before (x', f'), the residual of a
state over a step of h is M (x - x') - h/2 (f + f'), by the trapezoidal rule; that of an algebraic equation is itself. A
limit cuts the step off where it would leave it, and at a limit the rate f' is what leads back, or nothing.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import sympy as sp
from sympy.printing.c import C99CodePrinter

from bos_core.objects.errors import ParameterError
from slots.dynamics.equations.model import CURRENT, DeviceModel
from slots.dynamics.equations.parser import symbol
from slots.grid.compiled import compiled
from slots.grid.model import Floats, Ints

_ARRAYS = ("x", "u", "p", "xp", "fp")
_H = sp.Symbol("h", real=True)
_START = 1.0  # p.u., where initialisation begins to search what a model says nothing about


class Function(Protocol):
    """A function of devices, side by side."""

    def __call__(self, h: float, *arrays: Floats) -> Floats:
        """(row, device) values."""
        ...

    def bound(self, *arrays: Floats) -> Callable[[float], Floats]:
        """The function of arrays that stay where they are; it may overwrite what it gave before."""
        ...


@dataclass(frozen=True)
class Functions:
    """The functions of a model; each takes (h, x, u, p, x of the step before, f of the step before).

    Attributes:
        unknowns, inputs, constants: names of the rows of x, u and p.
        states: how many of the unknowns are states.
        entries, slopes: (entry, 2) row and column of what `jacobian` and `output_slopes` give; columns count unknowns,
            then inputs.
        steady, steady_slopes: what vanishes at rest, in the order of the unknowns, without limits; then the outputs;
            their derivatives by unknowns, inputs and set points.
        standing: (entry, 2) of those.
        limits, starts: (state, device) least values, then largest ones; (unknown and set point, device) first guesses,
            with the current injected among x, or in the first two rows of x of the step before.
        in_c: whether they are compiled.
    """

    model: DeviceModel
    unknowns: tuple[str, ...]
    inputs: tuple[str, ...]
    constants: tuple[str, ...]
    states: int
    entries: Ints
    slopes: Ints
    standing: Ints
    in_c: bool
    rates: Function
    residual: Function
    jacobian: Function
    outputs: Function
    output_slopes: Function
    steady: Function
    steady_slopes: Function
    limits: Function
    starts: Function

    def values(self, devices: int) -> Floats:
        """(constant, device) the parameters' values; set points are 0 until they are found."""
        known = {v.name: v.value or 0.0 for v in self.model.variables}
        return np.tile(np.array([[known[n]] for n in self.constants]), (1, devices))


def functions_of(model: DeviceModel, in_c: bool = True) -> Functions:
    """The functions of a model; in NumPy if asked or where no compiler is found."""
    unknowns = (*model.states, *model.of("algebraic"))
    inputs, constants = tuple(model.of("input")), (*model.of("parameter"), *model.of("setpoint"))
    n = len(model.states)
    rows = {"x": unknowns, "u": inputs, "p": constants}
    place = {symbol(name): (array, k) for array, names in rows.items() for k, name in enumerate(names)}
    before = [[sp.Symbol(f"{array} {k}", real=True) for k in range(max(n, 2))] for array in ("xp", "fp")]
    given = {symbol(name): before[0][k] for k, name in enumerate(CURRENT) if name in model.internal}
    place |= {s: (array, k) for array, each in zip(("xp", "fp"), before, strict=True) for k, s in enumerate(each)}
    written = _internal_written_out(model)
    mass, rate = ([written(pair[side]) for pair in model.states.values()] for side in (0, 1))
    limits = [model.limits.get(x, (-sp.oo, sp.oo)) for x in model.states]
    limited = [written(limited_rate(model, x)) for x in model.states]
    swing = [
        m * (symbol(x) - xp) - _within(_H / 2 * (f + fp), m, low - xp, high - xp)
        for x, m, f, (low, high), xp, fp in zip(
            model.states, mass, limited, limits, *(b[:n] for b in before), strict=True
        )
    ]
    implicit = [written(e) for e in model.residuals]
    outputs = [written(symbol(name)) for name in model.outputs]
    balance = [*rate, *implicit, *outputs]
    points = model.of("setpoint")
    (entries, jacobian), (slopes, output_slopes), (standing, steady_slopes) = (
        _slopes(e, columns)
        for e, columns in (
            (swing + implicit, [*unknowns, *inputs]), (outputs, [*unknowns, *inputs]),
            (balance, [*unknowns, *inputs, *points]),
        )
    )  # fmt: skip
    every = {
        "rates": [_stopped(symbol(x), f, *sides) for x, f, sides in zip(model.states, limited, limits, strict=True)],
        "residual": swing + implicit,
        "jacobian": jacobian,
        "outputs": outputs,
        "output_slopes": output_slopes,
        "steady": balance,
        "steady_slopes": steady_slopes,
        "limits": [side for k in (0, 1) for side in (sides[k] for sides in limits)],
        "starts": [model.starts.get(name, sp.Float(_START)).xreplace(given) for name in [*unknowns, *points]],
    }
    library = compiled(_source(every, place).encode(), "device") if in_c else None
    made = {
        name: _Compiled(library[name], len(e), _least_rows(e, place)) if library else _Vectorised(e, place)
        for name, e in every.items()
    }
    return Functions(model, unknowns, inputs, constants, n, entries, slopes, standing, library is not None, **made)


def limited_rate(model: DeviceModel, state: str) -> sp.Expr:
    """Mass times the derivative of a state within its limits."""
    mass, rate = model.states[state]
    return _within(rate, mass, *model.rates.get(state, (-sp.oo, sp.oo)))


def _within(step: sp.Expr, mass: sp.Expr, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    step = sp.Max(step, mass * low) if low != -sp.oo else step
    return sp.Min(step, mass * high) if high != sp.oo else step


def _stopped(state: sp.Symbol, rate: sp.Expr, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """The rate of an integrator that does not wind up."""
    pieces = [(sp.Max(rate, 0), state <= low)] if low != -sp.oo else []
    pieces += [(sp.Min(rate, 0), state >= high)] if high != sp.oo else []
    return sp.Piecewise(*pieces, (rate, sp.true))


def _internal_written_out(model: DeviceModel) -> Callable[[sp.Expr], sp.Expr]:
    meaning: dict[sp.Symbol, sp.Expr] = {}
    for name, expression in model.internal.items():
        meaning[symbol(name)] = expression.xreplace(meaning)
    return lambda expression: expression.xreplace(meaning)


def _slopes(expressions: list[sp.Expr], names: list[str]) -> tuple[Ints, list[sp.Expr]]:
    """(entry, 2) where derivatives by the named variables are not zero, and the derivatives."""
    found = [(k, j, d) for k, e in enumerate(expressions) for j, name in enumerate(names)
             if symbol(name) in e.free_symbols and (d := _slope(e, symbol(name))) != 0]  # fmt: skip
    return np.array([(k, j) for k, j, _ in found], dtype=np.int64).reshape(-1, 2), [d for *_, d in found]


def _slope(expression: sp.Expr, by: sp.Symbol) -> sp.Expr:
    """A derivative; where a limit is just reached, that of the side before."""
    found = sp.diff(expression, by)
    return found.replace(sp.Heaviside, lambda x, *_: sp.Piecewise((1, x > 0), (0, True)))


def _source(every: dict[str, list[sp.Expr]], place: dict[sp.Symbol, tuple[str, int]]) -> str:
    arrays = ", ".join(f"const double *restrict {a}" for a in _ARRAYS)
    printer, parts = C99CodePrinter({"contract": False}), ["#include <math.h>\n"]
    at = {s: sp.Symbol(f"{array}[{k} * N + i]", real=True) for s, (array, k) in place.items()}
    for name, expressions in every.items():
        shared, short = _common([e.xreplace(at) for e in expressions])
        lines = [f"    const double {s} = {printer.doprint(e)};" for s, e in shared]
        lines += [f"    out[{k} * N + i] = {printer.doprint(e)};" for k, e in enumerate(short)]
        body = "\n".join(lines)
        parts.append(
            f"void {name}(long N, double h, {arrays}, double *restrict out) {{\n  for (long i = 0; i < N; i++) {{\n{body}\n  }}\n}}\n"
        )
    return "\n".join(parts)


def _common(expressions: list[sp.Expr]) -> tuple[list[tuple[sp.Symbol, sp.Expr]], list[sp.Expr]]:
    shared, short = sp.cse(expressions, symbols=sp.numbered_symbols("c", real=True), optimizations="basic")
    return shared, short


def _least_rows(expressions: list[sp.Expr], place: dict[sp.Symbol, tuple[str, int]]) -> tuple[int, ...]:
    """How many rows of each array expressions read at least."""
    used = [place[s] for e in expressions for s in e.free_symbols if s in place]
    return tuple(max((k + 1 for array, k in used if array == name), default=0) for name in _ARRAYS)


class _Compiled:
    """A compiled function; arrays are contiguous doubles of as many devices each.

    Args:
        function: of the library.
        rows: that it gives.
        least: rows of each array that it reads.
    """

    def __init__(self, function: Any, rows: int, least: tuple[int, ...]) -> None:
        self._function, self._rows, self._least = function, rows, least
        function.restype = None
        function.argtypes = [ctypes.c_long, ctypes.c_double, *[ctypes.c_void_p] * (len(_ARRAYS) + 1)]

    def __call__(self, h: float, *arrays: Floats) -> Floats:
        """(row, device) values."""
        return self.bound(*(np.ascontiguousarray(a, dtype=np.float64) for a in arrays))(h)

    def bound(self, *arrays: Floats) -> Callable[[float], Floats]:
        """The function of arrays that stay where they are; it overwrites what it gave before.

        Raises:
            ParameterError: they do not fit: C would read beyond them.
        """
        devices = arrays[0].shape[1]
        fit = len(arrays) == len(_ARRAYS) and all(
            a.ndim == 2 and a.shape[1] == devices and len(a) >= rows and a.flags.c_contiguous and a.dtype == np.float64
            for a, rows in zip(arrays, self._least, strict=True)
        )
        if not fit:
            shapes = ", ".join(f"{name} {a.shape}" for name, a in zip(_ARRAYS, arrays, strict=False))
            raise ParameterError(
                f"arrays of a device model do not fit its equations ({shapes})",
                f"give contiguous doubles with {self._least} rows at least and a column for each device",
            )
        out, function = np.empty((self._rows, devices)), self._function
        places = [ctypes.c_void_p(a.ctypes.data) for a in (*arrays, out)]

        def call(h: float) -> Floats:
            assert arrays is not None  # they live as long as this function
            function(devices, h, *places)
            return out

        return call


class _Vectorised:
    """A function in NumPy, used as a compiled one."""

    def __init__(self, expressions: list[sp.Expr], place: dict[sp.Symbol, tuple[str, int]]) -> None:
        needed = {s for e in expressions for s in e.free_symbols}
        place = {s: where for s, where in place.items() if s in needed}
        names = {s: sp.Symbol(f"{array}_{k}", real=True) for s, (array, k) in place.items()}
        short = [e.xreplace(names) for e in expressions]
        self._made = sp.lambdify([_H, *names.values()], short, modules="numpy", cse=True)
        self._where, self._rows = list(place.values()), len(expressions)

    def __call__(self, h: float, *arrays: Floats) -> Floats:
        """(row, device) values."""
        devices, told = arrays[0].shape[1], dict(zip(_ARRAYS, arrays, strict=True))
        out = np.empty((self._rows, devices), np.result_type(float, *arrays))  # complex for derivatives by such steps
        for row, value in zip(out, self._made(h, *(told[array][k] for array, k in self._where)), strict=True):
            row[:] = value
        return out

    def bound(self, *arrays: Floats) -> Callable[[float], Floats]:
        """The function of arrays that stay where they are."""
        return lambda h: self(h, *arrays)
