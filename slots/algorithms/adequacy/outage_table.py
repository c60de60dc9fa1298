"""Adequacy from the distribution of available capacity on a grid of steps: recursive, or as a product of spectra.

Capacities between two steps are shared by both so that the mean is kept; with whole MW and a step of 1 MW nothing is lost.
"""

from typing import Annotated

import numpy as np

from slots.contracts.adequacy import Adequacy, AdequacyRequest
from slots.grid.model import Floats
from slots.parameters import Parameter

Step = Annotated[float, Parameter("of the capacity table", unit="MW", ge=0.01, le=1000)]


def convolution(request: AdequacyRequest, *, step: Step = 1.0) -> Adequacy:
    """Assess by the recursive outage table (Billinton and Allan, section 2.2): unit after unit is added."""
    table = np.zeros(_size(request, step))
    table[0] = 1.0
    for c, q in zip(request.capacity, request.outage_rate, strict=True):
        k, part = int(c // step), c / step - c // step
        running = (1 - part) * _shifted(table, k) + (part * _shifted(table, k + 1) if part else 0.0)
        table = q * table + (1 - q) * running
    return _assessed(request, step * np.arange(len(table), dtype=np.float64), table)


def fourier(request: AdequacyRequest, *, step: Step = 1.0) -> Adequacy:
    """Assess by the product of the units' characteristic functions, transformed back (Rau and Schenk, 1979)."""
    size = _size(request, step)
    w = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    spectrum = np.ones(len(w), complex)
    for c, q in zip(request.capacity, request.outage_rate, strict=True):
        k, part = c // step, c / step - c // step
        spectrum *= q + (1 - q) * ((1 - part) * w**k + part * w ** (k + 1))
    table = np.clip(np.fft.irfft(spectrum, size), 0.0, None)
    return _assessed(request, step * np.arange(size, dtype=np.float64), table)


def _size(request: AdequacyRequest, step: float) -> int:
    return int(np.ceil(request.capacity / step).sum()) + 2


def _shifted(x: Floats, k: int) -> Floats:
    out = np.zeros_like(x)
    out[k:] = x[: len(x) - k] if k else x
    return out


def _assessed(request: AdequacyRequest, level: Floats, probability: Floats) -> Adequacy:
    """Sums over the levels below each hour's load."""
    below = np.concatenate([[0.0], np.cumsum(probability)])
    energy = np.concatenate([[0.0], np.cumsum(probability * level)])
    k = np.searchsorted(level, request.load - 1e-9, side="left")
    return Adequacy(float(below[k].sum()), float((request.load * below[k] - energy[k]).sum()))
