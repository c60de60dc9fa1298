"""Many writers and readers at once, some killed; the database killed while it is written to: nothing lost or half."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bos_core.index import data, tasks, upkeep
from bos_core.index.client import Index
from storage.postgres import EmbeddedPostgres
from storage.settings import Settings

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
WRITERS, READERS, CHUNKS = 8, 8, 25


@pytest.fixture
def settings(tmp_path: Path):
    out = Settings(tmp_path, "", 0)
    server = EmbeddedPostgres(out)
    server.start()
    with Index(out) as index:
        index.call(lambda db: tasks.create_task_set(db, "set", "test", {}))
    yield out
    server.stop()


def _start(settings: Settings, role: str, number: int, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.bos_core.hammer", str(settings.home), role, str(number), str(count)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _acknowledged(told: str) -> list[str]:
    return [line for line in told.splitlines() if line.startswith("set/")]


def _check(settings: Settings, acknowledged: list[str], whole: bool) -> None:
    with Index(settings) as index:
        assert index.call(lambda db: upkeep.damaged(db, settings.results)) == []
        listed = [o.chunk_key for o in index.call(lambda db: data.outputs(db, "set"))]
        assert len(listed) == len(set(listed))
        assert set(acknowledged) <= set(listed)
        if whole:
            assert len(listed) == WRITERS * CHUNKS


def test_writers_and_readers_with_some_killed(settings: Settings):
    rng = random.Random(1)
    writers = [_start(settings, "write", k, CHUNKS) for k in range(WRITERS)]
    readers = [_start(settings, "read", k, 6) for k in range(READERS)]
    time.sleep(3 + 2 * rng.random())
    for victim in rng.sample(writers, 2):
        victim.kill()
    told = [w.communicate(timeout=120)[0] for w in writers]
    assert [r.communicate(timeout=120)[0] for r in readers] == [""] * READERS
    acknowledged = [k for t in told for k in _acknowledged(t)]
    _check(settings, acknowledged, whole=False)
    again = [_start(settings, "write", k, CHUNKS) for k in range(WRITERS)]
    second = [k for w in again for k in _acknowledged(w.communicate(timeout=120)[0])]
    assert not set(second) & set(acknowledged), "a commit that was acknowledged is not made again"
    _check(settings, acknowledged + second, whole=True)


def test_the_database_killed_while_it_is_written_to(settings: Settings):
    server = EmbeddedPostgres(settings)
    writers = [_start(settings, "write", k, CHUNKS) for k in range(WRITERS)]
    time.sleep(5)
    pid = int((server.data / "postmaster.pid").read_text().splitlines()[0])
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in family:
        os.kill(process.pid, signal.SIGKILL)
    told = [w.communicate(timeout=120)[0] for w in writers]
    acknowledged = [k for t in told for k in _acknowledged(t)]
    assert server.start()
    _check(settings, acknowledged, whole=False)
    for w in [_start(settings, "write", k, CHUNKS) for k in range(WRITERS)]:
        w.communicate(timeout=120)
    _check(settings, acknowledged, whole=True)
