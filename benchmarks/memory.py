"""A stage that needs more memory than there is: `python benchmarks/memory.py [--quick] [--json] [--out FILE.svg]`.

Six large tasks (1400 MiB) and many small ones (150 MiB) under a limit of 2400 MiB for all workers together, kept as a
kernel keeps it: whenever the sum of resident memory is above the limit, the largest worker is killed. Three ways to run
them: plain Dask with four workers (as prefect-dask submits tasks), Dask's adaptive scaling, and BOS. Draws memory over
time. With --json the last line is {"completed": {way: n}, "tasks": n, "peak_mib": {way: MiB}, "killed": {way: n},
"seconds": {way: s}}.
"""

import argparse
import json
import logging
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from distributed import Client, LocalCluster
from matplotlib.figure import Figure

from bos_core.index import tasks
from bos_core.index.client import Index
from bos_core.index.tables import TaskArray
from bos_core.objects.errors import BosError
from bos_core.objects.task import Chunk, Receipt
from bos_core.tccsp.containers import ContainerPool, default_containers
from bos_core.tccsp.scheduler import Scheduler
from storage.postgres import EmbeddedPostgres
from storage.settings import Settings

LIMIT_MIB, WORKERS, HOLD_S = 2400.0, 4, 1.5
LARGE, SMALL = (6, 1400), (18, 150)  # how many, MiB


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


def fill(mib: int) -> int:
    """Hold memory for a while."""
    held = np.ones(mib * 2**17)
    time.sleep(HOLD_S)
    return len(held)


def step(message: dict[str, Any]) -> Receipt:
    """The same as a chunk of BOS."""
    began, chunk = time.perf_counter(), Chunk(**message)
    before = psutil.Process().memory_info().rss / 2**20
    fill(chunk.payload["mib"])
    peak = before + chunk.payload["mib"]
    return Receipt(chunk.key, "", 0, time.perf_counter() - began, 0.0, peak, "", "benchmark", 1)


def main() -> None:
    """Run all three and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="half of the tasks, shorter ones")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--out", type=Path, default=Path("memory.svg"), help="where the picture goes")
    asked = parser.parse_args()
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    share = 2 if asked.quick else 1
    sizes = [LARGE[1]] * (LARGE[0] // share) + [SMALL[1]] * (SMALL[0] // (2 * share))
    figures: dict[str, Any] = {"tasks": len(sizes), "completed": {}, "peak_mib": {}, "killed": {}, "seconds": {}}
    traces = {}
    for way, run in {"dask": _plain, "dask adaptive": _adaptive, "bos": _bos}.items():
        began = time.perf_counter()
        done, watch = run(sizes)
        traces[way] = watch.trace
        figures["completed"][way], figures["killed"][way] = done, watch.killed
        figures["peak_mib"][way] = max((m for _, m in watch.trace), default=0.0)
        figures["seconds"][way] = time.perf_counter() - began
        print(f"{way}: {done} of {len(sizes)} tasks completed, {watch.killed} workers killed, at most "
              f"{figures['peak_mib'][way]:.0f} MiB, {figures['seconds'][way]:.0f} s")  # fmt: skip
    _draw(traces, asked.out)
    if asked.json:
        print(json.dumps(figures))


def _on_dask(sizes: list[int], adaptive: bool) -> tuple[int, Watch]:
    with LocalCluster(
        n_workers=0 if adaptive else WORKERS, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:
        if adaptive:
            cluster.adapt(minimum=1, maximum=WORKERS)
        with (
            Client(cluster) as client,
            Watch(lambda: [n.pid for n in list(cluster.workers.values()) if n.pid]) as watch,
        ):
            futures = [client.submit(fill, mib, pure=False) for mib in sizes]
            done = 0
            for future in futures:
                with suppress(Exception):
                    future.result(timeout=60)
                    done += 1
    return done, watch


def _plain(sizes: list[int]) -> tuple[int, Watch]:
    return _on_dask(sizes, adaptive=False)


def _adaptive(sizes: list[int]) -> tuple[int, Watch]:
    return _on_dask(sizes, adaptive=True)


def _bos(sizes: list[int]) -> tuple[int, Watch]:
    with tempfile.TemporaryDirectory(prefix="bos-memory-") as home:
        settings = Settings(Path(home), "", 0)
        server = EmbeddedPostgres(settings)
        server.start()
        try:
            with Index(settings) as index:
                return _scheduled(index, sizes)
        finally:
            server.stop()


def _scheduled(index: Index, sizes: list[int]) -> tuple[int, Watch]:
    pool = ContainerPool(default_containers(WORKERS, LIMIT_MIB), LIMIT_MIB)
    scheduler = Scheduler(index, pool, "memory")
    scheduler.start()
    index.call(lambda db: tasks.create_task_set(db, "memory", "benchmark", {}))

    def array(mib: int) -> int:
        row = TaskArray(id=f"memory/{mib}/01", task_set_id="memory", stage="fill", month=1, elements=1, priority=1,
                        kind=str(mib))  # fmt: skip
        many = range(sizes.count(mib))
        with suppress(BosError):
            chunks = [Chunk(f"{row.id}-{k:03d}", "fill", k, 1, 24 * k, 24, {"mib": mib}) for k in many]
            scheduler.run_array(row, chunks, step, None)
        return sum(c.done for c in index.call(lambda db: tasks.stage_counts(db, "memory")))

    with Watch(lambda: list(pool.processes().values())) as watch, ThreadPoolExecutor(2) as threads:
        done = max(threads.map(array, sorted(set(sizes))))
    scheduler.close()
    return done, watch


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
