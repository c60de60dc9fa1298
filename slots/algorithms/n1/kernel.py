"""The compiled kernel of the batched engine: built at first use where there is a C compiler, kept for later runs."""

import ctypes
from functools import cache
from importlib import resources

from slots.grid.compiled import compiled


class Net(ctypes.Structure):
    """The network as kernel.c sees it."""

    _fields_ = [
        *((k, ctypes.c_int) for k in ("buses", "branches", "watched")),
        *((k, ctypes.c_void_p) for k in (
            "y_ptr", "y_col", "y_in_fill", "y_re", "y_im", "fill_ptr", "fill_col", "branch_from", "branch_to",
            "ff_re", "ff_im", "ft_re", "ft_im", "tf_re", "tf_im", "tt_re", "tt_im", "watch", "per_rate2", "v_low", "v_high",
        )),
    ]  # fmt: skip


class Hour(ctypes.Structure):
    """One intact hour as kernel.c sees it."""

    _fields_ = [(k, ctypes.c_void_p) for k in ("e", "f", "p", "q", "share", "q_low", "q_high", "shunt", "held")]


class Cases(ctypes.Structure):
    """Outages of an hour, and what becomes of them."""

    _fields_ = [
        ("count", ctypes.c_int),
        *((k, ctypes.c_void_p) for k in ("branch", "dead")),
        *((k, ctypes.c_double) for k in ("tolerance", "reactive_tolerance", "return_tolerance")),
        ("most", ctypes.c_int),
        *((k, ctypes.c_void_p) for k in (
            "converged", "iterations", "where", "loading", "v_min", "v_max", "margin", "e", "f", "held",
        )),
    ]  # fmt: skip


@cache
def kernel() -> ctypes.CDLL | None:
    """The compiled kernel; None where there is no C compiler or it fails."""
    return compiled(resources.files("slots.algorithms.n1").joinpath("kernel.c").read_bytes(), "outages")
