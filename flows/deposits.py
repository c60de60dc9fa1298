"""Data from outside as results: a task set whose files the index lists, checks and prunes like any other."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bos_core.drwop import store
from bos_core.index import tasks
from bos_core.index.client import Index
from bos_core.index.tables import TaskArray
from bos_core.index.tasks import DEPOSIT
from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk, Receipt, TaskState


@dataclass(frozen=True)
class Deposit:
    """A file to be: a stage's arrays for some hours."""

    stage: str
    first_hour: int
    hours: int
    datasets: dict[str, Dataset]
    attributes: Mapping[str, Any] = field(default_factory=dict)


def deposit(index: Index, set_id: str, parameters: dict[str, Any], files: Iterable[Deposit]) -> list[str]:
    """Write files under a task set of their own; what is there already stays. Their paths.

    Raises:
        StorageError: the disk is full or the folder cannot be written; done files stay, the set stays open.
    """
    if index.call(lambda db: tasks.find_task_set(db, set_id)) is None:
        index.call(lambda db: tasks.create_task_set(db, set_id, DEPOSIT, parameters))
    paths = [_put(index, set_id, k + 1, d) for k, d in enumerate(files)]
    index.call(lambda db: tasks.set_task_set_state(db, set_id, TaskState.SUCCESS))
    return paths


def _put(index: Index, set_id: str, number: int, d: Deposit) -> str:
    array = TaskArray(
        id=f"{set_id}/{d.stage}/{number:02d}", task_set_id=set_id, stage=d.stage, month=number, elements=1, priority=0
    )
    chunk = Chunk(f"{array.id}-000", d.stage, 0, 1, d.first_hour, d.hours)
    path = f"{set_id}/{d.stage}/{d.stage}-{number:02d}-000.h5"
    (known,) = index.call(lambda db: tasks.register_array(db, array, [chunk]))
    if known.state == TaskState.SUCCESS:
        return path
    told = {"task_set": set_id, "chunk": chunk.key, "stage": d.stage, "first_hour": d.first_hour, "hours": d.hours}
    sha256, size = store.write(path, d.datasets, {**told, **d.attributes})
    receipt = Receipt(path, sha256, size, 0.0, 0.0, 0.0, "", DEPOSIT, 1)

    async def commit(db: Any) -> None:
        await tasks.mark(db, chunk.key, TaskState.EXECUTING)
        await tasks.commit_chunk(db, array, chunk, receipt, None)
        await tasks.finish_array(db, array.id)

    index.call(commit)
    return path
