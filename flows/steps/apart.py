"""Outages of a suspect hour, apart from the container's process: one that kills what computes it is found.

They are computed in a child process; where that dies, each half of them is, down to the culprits. The rest completes.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import psutil

from slots.contracts.n1 import N1Request, N1Result
from slots.grid.model import Ints

Call = Callable[[N1Request], N1Result]
LOOK_S = 0.1  # between looks at what a child holds


def verify_apart(call: Call, request: N1Request) -> tuple[N1Result, Ints]:
    """Verify every contingency as `call` does; those that kill its process have no figures and do not converge.

    Returns:
        The result, and the cases (1 + position in `contingencies`) that killed a process.
    """
    contingencies = request.network.contingencies
    hours, cases = len(request.v), 1 + len(contingencies)
    whole = {name: np.full((hours, cases), fill) for name, fill in _nothing().items()}
    killed = []
    for positions, part in _parts(call, request, np.arange(len(contingencies))):
        if part is None:
            killed.append(1 + int(positions[0]))
            continue
        to = np.concatenate([[0], 1 + positions])
        for name, array in whole.items():
            array[:, to] = getattr(part, name)
    return N1Result(contingencies, **whole), np.array(sorted(killed), dtype=np.int64)


def _nothing() -> dict[str, float | bool | int]:
    """What stands for a case that has no figures."""
    figures = dict.fromkeys(("loading", "vmin", "vmax", "margin"), float("nan"))
    return {"converged": False, "branch": -1, "lost_load": 0.0, "lost_generation": 0.0,
            "iterations": 0, **figures}  # fmt: skip


def _parts(call: Call, request: N1Request, positions: Ints) -> Iterator[tuple[Ints, N1Result | None]]:
    """Positions with their result, None for a single one whose process died."""
    net, quota = request.network, _quota()
    left, pool = [positions], _child(call)
    while left:
        mine = left.pop()
        part = replace(request, network=replace(net, outages=net.contingencies[mine]))
        try:
            yield mine, _within(pool.submit(call, part), quota)
        except (BrokenProcessPool, MemoryError):
            pool.shutdown()
            pool = _child(call)
            if len(mine) > 1:
                left += np.array_split(mine, 2)
            else:
                yield mine, None
    pool.shutdown()


def _child(call: Call) -> ProcessPoolExecutor:
    context = get_context("forkserver")  # what a child needs is loaded once; many may die
    context.set_forkserver_preload([__name__, getattr(call, "func", call).__module__])
    return ProcessPoolExecutor(1, context)


def _within(future: "Future[N1Result]", quota: float) -> N1Result:
    """A child's result; it is ended once it holds more bytes than its container may."""
    while True:
        try:
            return future.result(timeout=LOOK_S)
        except TimeoutError:
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    if child.memory_info().rss > quota:
                        child.kill()


def _quota() -> float:
    """Bytes that the container may use; no limit in a test or a notebook."""
    from distributed import get_worker

    try:
        return float(get_worker().memory_manager.memory_limit)
    except ValueError:
        return float("inf")
