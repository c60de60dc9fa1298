"""The resident scheduler as runs meet it: shared, urgent work first, and not missed for long when it dies."""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from bos_core.index import tasks
from bos_core.index.client import Index
from bos_core.objects.errors import BosError, ServiceError
from bos_core.tccsp.client import SchedulerClient, SchedulerLost
from bos_core.tccsp.forecast import Job
from bos_core.tccsp.wire import address
from tests.bos_core.test_scheduler import _array, _until

STEP = "tests.bos_core.crashing:step"


@pytest.fixture
def connect(index: Index) -> Iterator[Callable[..., SchedulerClient]]:
    made: list[SchedulerClient] = []

    def client(set_id: str, **wishes: float) -> SchedulerClient:
        made.append(SchedulerClient(index, set_id, 2, 2000.0, **wishes))
        return made[-1]

    yield client
    for c in made:
        c.close()


def _process(index: Index) -> psutil.Process:
    return psutil.Process(int((index.settings.home / "scheduler.pid").read_text().split()[0]))


def _done(index: Index, name: str) -> int:
    return sum(c.done for c in index.call(lambda db: tasks.stage_counts(db, name)))


@pytest.fixture(scope="module", autouse=True)
def ended(index: Index) -> Iterator[None]:
    yield
    process = _process(index)
    process.terminate()
    process.wait(timeout=30)
    assert not list(Path("/tmp").glob(f"bos-{os.geteuid()}-{index.settings.fingerprint}-tccsp/*"))


def test_an_urgent_request_overtakes_an_annual_one_which_then_goes_on(index: Index, connect, tmp_path: Path):
    annual, urgent = connect("annual"), connect("urgent", criticality=10.0, deadline_s=20.0)
    year, many = _array(index, "annual", ["nap"] * 120, tmp_path)
    study, few = _array(index, "urgent", ["nap"] * 4, tmp_path)
    with ThreadPoolExecutor(2) as threads:
        long = threads.submit(annual.run_array, year, many, STEP, None)
        _until(lambda: _done(index, "annual") >= 10)
        began = time.monotonic()
        short = threads.submit(urgent.run_array, study, few, STEP, None)
        assert short.result(timeout=20) == 4
        took = time.monotonic() - began
        assert not long.done()
        assert took < 5.0, "four naps of 0.15 s waited for the year"
        assert long.result(timeout=60) == 120


def test_progress_and_forecasts_reach_the_run(index: Index, connect, tmp_path: Path):
    client, seen = connect("seen"), []
    array, chunks = _array(index, "seen", ["work"] * 5, tmp_path)
    client.run_array(array, chunks, STEP, None, lambda done, of: seen.append((done, of)))
    assert seen == [(k, 5) for k in range(1, 6)]
    assert 0.01 < client.forecast(Job("s", array.kind, 24.0)) < 5.0


def test_reasons_reach_the_run(index: Index, connect, tmp_path: Path):
    client, told = connect("reasons"), []
    array, chunks = _array(index, "reasons", ["die once", "refuse"], tmp_path)
    with pytest.raises(BosError, match=r"the grid is square; make it round\."):
        client.run_array(array, chunks, STEP, None, told=told.append)
    assert any("try 2" in t and "died" in t for t in told)


def test_when_it_dies_the_run_is_told_and_goes_on_with_another(index: Index, connect, tmp_path: Path):
    client = connect("orphan")
    array, chunks = _array(index, "orphan", ["nap"] * 40, tmp_path)
    client.open()
    before = _process(index)
    containers = before.children(recursive=True)
    with ThreadPoolExecutor(1) as threads:
        run = threads.submit(client.run_array, array, chunks, STEP, None)
        _until(lambda: _done(index, "orphan") >= 10)
        before.kill()
        with pytest.raises(SchedulerLost):
            run.result(timeout=10)
    left = 40 - _done(index, "orphan") / 3
    assert left - 2 <= client.run_array(array, chunks, STEP, None) <= left  # two may have been just being written
    assert _process(index).pid != before.pid
    _, left = psutil.wait_procs(containers, timeout=10)
    assert not left, "containers outlived their scheduler"
    counts = index.call(lambda db: tasks.stage_counts(db, "orphan"))[0]
    assert (counts.done, counts.failed) == (120, 0)


def test_a_dying_one_that_still_takes_a_connection_is_passed_over(index: Index, connect, tmp_path: Path):
    if (index.settings.home / "scheduler.pid").exists():
        process = _process(index)
        process.terminate()
        process.wait(timeout=30)
    with socket.socket(socket.AF_UNIX) as dying:
        dying.bind(str(address(index.settings)))
        dying.listen(1)
        with ThreadPoolExecutor(1) as threads:
            array, chunks = _array(index, "passed", ["work"] * 2, tmp_path)
            ran = threads.submit(connect("passed").run_array, array, chunks, STEP, None)
            dying.accept()[0].close()
            dying.close()
            assert ran.result(timeout=60) == 2


def test_a_run_that_is_killed_frees_the_containers(index: Index, connect, tmp_path: Path):
    client, other = connect("gone"), connect("next")
    array, chunks = _array(index, "gone", ["sleep once"] * 4, tmp_path)
    follow, more = _array(index, "next", ["work"] * 4, tmp_path)
    with ThreadPoolExecutor(1) as threads:
        run = threads.submit(client.run_array, array, chunks, STEP, None)
        _until(lambda: list(tmp_path.iterdir()))
        client.close()
        with pytest.raises(BosError, match="stopped"):
            run.result(timeout=10)
    began = time.monotonic()
    assert other.run_array(follow, more, STEP, None) == 4
    assert time.monotonic() - began < 10


def test_two_that_start_it_at_once_share_one(index: Index, connect, tmp_path: Path):
    before = _process(index)
    before.kill()
    before.wait()
    clients = [connect(f"twin{k}") for k in range(2)]
    work = [_array(index, f"twin{k}", ["work"] * 3, tmp_path) for k in range(2)]
    with ThreadPoolExecutor(2) as threads:
        ran = list(threads.map(lambda k: clients[k].run_array(*work[k], STEP, None), range(2)))
    assert ran == [3, 3]
    serving = [p for p in psutil.process_iter(["cmdline", "environ"])
               if "bos_core.tccsp" in (p.info["cmdline"] or [])
               and (p.info["environ"] or {}).get("BOS_HOME") == str(index.settings.home)]  # fmt: skip
    assert len(serving) == 1


def test_containers_that_cannot_start_are_told(index: Index, tmp_path: Path):
    before = _process(index)
    before.kill()
    before.wait()
    client = SchedulerClient(index, "broken", 2, 1100.0)
    os.environ["DASK_DISTRIBUTED__WORKER__PRELOAD"] = json.dumps(["no_such_module"])
    try:
        with pytest.raises(ServiceError, match=r"containers cannot start \(.*no_such_module"):
            client.open()
    finally:
        del os.environ["DASK_DISTRIBUTED__WORKER__PRELOAD"]
        client.close()
    with pytest.raises(BosError):
        client.open()
