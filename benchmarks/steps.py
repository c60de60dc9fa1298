"""What containers run for benchmarks; small to import, because it counts as their memory."""

import os
import signal
import time
from typing import Any

import numpy as np

from bos_core.objects.task import Chunk, Receipt

HOLD_S = 1.5


def burn(message: dict[str, Any]) -> Receipt:
    """Use a processor for as many seconds as the payload says."""
    chunk, began = Chunk(**message), time.perf_counter()
    work(chunk.payload["seconds"])
    return _receipt(chunk, began, 250.0)


def work(seconds: float) -> None:
    """Use a processor for so many seconds."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        np.linalg.solve(np.eye(50), np.ones(50))


def fill(mib: int) -> int:
    """Hold memory (MiB) for a while."""
    held = np.ones(mib * 2**17)
    time.sleep(HOLD_S)
    return len(held)


def fill_chunk(message: dict[str, Any]) -> Receipt:
    """The same as a chunk of BOS; its peak is what was resident before and the memory it asked for."""
    chunk, began = Chunk(**message), time.perf_counter()
    before = _resident_mib()
    fill(chunk.payload["mib"])
    return _receipt(chunk, began, before + chunk.payload["mib"])


def elements(message: dict[str, Any]) -> Receipt:
    """Work on every element of a chunk; the poisoned one kills the container."""
    chunk, began = Chunk(**message), time.perf_counter()
    for element in range(chunk.offset, chunk.offset + chunk.count):
        if element == chunk.payload["poison"]:
            os.kill(os.getpid(), signal.SIGKILL)
        work(chunk.payload["seconds"])
    return _receipt(chunk, began, 250.0)


def _resident_mib() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _receipt(chunk: Chunk, began: float, peak_mib: float) -> Receipt:
    seconds = time.perf_counter() - began
    return Receipt(chunk.key, "", 0, seconds, seconds, peak_mib, "", "benchmark", chunk.count)
