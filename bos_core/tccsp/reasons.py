"""Why a chunk did not end well, in words for users."""

from concurrent.futures import CancelledError
from typing import Any

from bos_core.objects.errors import BosError, StorageError
from bos_core.objects.task import Chunk, Receipt
from bos_core.tccsp.given import Given


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


def died(container: str, given: Given) -> BosError:
    """A container died, or was killed because it hung."""
    how = given.blamed or "died (killed from outside, or above its memory quota)"
    return StorageError(
        f"{container} {how} while it ran {given.work.chunk.key}", "give containers more memory or use fewer of them"
    )


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
