"""Memory on real containers: what does not fit makes them change, and together they stay within the limit."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from bos_core.index import decisions, tasks
from bos_core.index.client import Index
from bos_core.objects.container import Container, Quota
from bos_core.objects.errors import StorageError
from bos_core.objects.task import Chunk
from bos_core.tccsp.containers import ContainerPool, default_containers
from bos_core.tccsp.forecast import Job
from bos_core.tccsp.limits import memory_limit
from bos_core.tccsp.scheduler import Scheduler
from tests.bos_core.crashing import step
from tests.bos_core.test_scheduler import _array

LIMIT_MIB = 2400.0


class Watch(threading.Thread):
    """The most resident memory that the containers of a pool had together, and the largest quota (MiB)."""

    def __init__(self, pool: ContainerPool) -> None:
        super().__init__(daemon=True)
        self.pool, self.most, self.largest, self.stop = pool, 0.0, 0, threading.Event()

    def run(self) -> None:
        while not self.stop.wait(0.05):
            total = 0.0
            for pid in self.pool.processes().values():
                try:
                    total += psutil.Process(pid).memory_info().rss / 2**20
                except psutil.Error:
                    continue
            self.most = max(self.most, total)
            self.largest = max(self.largest, *(c.quota.memory_mib for c in self.pool.containers))


@pytest.mark.slow
def test_large_and_small_tasks_share_a_limit_that_equal_containers_would_break(index: Index, tmp_path: Path):
    pool = ContainerPool(default_containers(4, LIMIT_MIB), LIMIT_MIB)
    assert [c.quota.memory_mib for c in pool.containers] == [600] * 4
    scheduler = Scheduler(index, pool)
    scheduler.start()
    watch = Watch(pool)
    watch.start()
    try:
        work = []
        for name, doing in (("large", ["fill 1400"] * 2), ("small", ["fill 150"] * 12)):
            array, chunks = _array(index, name, doing, tmp_path)
            array.kind = name
            work.append((array, chunks, step, None))
        with ThreadPoolExecutor(2) as threads:
            assert list(threads.map(lambda w: scheduler.run_array(*w), work)) == [2, 12]
    finally:
        watch.stop.set()
        scheduler.close()
    for name, number in (("large", 2), ("small", 12)):
        counts = index.call(lambda db, n=name: tasks.stage_counts(db, n))[0]
        assert (counts.done, counts.failed) == (3 * number, 0)
    assert watch.most < LIMIT_MIB
    assert watch.largest > 1500
    assert sum(c.quota.memory_mib for c in pool.containers) <= LIMIT_MIB


@pytest.mark.slow
def test_what_a_quota_kills_gets_a_larger_one(index: Index, tmp_path: Path):
    pool = ContainerPool([Container(f"m{k}", Quota(1, 700)) for k in (1, 2)], 1900.0)
    scheduler = Scheduler(index, pool)
    for _ in range(20):
        scheduler.forecaster.learn(Job("s", "grown", 1), 1.0, 300.0)  # experience that does not hold here
    scheduler.start()
    try:
        array, chunks = _array(index, "grown", ["fill 900"], tmp_path)
        array.kind = "grown"
        began = time.monotonic()
        assert scheduler.run_array(array, chunks, step, None) == 1
        assert time.monotonic() - began < 60
    finally:
        scheduler.close()
    (sent,) = index.call(lambda db: decisions.sent(db, "grown"))
    assert sent.attempts >= 2
    assert sent.state == "success"


@pytest.mark.slow
def test_what_no_container_can_hold_fails_with_its_reason(index: Index, tmp_path: Path):
    scheduler = Scheduler(index, ContainerPool([Container(f"n{k}", Quota(1, 600)) for k in (1, 2)], 1200.0))
    scheduler.start()
    try:
        array, _ = _array(index, "huge", ["fill 3000"], tmp_path)
        chunk = Chunk(f"{array.id}-000", "s", 0, 1, 0, 1, {"do": "fill 3000", "folder": str(tmp_path)})
        with pytest.raises(StorageError, match=r"exceeded its memory quota of \d+ MiB .* --memory-limit"):
            scheduler.run_array(array, [chunk], step, None)
    finally:
        scheduler.close()
    (sent,) = index.call(lambda db: decisions.sent(db, "huge"))
    assert sent.state == "failed"


def test_limits_that_make_no_sense_are_refused():
    from bos_core.objects.errors import ParameterError

    for limit, sentence in ((1e9, "more than the"), (100.0, "holds no container")):
        with pytest.raises(ParameterError, match=sentence):
            memory_limit(limit)
    assert memory_limit() > 512
    assert [c.quota.memory_mib for c in default_containers(4, 1100.0)] == [550, 550, 0, 0]
