"""Containers on this machine: which death was of memory, and none is ever given up."""

import os
import signal
import time
from types import SimpleNamespace

import pytest

from bos_core.objects.container import Container, Quota
from bos_core.tccsp.containers import ContainerPool
from bos_core.tccsp.places.local import Past
from tests.bos_core.test_scheduler import _until

GONE = 2**22 + 1  # beyond the largest process id of Linux
GIVEN_UP_S = 15.0  # after a death Dask looks whether the worker is back


def _ended(pid: int) -> SimpleNamespace:
    return SimpleNamespace(memory_manager=SimpleNamespace(_last_terminated_pid=pid))


def test_a_death_of_memory_is_told_from_the_next_one():
    past = Past()
    assert not past.died_of_memory(_ended(-1))
    past.saw(GONE)
    assert past.died_of_memory(_ended(GONE))  # nothing has come after it yet
    past.saw(os.getpid())
    assert past.died_of_memory(_ended(GONE))
    assert not past.died_of_memory(_ended(-1))
    past.saw(GONE + 1)  # and is gone as well, of something else
    assert not past.died_of_memory(_ended(GONE))


def _die(pool: ContainerPool) -> None:
    """Kill the container and wait until another process is ready in its place."""
    before = pool.processes()["c"]
    os.kill(before, signal.SIGKILL)
    _until(lambda: pool.processes().get("c") not in (None, before) and pool.ready() == {"c"}, 15)


@pytest.mark.slow
def test_a_container_that_dies_again_and_again_always_comes_back():
    pool = ContainerPool([Container("c", Quota(1, 600))])
    pool.start()
    try:
        end = time.monotonic() + GIVEN_UP_S + 3
        while time.monotonic() < end:
            _die(pool)
    finally:
        pool.close()
