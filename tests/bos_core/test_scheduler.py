"""The scheduler on real containers and a real Postgres: it records, retries and says why something died."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bos_core.index import tasks
from bos_core.index.client import Index
from bos_core.index.tables import TaskArray
from bos_core.objects.container import Container, Quota
from bos_core.objects.errors import BosError, BusyError, GridError, StorageError
from bos_core.objects.task import TRANSITIONS, Chunk, TaskState, check_transition
from bos_core.tccsp.containers import ContainerPool
from bos_core.tccsp.faults import Patience
from bos_core.tccsp.forecast import Job
from bos_core.tccsp.places.local import forked
from bos_core.tccsp.request import Request
from bos_core.tccsp.scheduler import Scheduler
from tests.bos_core.crashing import step


@pytest.fixture(scope="module")
def scheduler(index: Index) -> Iterator[Scheduler]:
    os.environ["DASK_LOGGING__DISTRIBUTED"] = "critical"
    out = Scheduler(index, ContainerPool([Container(f"c{k}", Quota(1, 1000)) for k in (1, 2)]))
    out.start()
    yield out
    out.close()


@pytest.fixture(autouse=True)
def _both_up(request: pytest.FixtureRequest) -> None:
    """A test may have killed containers; the next begins when they are back."""
    if "scheduler" in request.fixturenames:
        pool = request.getfixturevalue("scheduler")._pool
        _until(lambda: pool.ready() == {"c1", "c2"})


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


def test_what_always_dies_is_failed_element_by_element_with_its_reason(
    index: Index, scheduler: Scheduler, tmp_path: Path
):
    array, chunks = _array(index, "dying", ["die always"], tmp_path)
    with pytest.raises(StorageError, match=r"died .* while it ran dying/s/01-000\..* \(2 more failed\)"):
        scheduler.run_array(array, chunks, step, None)
    listed = index.call(lambda db: tasks.exceptions_of(db, "dying"))
    assert len(listed) == 3  # its elements, each by itself
    assert all("died of SIGKILL (ended from outside)" in why for _, _, why in listed)


def test_a_death_in_compiled_code_is_told_as_that(index: Index, scheduler: Scheduler, tmp_path: Path):
    """A step that reads where nothing is, another that has the C library give up: signals are named, memory is not blamed."""
    array, chunks = _array(index, "native", ["fault once", "abort once"], tmp_path)
    told: list[str] = []
    scheduler.run_array(array, chunks, step, None, told=told.append)
    faults, aborts = ([t for t in told if f"died of {name} (" in t] for name in ("SIGSEGV", "SIGABRT"))
    assert faults
    assert aborts
    assert not any("memory" in t for t in told)


def test_one_element_that_kills_is_found_and_the_rest_completes(index: Index, scheduler: Scheduler, tmp_path: Path):
    index.call(lambda db: tasks.create_task_set(db, "poison", "test", {}))
    array = TaskArray(id="poison/s/01", task_set_id="poison", stage="s", month=1, elements=48, priority=1)
    chunks = [
        Chunk(f"{array.id}-{k:03d}", "s", 16 * k, 16, 16 * k, 16, {"do": "poison 21", "folder": str(tmp_path)})
        for k in range(3)
    ]
    told: list[str] = []
    with pytest.raises(StorageError):
        scheduler.run_array(array, chunks, step, None, told=told.append)
    counts = index.call(lambda db: tasks.stage_counts(db, "poison"))[0]
    assert (counts.tasks, counts.done, counts.failed) == (48, 47, 1)
    ((_, offset, why),) = index.call(lambda db: tasks.exceptions_of(db, "poison"))
    assert offset == 21
    assert "died" in why
    assert sum("cut in two" in t for t in told) == 4  # 16, 8, 4, 2
    with pytest.raises(StorageError):  # what was cut stays cut, and only the culprit is tried again
        scheduler.run_array(array, chunks, step, None)
    again = index.call(lambda db: tasks.stage_counts(db, "poison"))[0]
    assert again.attempts == counts.attempts + 3


def test_what_cannot_be_cut_is_run_with_its_elements_apart(index: Index, scheduler: Scheduler, tmp_path: Path):
    array, chunks = _array(index, "apart", ["together"], tmp_path)
    told: list[str] = []
    assert scheduler.run_array(array, [replace(chunks[0], hours=1)], step, None, told=told.append) == 1
    assert len(told) == 3
    counts = index.call(lambda db: tasks.stage_counts(db, "apart"))[0]
    assert (counts.done, counts.failed) == (3, 0)


@pytest.mark.parametrize("how", ["stop once", "sleep once"])
def test_a_container_that_hangs_is_replaced(index: Index, scheduler: Scheduler, tmp_path: Path, how: str):
    scheduler.patience = Patience(stopped=1.0, idle=2.0)
    array, chunks = _array(index, how.replace(" ", ""), ["work", how, "work"], tmp_path)
    told: list[str] = []
    assert scheduler.run_array(array, chunks, step, None, told=told.append) == 3
    assert any("was stopped for" in t or "did nothing for" in t for t in told), told


def test_an_idle_container_that_hangs_is_replaced(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scheduler, "patience", Patience(stopped=1.0, absent=3.0))
    _until(lambda: "c2" in scheduler._pool.ready())
    before = scheduler._pool.processes()["c2"]
    os.kill(before, signal.SIGSTOP)
    _until(lambda: scheduler._pool.processes().get("c2") not in (None, before) and "c2" in scheduler._pool.ready())


def test_a_container_that_dies_while_it_comes_up_is_replaced(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scheduler, "patience", Patience(absent=1.0))
    _until(lambda: "c1" in scheduler._pool.ready())
    first = scheduler._pool.processes()["c1"]
    os.kill(first, signal.SIGKILL)
    second: list[int] = []
    _until(lambda: (pid := scheduler._pool.processes().get("c1")) not in (None, first) and not second.append(pid))
    with suppress(ProcessLookupError):
        os.kill(second[0], signal.SIGKILL)
    _until(lambda: scheduler._pool.processes().get("c1") not in (None, *second) and "c1" in scheduler._pool.ready())


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
def test_a_container_hurt_while_it_starts_is_tried_once_more(sign: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bos_core.tccsp.places.place.DEATH_S", 6.0)
    pool, old = ContainerPool([Container("hurt", Quota(1, 1000))]), forked()
    with ThreadPoolExecutor() as threads:
        started = threads.submit(pool.start)
        _until(lambda: forked() - old)
        for pid in forked() - old:
            os.kill(pid, sign)
        started.result()
    assert pool.ready() == {"hurt"}
    pool.close()
    _until(lambda: not forked() - old)


def _until(true: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_request_that_leaves_takes_its_work_along(index: Index, scheduler: Scheduler, tmp_path: Path):
    scheduler.admit(Request("left", workers=2, limit_mib=2000))
    array, chunks = _array(index, "left", ["sleep once"] * 4, tmp_path)
    other, more = _array(index, "stays", ["work"] * 6, tmp_path)
    with ThreadPoolExecutor(2) as threads:
        leaving = threads.submit(scheduler.run_array, array, chunks, step, None)
        _until(lambda: list(tmp_path.iterdir()))
        staying = threads.submit(scheduler.run_array, other, more, step, None)
        began = time.monotonic()
        scheduler.leave("left")
        with pytest.raises(BosError, match="the run was stopped"):
            leaving.result(timeout=10)
        assert staying.result(timeout=10) == 6
        assert time.monotonic() - began < 10
    counts = index.call(lambda db: tasks.stage_counts(db, "left"))[0]
    assert (counts.done, counts.failed, counts.retrying) == (0, 0, 0)


def test_what_waits_in_a_container_makes_way_for_what_is_more_critical(
    index: Index, scheduler: Scheduler, tmp_path: Path
):
    calm, critical = (
        Request("calm", 1.0, workers=2, limit_mib=2000),
        Request("critical", 10.0, workers=2, limit_mib=2000),
    )
    scheduler.admit(calm)
    array, chunks = _array(index, "calm", ["doze"] * 6, tmp_path)
    other, few = _array(index, "critical", ["work"] * 2, tmp_path)
    with ThreadPoolExecutor(2) as threads:
        dozing = threads.submit(scheduler.run_array, array, chunks, step, None)
        _until(lambda: len(scheduler._given.queued()) == 2)
        scheduler.admit(critical)
        assert scheduler.run_array(other, few, step, None) == 2
        assert index.call(lambda db: tasks.stage_counts(db, "calm"))[0].done <= 9, "four chunks had been handed out"
        assert dozing.result(timeout=30) == 6
    counts = index.call(lambda db: tasks.stage_counts(db, "calm"))[0]
    assert (counts.done, counts.retrying) == (18, 0)
    scheduler.leave("calm")
    scheduler.leave("critical")


def test_a_large_task_is_not_starved_by_small_ones(index: Index, scheduler: Scheduler, tmp_path: Path):
    for kind, peak in (("small", 200.0), ("large", 1200.0)):
        for _ in range(10):
            scheduler.forecaster.learn(Job("s", kind, 24.0), 0.1, peak)
    early, first = _array(index, "early", ["nap"] * 10, tmp_path)
    large, one = _array(index, "large", ["work"], tmp_path)
    late, many = _array(index, "late", ["nap"] * 60, tmp_path)
    early.kind, large.kind, late.kind = "small", "large", "small"
    with ThreadPoolExecutor(3) as threads:
        runs = []
        for array, chunks in ((early, first), (large, one), (late, many)):
            runs.append(threads.submit(scheduler.run_array, array, chunks, step, None))
            time.sleep(0.3)
        assert runs[1].result(timeout=30) == 1
        assert not runs[2].done(), "the large one had to wait until all small ones were through"
        assert runs[2].result(timeout=60) == 60


def test_programs_under_review_run_in_trial_containers_and_nothing_else_does(
    index: Index, scheduler: Scheduler, tmp_path: Path
):
    folders = {mode: tmp_path / mode for mode in ("launched", "trial")}
    work = {}
    for mode, folder in folders.items():
        folder.mkdir()
        work[mode] = _array(index, f"mode-{mode}", ["tell"] * 12, folder)
        work[mode][0].mode = mode
    with ThreadPoolExecutor(2) as threads:
        ran = list(threads.map(lambda mode: scheduler.run_array(*work[mode], step, None), work))
    assert ran == [12, 12]
    for mode, folder in folders.items():
        told = [file.read_text() for file in folder.glob("*.mode")]
        assert told == [mode] * 12
    array, chunks = _array(index, "mode-after", ["tell"] * 2, tmp_path)
    assert scheduler.run_array(array, chunks, step, None) == 2, "a container is launched again"
    assert [file.read_text() for file in tmp_path.glob("*.mode")] == ["launched"] * 2


def test_a_wrong_input_is_not_retried(index: Index, scheduler: Scheduler, tmp_path: Path):
    array, chunks = _array(index, "wrong", ["refuse"], tmp_path)
    with pytest.raises(GridError, match=r"the grid is square; make it round\."):
        scheduler.run_array(array, chunks, step, None)
    assert index.call(lambda db: tasks.stage_counts(db, "wrong"))[0].attempts == 1


def test_only_one_run_holds_a_task_set(index: Index):
    index.hold_lock("a")
    with Index(index.settings) as other, pytest.raises(BusyError, match="task set a is under way"):
        other.hold_lock("a")
    with Index(index.settings) as other:
        other.hold_lock("b")
    index.release_lock()
    with Index(index.settings) as other:
        other.hold_lock("a")


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
