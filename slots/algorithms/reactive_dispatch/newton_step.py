"""Newton's step of an hour's optimality conditions: a sparse symmetric system in blocks of a bus, by compiled C."""

import ctypes
from ctypes import byref, c_void_p
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import scipy.sparse as sp

from bos_core.objects.errors import ParameterError
from slots.grid.compiled import address, compiled
from slots.grid.elimination import elimination_order, fill_of
from slots.grid.model import Floats, Ints
from slots.grid.network import Network

BLOCK = 4  # unknowns of a bus: angle, logarithm of voltage, multipliers of active and reactive balance


class _System(ctypes.Structure):
    """The system as newton_step.c sees it."""

    _fields_ = [
        ("buses", ctypes.c_int),
        *((k, ctypes.c_void_p) for k in (
            "y_ptr", "y_col", "y_below", "y_re", "y_im", "ptr", "at", "diagonal", "below", "lower", "mark",
        )),
    ]  # fmt: skip


@cache
def library() -> ctypes.CDLL | None:
    """The compiled C; None where there is no C compiler."""
    source = resources.files("slots.algorithms.reactive_dispatch").joinpath("newton_step.c").read_bytes()
    return compiled(source, "newton-step")


class NewtonStep:
    """The system of a network: assembled at a state, factorised, solved; all by live bus in elimination order.

    Attributes:
        bus: position of each of them in the network.
        powers: (2, bus) p.u. of active and reactive power that leave each bus at the state.
        gradient: (2, bus) of multipliers times powers, by angle and by logarithm of voltage.
    """

    def __init__(self, net: Network, library: ctypes.CDLL, ybus: sp.csr_matrix) -> None:
        self._library = library
        self.bus, _ = elimination_order(net, ybus)
        y = self._in_order(ybus)
        below = sp.csc_matrix(sp.tril(fill_of(y), -1))
        below.sort_indices()
        n = len(self.bus)
        self._entries = y
        self._arrays = {
            "y_ptr": y.indptr.astype(np.int32), "y_col": y.indices.astype(np.int32), "y_below": _positions(y, below),
            "y_re": y.data.real.copy(), "y_im": y.data.imag.copy(), "ptr": below.indptr.astype(np.int32),
            "at": below.indices.astype(np.int32), "diagonal": np.zeros((n, BLOCK, BLOCK)),
            "below": np.zeros((below.nnz, BLOCK, BLOCK)), "lower": np.zeros((below.nnz, BLOCK, BLOCK)),
            "mark": np.zeros(n, np.int32),
        }  # fmt: skip
        self._system = _System(buses=n, **{k: address(a) for k, a in self._arrays.items()})
        self.powers, self.gradient = np.zeros((2, n)), np.zeros((2, n))

    def _in_order(self, ybus: sp.csr_matrix) -> sp.csr_matrix:
        y = sp.csr_matrix(ybus[self.bus][:, self.bus])
        y.sort_indices()
        return y

    def set(self, ybus: sp.csr_matrix) -> None:
        """Take other admittances of the same pattern: banks or taps have moved."""
        y = self._in_order(ybus).data
        _fit(len(self._entries.data), y)
        self._arrays["y_re"][:], self._arrays["y_im"][:] = y.real, y.imag

    def assemble(self, v: Any, of_p: Floats, of_q: Floats) -> None:
        """The matrix, powers and gradient at voltages (p.u.) and multipliers of the balance."""
        arrays = [np.ascontiguousarray(a, dtype=np.float64) for a in (v.real, v.imag, of_p, of_q)]
        _fit(len(self.bus), *arrays)
        out = [*self.powers, *self.gradient]
        self._library.assemble(byref(self._system), *(c_void_p(address(a)) for a in [*arrays, *out]))

    def factorise(self, of_angle: Floats, of_u: Floats, of_reactive: Floats) -> bool:
        """Factorise with what is added to the diagonal; False if the matrix is singular."""
        arrays = [np.ascontiguousarray(a, dtype=np.float64) for a in (of_angle, of_u, of_reactive)]
        _fit(len(self.bus), *arrays)
        return bool(self._library.factorise(byref(self._system), *(c_void_p(address(a)) for a in arrays)))

    def solve(self, *sides: Floats) -> Floats:
        """(4, bus) unknowns of a right-hand side, given as its four rows."""
        _fit(len(self.bus), *sides)
        x = np.ascontiguousarray(np.column_stack(sides), dtype=np.float64)
        self._library.solve(byref(self._system), c_void_p(address(x)))
        return x.T


def _fit(length: int, *arrays: Any) -> None:
    """Raise ParameterError for an array of another length, which C would read beyond."""
    for array in arrays:
        if array.shape != (length,):
            raise ParameterError(
                f"a step of {length} buses or entries is given {array.shape} numbers", "give one for each"
            )


def _positions(y: sp.csr_matrix, below: sp.csc_matrix) -> Ints:
    """Where the block of each entry of y, or of its mirror image, stands below the diagonal; -1 on it."""
    n = y.shape[0]
    row = np.repeat(np.arange(n), np.diff(y.indptr))
    low, high = np.minimum(row, y.indices), np.maximum(row, y.indices)
    keys = np.repeat(np.arange(n), np.diff(below.indptr)) * n + below.indices
    out = np.searchsorted(keys, low * n + high)
    return np.where(row == y.indices, -1, out).astype(np.int32)
