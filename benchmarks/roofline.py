"""The limits that the N-1 kernel is up against on this core: its arithmetic, and reading the factors from cache.

A Newton step of a tile of outages multiplies every entry of the factors once with each lane's unknown, and every entry
of the admittances four times with each lane's voltages. Entries and their columns (8 and 4 bytes) are read once a step
for all lanes. Factorising the hour, corrections of switched buses and limit checks are left out: a lower bound.
"""

import time
from collections.abc import Callable
from ctypes import CDLL, c_double, c_long, c_void_p
from pathlib import Path

import numpy as np

from slots.algorithms.n1.batched import BatchedEngine, batched_engine_of
from slots.contracts.n1 import N1Request
from slots.grid.compiled import compiled

SECONDS = 0.3  # of each measurement


def limits_of(request: N1Request) -> dict[str, float]:
    """CPU microseconds a case takes at least: for its `arithmetic`, and to read the `factors`."""
    engine = batched_engine_of(request.network)
    assert isinstance(engine, BatchedEngine), "no C compiler"
    library = compiled((Path(__file__).parent / "roofline.c").read_bytes(), "roofline")
    assert library is not None, "no C compiler"
    lanes = engine.lanes
    steps = float(engine.verify(request).iterations[:, 1:].mean())
    free = int((~request.controlled[0][request.network.grid.live]).sum())
    entries = engine.entries * ((1 + free / len(engine.adm.ybus.indptr)) / 2) ** 2
    operations = (2 * entries + 8 * engine.adm.ybus.nnz) * steps
    read = 12 * entries * steps / lanes
    flops, bytes_a_second = _arithmetic(library), _reading(library, int(12 * entries))
    out = {"arithmetic": operations / flops * 1e6, "factors": read / bytes_a_second * 1e6}
    print(
        f"limits: {flops / 1e9:.0f} Gflop/s, {bytes_a_second / 1e9:.0f} GB/s from cache; {steps:.1f} steps of "
        f"{entries:.0f} entries take {out['arithmetic']:.1f} us of arithmetic and {out['factors']:.1f} us of reading a case",
        flush=True,
    )
    return out


def _arithmetic(library: CDLL) -> float:
    library.multiply_adds.restype = c_double
    library.multiply_adds.argtypes = [c_long, c_void_p]
    out = np.zeros(16)
    return _rate(lambda n: library.multiply_adds(n, out.ctypes.data), 1_000_000)


def _reading(library: CDLL, size: int) -> float:
    library.reads.restype = c_double
    library.reads.argtypes = [c_void_p, c_long, c_long, c_void_p]
    raw, out = np.ones(size // 8 + 16), np.zeros(16)
    start = (-raw.ctypes.data % 64) // 8
    array = raw[start:]
    return _rate(lambda n: library.reads(array.ctypes.data, len(array), n, out.ctypes.data), 100)


def _rate(work: Callable[[int], float], rounds: int) -> float:
    """Best units a second of a few measurements."""
    best = 0.0
    for _ in range(5):
        began, done = time.process_time(), 0.0
        while time.process_time() - began < SECONDS:
            done += work(rounds)
        best = max(best, done / (time.process_time() - began))
    return best
