"""Task: the minimal schedulable unit; states, arrays of tasks, chunks and receipts."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class TaskState(StrEnum):
    """The five canonical states of a task."""

    PENDING = "pending"
    EXECUTING = "executing"
    SUCCESS = "success"
    FAILED = "failed"
    RETRYING = "retrying"


# A chunk that was executing when its run died goes back to pending: nothing of it was committed.
TRANSITIONS: dict[TaskState, frozenset[TaskState]] = {
    TaskState.PENDING: frozenset({TaskState.EXECUTING}),
    TaskState.EXECUTING: frozenset({TaskState.SUCCESS, TaskState.FAILED, TaskState.RETRYING, TaskState.PENDING}),
    TaskState.RETRYING: frozenset({TaskState.EXECUTING, TaskState.PENDING}),
    TaskState.FAILED: frozenset({TaskState.PENDING}),
    TaskState.SUCCESS: frozenset(),
}


def check_transition(old: TaskState, new: TaskState) -> None:
    """Raise ValueError unless a task may go from `old` to `new`."""
    if new not in TRANSITIONS[old]:
        raise ValueError(f"a task cannot go from {old} to {new}")


@dataclass(frozen=True)
class Chunk:
    """A run of consecutive elements of a task array that travels to a container as one message.

    Attributes:
        key: unique within the task set, also the stem of the result file.
        stage: the chain's stage that this chunk belongs to.
        offset: first element of the array.
        count: number of BOS tasks in it.
        first_hour, hours: the hours of the scenario it covers.
        payload: what the step needs to know (input file paths, algorithm name, parameters); JSON-able.
        size: what its duration depends on, in any count that fits the stage; its hours if left out.
    """

    key: str
    stage: str
    offset: int
    count: int
    first_hour: int
    hours: int
    payload: dict[str, Any] = field(default_factory=dict)
    size: float = -1.0

    def __post_init__(self) -> None:
        if self.size < 0:
            object.__setattr__(self, "size", float(self.hours))

    def as_dict(self) -> dict[str, Any]:
        """The chunk as plain data, for the wire."""
        return asdict(self)


@dataclass(frozen=True)
class Receipt:
    """What a container returns for a chunk: where the result is and what it cost.

    Attributes:
        path: result file, relative to the result store.
        sha256: checksum of the file.
        size: bytes of the file.
        seconds: wall time on the container (s).
        cpu_seconds: processor time (s).
        peak_mib: peak resident memory of the container so far (MiB).
        container: name of the container.
        program: name and content hash of the algorithm that ran.
        summary: small figures worth indexing.
        exceptions: (task offset within the chunk, reason) of tasks that need attention.
        data_seconds: part of `seconds` spent on reading and writing data.
        copy_of: stage of which the file is a by-device copy; empty for a result of its own.
        load_seconds: part of `seconds` spent on loading libraries that the container did not have yet.
        start_mib: resident memory of the container before the chunk (MiB).
    """

    path: str
    sha256: str
    size: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    container: str
    program: str
    tasks: int
    summary: dict[str, float] = field(default_factory=dict)
    exceptions: tuple[tuple[int, str], ...] = ()
    data_seconds: float = 0.0
    copy_of: str = ""
    load_seconds: float = 0.0
    start_mib: float = 0.0
