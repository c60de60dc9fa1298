"""What to do about a chunk that did not end well: how long to wait, when to try again, when to cut it.

A chunk whose container dies is tried again after a pause. One that keeps killing its container is cut in two until a
single element is left, which is the culprit: it fails with its reason, and everything around it completes. What cannot
be cut further and still has several elements is run once more with each of them apart from the container's process,
where its step knows how.
"""

from dataclasses import dataclass, replace
from enum import Enum

from bos_core.objects.task import Chunk

MAX_ATTEMPTS = 3
ATTEMPTS_BEFORE_SPLIT = 2
MOST_CULPRITS = 3  # in an array; beyond them the fault is not in single elements
FIRST_PAUSE_S = 0.25  # before a chunk is tried again; doubled each time
HOURS_OF_DAY = 24


class Verdict(Enum):
    """What becomes of a chunk."""

    RETRY = "retry"
    SPLIT = "split"
    APART = "apart"
    FAIL = "fail"


def judge(attempts: int, can_grow: bool, divisible: bool, culprits: int, several: bool = False) -> Verdict:
    """What to do with a chunk whose container died.

    Args:
        attempts: how often it has been tried.
        can_grow: it died of a memory quota that can still be raised.
        divisible: it has more than one element.
        culprits: single elements of its array that have failed so far.
        several: it has several elements that have not been tried apart yet.
    """
    if can_grow:
        return Verdict.RETRY
    if divisible and culprits < MOST_CULPRITS:
        return Verdict.SPLIT if attempts >= ATTEMPTS_BEFORE_SPLIT else Verdict.RETRY
    if attempts < MAX_ATTEMPTS:
        return Verdict.RETRY
    return Verdict.APART if several and culprits < MOST_CULPRITS else Verdict.FAIL


def several(chunk: Chunk) -> bool:
    """Whether a chunk has several elements that have not been tried apart yet."""
    return chunk.count > 1 and not chunk.payload.get("apart")


def apart(chunk: Chunk) -> Chunk:
    """The chunk with its elements to be run apart from the container's process."""
    return replace(chunk, payload={**chunk.payload, "apart": True})


def pause(attempts: int) -> float:
    """Seconds to wait before a chunk is tried again."""
    return float(FIRST_PAUSE_S * 2 ** (attempts - 1))


def _grain(chunk: Chunk) -> int:
    """Hours of the smallest piece that a chunk can be cut into: a day where its elements are days."""
    days = -(-chunk.hours // HOURS_OF_DAY)
    return HOURS_OF_DAY if chunk.count == days else max(1, chunk.hours // chunk.count)


def divisible(chunk: Chunk) -> bool:
    """Whether a chunk can be cut in two."""
    return chunk.count > 1 and chunk.hours > _grain(chunk)


def halves(chunk: Chunk) -> list[Chunk]:
    """A chunk cut in two, at a border between elements; sizes and counts in proportion."""
    grain = _grain(chunk)
    pieces = -(-chunk.hours // grain)
    hours = grain * (pieces // 2)
    count = chunk.count * (pieces // 2) // pieces
    size = chunk.size * hours / chunk.hours
    first = replace(chunk, key=f"{chunk.key}.0", hours=hours, count=count, size=size)
    second = replace(
        chunk, key=f"{chunk.key}.1", offset=chunk.offset + count, count=chunk.count - count,
        first_hour=chunk.first_hour + hours, hours=chunk.hours - hours, size=chunk.size - size,
    )  # fmt: skip
    return [first, second]


@dataclass(frozen=True)
class Patience:
    """How long a container may seem to do nothing.

    Attributes:
        stopped: s that its process may be stopped by the system.
        idle: s that it may use no processor time while it has a chunk.
        absent: s that it has to come up again by itself after it died.
        least, factor: a chunk may take `factor` times its careful forecast (s), and `least` in any case.
    """

    stopped: float = 5.0
    idle: float = 60.0
    absent: float = 20.0
    least: float = 900.0
    factor: float = 20.0

    def lost(self, elapsed: float, careful: float, idle: float, stopped: float) -> str:
        """Why a container is to be given up, empty if it is not.

        Args:
            elapsed: s since its chunk began; careful: forecast of that, on the safe side.
            idle: s since it last used a processor; stopped: s since it was seen to be stopped.
        """
        if stopped > self.stopped:
            return f"was stopped for {stopped:.0f} s"
        if idle > self.idle:
            return f"did nothing for {idle:.0f} s"
        limit = max(self.least, self.factor * careful)
        return f"took more than {limit:.0f} s" if elapsed > limit else ""
