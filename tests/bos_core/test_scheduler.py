"""The scheduler on real containers and a real Postgres: it records, retries and says why something died."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bos_core.index import tasks
from bos_core.index.client import Index
from bos_core.index.tables import TaskArray
from bos_core.objects.container import Container, Quota
from bos_core.objects.errors import BosError, BusyError, GridError, StorageError
from bos_core.objects.task import TRANSITIONS, Chunk, TaskState, check_transition
from bos_core.tccsp.containers import ContainerPool
from bos_core.tccsp.scheduler import Scheduler
from tests.bos_core.crashing import step


@pytest.fixture(scope="module")
def scheduler(index: Index) -> Iterator[Scheduler]:
    os.environ["DASK_LOGGING__DISTRIBUTED"] = "critical"
    out = Scheduler(index, ContainerPool([Container(f"c{k}", Quota(1, 1000)) for k in (1, 2)]))
    out.start()
    yield out
    out.close()


def _array(index: Index, name: str, doing: list[str], folder: Path) -> tuple[TaskArray, list[Chunk]]:
    index.call(lambda db: tasks.create_task_set(db, name, "test", {}))
    array = TaskArray(id=f"{name}/s/01", task_set_id=name, stage="s", month=1, elements=3 * len(doing), priority=1)
    chunks = [
        Chunk(f"{array.id}-{k:03d}", "s", 3 * k, 3, 24 * k, 24, {"do": what, "folder": str(folder)})
        for k, what in enumerate(doing)
    ]
    return array, chunks


def test_all_is_recorded_and_a_second_time_nothing_runs(index: Index, scheduler: Scheduler, tmp_path: Path):
    array, chunks = _array(index, "plain", ["work"] * 7, tmp_path)
    assert scheduler.run_array(array, chunks, step, None) == 7
    counts = index.call(lambda db: tasks.stage_counts(db, "plain"))[0]
    assert (counts.tasks, counts.done, counts.chunks, counts.attempts) == (21, 21, 7, 7)
    assert scheduler.run_array(array, chunks, step, None) == 0


def test_a_killed_container_is_replaced_and_its_chunk_retried(index: Index, scheduler: Scheduler, tmp_path: Path):
    array, chunks = _array(index, "killed", ["work", "die once", "work", "work"], tmp_path)
    scheduler.run_array(array, chunks, step, None)
    counts = index.call(lambda db: tasks.stage_counts(db, "killed"))[0]
    assert counts.done == 12
    assert counts.attempts > 4


def test_what_always_dies_is_failed_with_its_reason(index: Index, scheduler: Scheduler, tmp_path: Path):
    array, chunks = _array(index, "dying", ["die always"], tmp_path)
    with pytest.raises(StorageError, match="died while it ran dying/s/01-000"):
        scheduler.run_array(array, chunks, step, None)
    listed = index.call(lambda db: tasks.exceptions_of(db, "dying"))
    assert len(listed) == 1
    assert "above its memory quota" in listed[0][2]


def test_a_wrong_input_is_not_retried(index: Index, scheduler: Scheduler, tmp_path: Path):
    array, chunks = _array(index, "wrong", ["refuse"], tmp_path)
    with pytest.raises(GridError, match=r"the grid is square; make it round\."):
        scheduler.run_array(array, chunks, step, None)
    assert index.call(lambda db: tasks.stage_counts(db, "wrong"))[0].attempts == 1


def test_only_one_run_holds_the_lock(index: Index):
    index.hold_run_lock()
    with Index(index.settings) as other, pytest.raises(BusyError):
        other.hold_run_lock()
    index.release_run_lock()
    with Index(index.settings) as other:
        other.hold_run_lock()


def test_transitions_have_one_place():
    for old in TaskState:
        for new in TaskState:
            if new in TRANSITIONS[old]:
                check_transition(old, new)
            else:
                with pytest.raises(ValueError, match="cannot go"):
                    check_transition(old, new)
    assert not TRANSITIONS[TaskState.SUCCESS]


def test_errors_cross_process_borders():
    import pickle

    error = pickle.loads(pickle.dumps(GridError("it is flat", "bend it")))
    assert isinstance(error, GridError)
    assert isinstance(error, BosError)
    assert str(error) == "it is flat; bend it."
