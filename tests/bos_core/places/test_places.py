"""The contract of places: work, deaths, memory, sizes and modes are the same wherever containers run."""

import os
import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from sqlmodel import col, select

from bos_core.index.client import Index
from bos_core.index.tables import ChunkRow
from bos_core.objects.container import Container, ContainerMode, Quota
from bos_core.objects.errors import StorageError
from bos_core.tccsp.containers import ContainerPool
from bos_core.tccsp.faults import Patience
from bos_core.tccsp.places.place import Place
from bos_core.tccsp.scheduler import Scheduler
from tests.bos_core.crashing import step
from tests.bos_core.test_scheduler import _array, _until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scheduler(index: Index, place: Place) -> Iterator[Scheduler]:
    pool = ContainerPool([Container(f"p{k}", Quota(1, 1000)) for k in (1, 2)], 2000.0, place)
    out = Scheduler(index, pool, Patience(stopped=3.0))
    out.start()
    yield out
    _until(pool.ready)  # the last test has killed one
    processes = pool.processes()
    out.close()
    _until(lambda: not any(psutil.pid_exists(pid) for pid in processes.values()))


@pytest.fixture(autouse=True)
def _both_up(scheduler: Scheduler) -> None:
    _until(lambda: scheduler._pool.ready() == {"p1", "p2"})


def _run(index: Index, scheduler: Scheduler, doing: list[str], folder: Path) -> list[str]:
    """Run chunks; what was told of retries."""
    array, chunks = _array(index, folder.name, doing, folder)
    told: list[str] = []
    assert scheduler.run_array(array, chunks, step, None, told=told.append) == len(doing)
    return told


def test_work_is_done_in_both_containers(index: Index, scheduler: Scheduler, tmp_path: Path):
    assert _run(index, scheduler, ["nap"] * 8, tmp_path) == []
    rows = index.call(lambda db: db.exec(select(ChunkRow).where(col(ChunkRow.array_id) == f"{tmp_path.name}/s/01")))
    assert {row.container for row in rows} == {"p1", "p2"}


def test_a_container_that_dies_comes_back_and_its_chunk_is_tried_again(
    index: Index, scheduler: Scheduler, tmp_path: Path
):
    (why,) = _run(index, scheduler, ["die once", "work"], tmp_path)
    assert "died" in why


def test_a_container_that_is_stopped_is_seen_and_replaced(index: Index, scheduler: Scheduler, tmp_path: Path):
    (why,) = _run(index, scheduler, ["stop once", "work"], tmp_path)
    assert "was stopped for" in why


def test_freed_memory_is_kept_for_the_next_array(scheduler: Scheduler):
    for pid in scheduler._pool.processes().values():  # all places of these tests are on this host
        assert int(psutil.Process(pid).environ()["MALLOC_TRIM_THRESHOLD_"]) >= 2**26


def test_vital_signs_are_those_of_the_process(scheduler: Scheduler):
    def seen() -> bool:
        # A process that starts grows between the look of its attendant and ours: the signs must come to agree.
        vitals = scheduler._pool.vitals()
        return set(vitals) == {"p1", "p2"} and all(
            vital.resident_mib == pytest.approx(psutil.Process(vital.pid).memory_info().rss / 2**20, rel=0.2)
            for vital in vitals.values()  # all places of these tests are on this host
        )

    _until(seen)
    for vital in scheduler._pool.vitals().values():
        assert vital.cpu_seconds > 0.1
        assert not vital.stopped
    place = scheduler._pool.place
    server, loads = place.server("p1"), place.loads()
    assert (server.name, server.cores) == (platform.node(), psutil.cpu_count())
    assert set(loads) == {server.name}
    assert 0 <= loads[server.name].cpu_share <= 1
    assert 0 < loads[server.name].memory_share < 1


def test_sizes_and_modes_change(scheduler: Scheduler):
    pool = scheduler._pool
    pool.resize({"p1": 1100, "p2": 0})
    _until(lambda: pool.ready() == {"p1"})
    pool.resize({"p1": 1000, "p2": 1000})
    _until(lambda: pool.ready() == {"p1", "p2"})
    pool.switch(["p2"], ContainerMode.TRIAL)
    _until(lambda: pool.ready() == {"p1", "p2"})
    told = pool.client.run(os.getenv, "BOS_CONTAINER_MODE")
    names = {address: worker["name"] for address, worker in pool.client.scheduler_info(n_workers=-1)["workers"].items()}
    assert {names[a]: mode for a, mode in told.items()} == {"p1": "launched", "p2": "trial"}
    limits = {w.name: w.memory_limit >> 20 for w in pool._cluster.scheduler.workers.values()}
    assert limits == {"p1": 1000, "p2": 1000}
    pool.switch(["p2"], ContainerMode.LAUNCHED)


def test_beyond_its_quota_a_chunk_is_told_its_memory(index: Index, scheduler: Scheduler, tmp_path: Path):
    array, chunks = _array(index, tmp_path.name, ["fill 4000"], tmp_path)
    array.elements = 1  # nothing to cut
    with pytest.raises(StorageError, match="exceeded its memory quota"):
        scheduler.run_array(array, [replace(chunks[0], count=1)], step, None)
