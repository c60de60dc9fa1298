"""Tasks of a mix on two real workers: under a simple policy with bare Dask, or by BOS's scheduler with its index."""

import queue
import threading
import time
from collections.abc import Sequence
from functools import partial

from distributed import Client, LocalCluster

from benchmarks.home import temporary_home
from benchmarks.steps import work
from bos_core.index import tasks
from bos_core.index.tables import TaskArray
from bos_core.objects.task import Chunk
from bos_core.tccsp.board import Slot
from bos_core.tccsp.client import SchedulerClient
from bos_core.tccsp.simulator import EarliestDeadlineFirst, FirstComeFirstServed, Policy, VirtualTask

WORKERS, LIMIT_MIB = 2, 2000.0
STEP = "benchmarks.steps:burn"


def dask_runs(mix: Sequence[VirtualTask], name: str) -> None:
    """Run a mix under `fifo`, `edf`, or as plain `dask` does; every task is told when it ended."""
    policies: dict[str, Policy] = {"fifo": FirstComeFirstServed(), "edf": EarliestDeadlineFirst()}
    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
        Client(cluster) as client,
    ):
        workers = list(client.scheduler_info()["workers"])
        client.gather([client.submit(work, 0.1, pure=False, workers=[w]) for w in workers])
        _dispatch(client, mix, policies.get(name))


def _dispatch(client: Client, mix: Sequence[VirtualTask], policy: Policy | None) -> None:
    """Hand tasks over as they arrive: to Dask at once, or to an idle worker as the policy says."""
    began, left = time.monotonic(), sorted(mix, key=lambda t: t.arrival)
    ended: queue.Queue[tuple[VirtualTask, str]] = queue.Queue()
    idle, running = list(client.scheduler_info()["workers"]), 0

    def send(task: VirtualTask, where: str = "") -> None:
        future = client.submit(work, task.seconds, pure=False, workers=[where] if where else None)
        future.add_done_callback(lambda f: ended.put((task, where)))
        futures.append(future)

    futures: list[object] = []
    while left or running:
        now = time.monotonic() - began
        while left and left[0].arrival <= now:
            task = left.pop(0)
            running += 1
            if policy is None:
                send(task)
            else:
                policy.add(task.demand, task, task.arrival)
        if policy is not None and len(policy) and idle:
            for pick in policy.decide(now, [Slot(w, 1e6, now) for w in idle]).choices:
                idle.remove(pick.container)
                send(pick.work, pick.container)
        try:
            task, where = ended.get(timeout=min(0.05, max(left[0].arrival - now, 0.001) if left else 0.05))
        except queue.Empty:
            continue
        task.ended, running = time.monotonic() - began, running - 1
        if where:
            idle.append(where)


def tccsp_runs(mix: Sequence[VirtualTask], unit: float) -> None:
    """Run a mix by BOS: each arrival of a kind is a request of its own, with its criticality and deadline.

    Args:
        mix: the tasks; they are told when they ended.
        unit: s that a task of size 1 takes, as far as is known before.
    """
    with temporary_home() as index:
        warm = SchedulerClient(index, "warm", WORKERS, LIMIT_MIB)
        for service, size in {(t.demand.job.service, t.demand.job.size) for t in mix}:  # it has seen such tasks before
            _run(warm, f"{service}{size}", service, size, [unit * size] * 2, [None, None])
        began = time.monotonic()
        groups: dict[tuple[float, str, float, float], list[VirtualTask]] = {}
        for t in mix:
            key = (t.arrival, t.demand.job.service, t.demand.job.size, t.demand.deadline)
            groups.setdefault(key, []).append(t)
        threads = []
        for k, (key, mine) in enumerate(sorted(groups.items(), key=lambda g: g[0][0])):
            time.sleep(max(began + key[0] - time.monotonic(), 0.0))
            deadline = None if key[3] == float("inf") else began + key[3] - time.monotonic()
            client = SchedulerClient(index, f"r{k}", WORKERS, LIMIT_MIB, mine[0].demand.criticality, deadline)
            thread = threading.Thread(target=partial(_request, client, f"r{k}", key[1], key[2], mine, began))
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()
        warm.close()


def _request(
    client: SchedulerClient, name: str, service: str, size: float, mine: list[VirtualTask], began: float
) -> None:
    _run(client, name, service, size, [t.seconds for t in mine], mine, began)
    client.close()


def _run(
    client: SchedulerClient, name: str, service: str, size: float, seconds: list[float],
    mine: Sequence[VirtualTask | None], began: float = 0.0,
) -> None:  # fmt: skip
    client.index.call(lambda db: tasks.create_task_set(db, name, "benchmark", {}))
    array = TaskArray(
        id=f"{name}/{service}/01", task_set_id=name, stage=service, month=1, elements=len(seconds), priority=1
    )
    chunks = [Chunk(f"{array.id}-{k:03d}", service, k, 1, k, 1, {"seconds": s}, size) for k, s in enumerate(seconds)]
    waiting = list(mine)

    def advance(done: int, of: int) -> None:  # like tasks of a request: the first to end is the first
        task = waiting.pop(0)
        if task is not None:
            task.ended = time.monotonic() - began

    client.run_array(array, chunks, STEP, None, advance)
