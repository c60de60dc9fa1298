"""What is told of a death: its signal; memory only where the system says so."""

import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from bos_core.tccsp.places.local import Endings
from bos_core.tccsp.places.place import Ending
from bos_core.tccsp.reasons import died

GIVEN: Any = SimpleNamespace(blamed="", work=SimpleNamespace(chunk=SimpleNamespace(key="set/s/01-000")))


@pytest.mark.parametrize(
    ("ending", "words", "memory"),
    [
        (Ending(-signal.SIGKILL, 0.1, False), "died of SIGKILL (ended from outside)", False),
        (Ending(-signal.SIGKILL, 0.1, True), "died of SIGKILL (the system ran out of memory)", True),
        (Ending(-signal.SIGSEGV, 0.1, True), "died of SIGSEGV (a fault in compiled code)", False),
        (Ending(3, 0.1, False), "its process ended with status 3", False),
        (Ending(-250, 0.1, False), "died (signal 250)", False),
        (None, "nothing tells of what", False),
    ],
)
def test_words(ending: Ending | None, words: str, memory: bool) -> None:
    said = str(died("container-1", GIVEN, ending))
    assert words in said
    assert ("memory" in said) == memory


def test_the_last_ending_is_kept_and_handed_on() -> None:
    """With the status of a process that really died so."""
    told: list[int] = []
    nanny = SimpleNamespace(_on_worker_exit_sync=told.append)
    endings = Endings(nanny)
    assert endings.last() is None
    code = subprocess.run([sys.executable, "-c", f"import os; os.kill(os.getpid(), {signal.SIGBUS})"]).returncode
    nanny._on_worker_exit_sync(code)
    last = endings.last()
    assert last is not None
    assert (last.code, last.starved) == (-signal.SIGBUS, False)
    assert 0 <= last.ago < 60
    assert told == [-signal.SIGBUS]
