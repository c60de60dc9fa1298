"""Why a chunk did not end well, in words for users."""

import signal
from concurrent.futures import CancelledError
from typing import Any

from bos_core.objects.errors import BosError, StorageError
from bos_core.objects.task import Chunk, Receipt
from bos_core.tccsp.given import Given
from bos_core.tccsp.places.place import Ending


def outcome_of(future: Any) -> Receipt | BaseException:
    """What came of a Dask future that has ended."""
    try:
        receipt: Receipt = future.result()
    except (Exception, CancelledError) as error:
        return error
    return receipt


def first_of(failures: list[BosError]) -> BosError:
    """The first failure, with the number of others."""
    first = failures[0]
    return type(first)(f"{first.what} ({len(failures) - 1} more failed)", first.mend) if failures[1:] else first


def died(container: str, given: Given, ending: Ending | None = None) -> BosError:
    """A container died, or was killed because it hung; of its memory only where the system says so."""
    how, mend = (given.blamed, FEWER) if given.blamed else _end(ending)
    return StorageError(f"{container} {how} while it ran {given.work.chunk.key}", mend)


FEWER = "give containers more memory or use fewer of them"
_NATIVE = {
    signal.SIGSEGV: "a fault in compiled code",
    signal.SIGBUS: "a fault in compiled code, or a disk that is full",
    signal.SIGABRT: "compiled code that gave up",
    signal.SIGILL: "compiled code for another processor",
    signal.SIGFPE: "an arithmetic fault in compiled code",
}


def _end(ending: Ending | None) -> tuple[str, str]:
    """How a process ended, and the mend."""
    if ending is None:
        return "died, and nothing tells of what", "see the scheduler's log"
    if ending.code >= 0:
        return f"died (its process ended with status {ending.code})", "see the scheduler's log"
    if -ending.code not in {s.value for s in signal.Signals}:
        return f"died (signal {-ending.code})", "see the scheduler's log"
    name = signal.Signals(-ending.code)
    if name in _NATIVE:
        return f"died of {name.name} ({_NATIVE[name]})", "choose another program for this stage, and report it"
    if name is signal.SIGKILL and ending.starved:
        return f"died of {name.name} (the system ran out of memory)", FEWER
    return f"died of {name.name} (ended from outside)", "see who ends processes on that machine"


def too_large(container: str, given: Given, quota: int) -> BosError:
    """A container was killed by its quota (MiB)."""
    return StorageError(
        f"{container} exceeded its memory quota of {quota} MiB while it ran {given.work.chunk.key}",
        "raise --memory-limit, or use fewer workers",
    )


def crashed(chunk: Chunk, error: BaseException) -> BosError:
    """A step raised what is not one of our errors."""
    return BosError(f"{chunk.key} failed: {words(error)}", "see the log")


def words(error: BaseException) -> str:
    """An error's kind and the first line of what it says."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:120] if text else 'no message'}"
