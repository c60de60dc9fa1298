"""A writer or reader of results, run as a process of its own: `python -m tests.bos_core.hammer HOME ROLE NUMBER COUNT`.

A writer tells each commit on standard output once the database has acknowledged it. A reader tells what is wrong
with any result that the index lists.
"""

import sys
from pathlib import Path

import numpy as np

from bos_core.index import tasks, upkeep
from bos_core.index.client import Index
from bos_core.index.tables import TaskArray
from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk, Receipt, TaskState
from storage.results import write_result
from storage.settings import Settings


def write(index: Index, number: int, count: int) -> None:
    """Write and commit results, each twice: the second time must change nothing."""
    array = TaskArray(id=f"set/s/{number:02d}", task_set_id="set", stage="s", month=number, elements=count, priority=1)
    chunks = [Chunk(f"{array.id}-{k:03d}", "s", k, 1, 24 * k, 24) for k in range(count)]
    states = {row.key: row.state for row in index.call(lambda db: tasks.register_array(db, array, chunks))}
    for chunk in chunks:
        if states[chunk.key] == TaskState.SUCCESS:
            continue
        path = f"set/s/{chunk.key.replace('/', '-')}.h5"
        data = np.random.default_rng(number * 1000 + chunk.offset).random((24, 50))
        digest, size = write_result(index.settings.results / path, {"p": Dataset(data, ("hour", "unit"))}, {})
        receipt = Receipt(path, digest, size, 1.0, 1.0, 1.0, f"c{number}", "p@1", 1)

        async def commit(db, chunk=chunk, receipt=receipt):
            await tasks.mark(db, chunk.key, TaskState.EXECUTING)
            await tasks.commit_chunk(db, array, chunk, receipt, None)

        index.call(commit)
        print(chunk.key, flush=True)


def read(index: Index, rounds: int) -> None:
    """Check every result that is listed, over and over."""
    for _ in range(rounds):
        for d in index.call(lambda db: upkeep.damaged(db, index.settings.results)):
            print(d.path, d.what, flush=True)


if __name__ == "__main__":
    home, role, number, count = sys.argv[1:]
    with Index(Settings(Path(home), "", 0)) as opened:
        write(opened, int(number), int(count)) if role == "write" else read(opened, int(count))
