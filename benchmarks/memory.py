"""A stage that needs more memory than there is: `python benchmarks/memory.py [--quick] [--json] [--out FILE.svg]`.

Large tasks (1400 MiB) and small ones (150 MiB) under a limit of 3 GiB for all workers together, kept as a kernel keeps
it: whenever the sum of resident memory is above the limit, the largest worker is killed. Three ways to run them: the
task runner of prefect-dask on four workers, the same on Dask's adaptive scaling, and BOS. Draws memory over time.
Needs `pip install 'bos-power[benchmarks]'`. With --json the last line is {"completed": {way: n}, "tasks": n,
"peak_mib": {way: MiB}, "killed": {way: n}, "seconds": {way: s}}.
"""

import argparse
import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.home import containers_of, prefect_server, temporary_home
from benchmarks.steps import fill
from bos_core.index import tasks
from bos_core.index.client import Index
from bos_core.index.tables import TaskArray
from bos_core.objects.errors import BosError
from bos_core.objects.task import Chunk
from bos_core.tccsp.client import SchedulerClient

LIMIT_MIB, WORKERS = 3072.0, 4
LARGE, SMALL = 1400, 150  # MiB
PATIENCE_S = 60.0  # for one task of a Prefect flow whose worker is gone


@dataclass
class Watch:
    """What the kernel would do: sums resident memory and kills the largest worker above the limit."""

    pids: Callable[[], list[int]]
    trace: list[tuple[float, float]] = field(default_factory=list)
    killed: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Watch":
        self._began = time.perf_counter()
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            held: dict[int, float] = {}
            for pid in self.pids():
                with suppress(psutil.Error):
                    held[pid] = psutil.Process(pid).memory_info().rss / 2**20
            self.trace.append((time.perf_counter() - self._began, sum(held.values())))
            if sum(held.values()) > LIMIT_MIB:
                with suppress(psutil.Error):
                    psutil.Process(max(held, key=lambda p: held[p])).kill()
                    self.killed += 1


def main() -> None:
    """Run the three ways and print what became of the tasks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a third of the tasks")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--out", type=Path, default=Path("memory.svg"), help="where the picture goes")
    asked = parser.parse_args()
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    sizes = [LARGE] * (4 if asked.quick else 10) + [SMALL] * (4 if asked.quick else 20)
    figures: dict[str, Any] = {"completed": {}, "tasks": len(sizes), "peak_mib": {}, "killed": {}, "seconds": {}}
    traces = {}
    with prefect_server():
        ways = {"prefect-dask": partial(_on_dask, adaptive=False), "adaptive": partial(_on_dask, adaptive=True),
                "bos": _bos}  # fmt: skip
        for way, run in ways.items():
            began = time.perf_counter()
            done, watch = run(sizes)
            traces[way] = watch.trace
            figures["completed"][way], figures["killed"][way] = done, watch.killed
            figures["peak_mib"][way] = max((m for _, m in watch.trace), default=0.0)
            figures["seconds"][way] = time.perf_counter() - began
            print(f"{way}: {done} of {len(sizes)} tasks completed, {watch.killed} workers killed, at most "
                  f"{figures['peak_mib'][way]:.0f} MiB, {figures['seconds'][way]:.0f} s", flush=True)  # fmt: skip
    _draw(traces, asked.out)
    if asked.json:
        print(json.dumps(figures))


def _on_dask(sizes: list[int], adaptive: bool) -> tuple[int, Watch]:
    """A Prefect flow on prefect-dask's task runner; a task that is lost is not waited for for ever."""
    try:
        from prefect_dask import DaskTaskRunner
    except ImportError:
        sys.exit("prefect-dask is not installed; run `pip install 'bos-power[benchmarks]'`")
    from distributed import LocalCluster
    from prefect import flow, task

    number = 0 if adaptive else WORKERS
    with LocalCluster(n_workers=number, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        if adaptive:
            cluster.adapt(minimum=1, maximum=WORKERS)

        @flow(task_runner=DaskTaskRunner(address=cluster.scheduler_address))
        def stage() -> int:
            futures = [task(fill).submit(mib) for mib in sizes]
            done = 0
            for future in futures:
                with suppress(Exception):
                    future.result(timeout=PATIENCE_S)
                    done += 1
            return done

        with Watch(lambda: [n.pid for n in list(cluster.workers.values()) if n.pid]) as watch:
            done = stage()
    return done, watch


def _bos(sizes: list[int]) -> tuple[int, Watch]:
    with temporary_home() as index:
        return _scheduled(index, sizes)


def _scheduled(index: Index, sizes: list[int]) -> tuple[int, Watch]:
    index.call(lambda db: tasks.create_task_set(db, "memory", "benchmark", {}))
    client = SchedulerClient(index, "memory", WORKERS, LIMIT_MIB)
    client.open()

    def array(mib: int) -> None:
        row = TaskArray(id=f"memory/{mib}/01", task_set_id="memory", stage="fill", month=1, elements=1, priority=1,
                        kind=str(mib))  # fmt: skip
        chunks = [Chunk(f"{row.id}-{k:03d}", "fill", k, 1, 24 * k, 24, {"mib": mib}) for k in range(sizes.count(mib))]
        with suppress(BosError):
            client.run_array(row, chunks, "benchmarks.steps:fill_chunk", None)

    pids: list[int] = []

    def look() -> list[int]:  # who the containers are changes seldom, and costs more to find out than what they hold
        if not pids or len(watch.trace) % 4 == 0:
            pids[:] = containers_of(index.settings)
        return pids

    watch = Watch(look)
    with watch, ThreadPoolExecutor(2) as threads:
        list(threads.map(array, sorted(set(sizes))))
    client.close()
    return sum(c.done for c in index.call(lambda db: tasks.stage_counts(db, "memory"))), watch


def _draw(traces: dict[str, list[tuple[float, float]]], path: Path) -> None:
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for way, trace in traces.items():
        axes.plot([t for t, _ in trace], [m for _, m in trace], label=way, linewidth=1)
    axes.axhline(LIMIT_MIB, color="black", linestyle=":", linewidth=1)
    axes.set(xlabel="s", ylabel="MiB resident, all workers", ylim=(0, None))
    axes.legend(frameon=False)
    figure.savefig(path)


if __name__ == "__main__":
    main()
