"""The event loop that ties tasks and containers: queue, dispatch, record, retry.

One thread owns all decisions. Chunks travel to containers as plain Dask messages; their receipts come back
here and are committed to the index before anyone is told. A container runs one chunk at a time; a second one
waits with it, so that it never idles for a message.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, field
from typing import Any

from distributed import KilledWorker
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index import containers as container_index
from bos_core.index import tasks
from bos_core.index.client import Index
from bos_core.index.tables import TaskArray
from bos_core.objects.errors import BosError, StorageError
from bos_core.objects.task import Chunk, Receipt, TaskState
from bos_core.tccsp.assignment import ReadyQueue
from bos_core.tccsp.containers import SLOT, ContainerPool

Step = Callable[[dict[str, Any]], Receipt]
MAX_ATTEMPTS = 3
DEPTH = 2  # chunks sent to a container: one runs, one waits


@dataclass(eq=False)
class _Work:
    array: TaskArray
    chunk: Chunk
    step: Step
    scenario_id: int | None
    done: "Future[Receipt]" = field(default_factory=Future)
    attempts: int = 0


class Scheduler:
    """Runs the chunks of task arrays on a pool of containers."""

    def __init__(self, index: Index, pool: ContainerPool, owner: str = "") -> None:
        self.index, self._pool, self._owner = index, pool, owner
        self._events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._ready = ReadyQueue()
        self._load: dict[str, int] = {}
        self._flying: list[_Work] = []
        self._thread: threading.Thread | None = None
        self._stopping = False

    def start(self) -> None:
        """Start containers and the loop."""
        self._pool.start()
        self._load = {c.name: 0 for c in self._pool.containers}
        for c in self._pool.containers:
            self.index.call(lambda db, c=c: container_index.note_container(db, c, "running", self._owner))  # type: ignore[misc]
        self._thread = threading.Thread(target=self._loop, name="bos-scheduler", daemon=True)
        self._thread.start()

    def halt(self) -> None:
        """Give up at once: everyone who waits for a chunk is told; what is done stays done."""
        self._stopping = True
        self._events.put(("stop", None))

    def close(self) -> None:
        """Stop the loop and the containers; what is queued stays pending in the index."""
        self.halt()
        if self._thread is not None:
            self._thread.join(timeout=30)
        self._pool.close()
        for c in self._pool.containers:
            self.index.call(lambda db, c=c: container_index.note_container(db, c, "stopped", self._owner))  # type: ignore[misc]

    def run_array(
        self,
        array: TaskArray,
        chunks: list[Chunk],
        step: Step,
        scenario_id: int | None,
        advance: Callable[[int, int], None] = lambda done, of: None,
    ) -> int:
        """Register an array, run the chunks that are not done, wait for all; how many were run.

        `advance(done, of)` is told of every chunk that ends.

        Raises:
            BosError: a chunk failed for good; the reason is the first failure's.
        """
        states = self.index.call(lambda db: tasks.register_array(db, array, chunks))
        works = [_Work(array, c, step, scenario_id) for c in chunks if states[c.key] != TaskState.SUCCESS]
        if self._stopping:
            raise BosError("the run was stopped", "run `bos resume`")
        for work in works:
            self._events.put(("submit", work))
        done = len(chunks) - len(works)
        for future in as_completed([w.done for w in works]):
            future.result()
            done += 1
            advance(done, len(chunks))
        self.index.call(lambda db: tasks.finish_array(db, array.id))
        return len(works)

    def _loop(self) -> None:
        while not self._stopping:
            kind, item = self._events.get()
            try:
                if kind == "submit":
                    self._ready.add(item.array.priority, item)
                elif kind == "stop":
                    break
                elif kind == "back":
                    self._come_back(*item)
                self._dispatch()
            except BosError as error:
                self._abort(error)
            except Exception as error:
                self._abort(BosError(f"the scheduler lost the index ({str(error).splitlines()[0][:120]})",
                                     "run `bos resume`"))  # fmt: skip
        self._stopping = True
        self._abort(BosError("the run was stopped", "run `bos resume`"))
        while not self._events.empty():  # came too late to be queued
            kind, item = self._events.get()
            if kind == "submit":
                item.done.set_exception(BosError("the run was stopped", "run `bos resume`"))

    def _abort(self, error: BosError) -> None:
        """Nothing more can be recorded: tell everyone who waits."""
        for work in [*self._ready.clear(), *self._flying]:
            if not work.done.done():
                work.done.set_exception(error)
        self._flying.clear()

    def _dispatch(self) -> None:
        for level in range(DEPTH):
            idle = [name for name, load in self._load.items() if load == level]
            for name, work in self._ready.assign(idle):
                self._send(name, work)

    def _send(self, container: str, work: _Work) -> None:
        work.attempts += 1
        self.index.call(lambda db: self._note_sent(db, container, work))
        assert self._pool.client is not None
        self._load[container] += 1
        self._flying.append(work)
        future = self._pool.client.submit(
            work.step, work.chunk.as_dict(), key=f"{work.chunk.key}/{work.attempts}", pure=False,
            workers=[container], resources={SLOT: 1}, retries=0,
        )  # fmt: skip
        future.add_done_callback(lambda f: self._events.put(("back", (container, work, f))))

    @staticmethod
    async def _note_sent(db: AsyncSession, container: str, work: _Work) -> None:
        await tasks.mark(db, work.chunk.key, TaskState.EXECUTING, container=container)
        await container_index.note_service(db, container, work.array.stage, "working", work.chunk.key)

    @staticmethod
    async def _note_done(db: AsyncSession, container: str, work: _Work, receipt: Receipt) -> None:
        await tasks.commit_chunk(db, work.array, work.chunk, receipt, work.scenario_id)
        await container_index.note_service(db, container, work.array.stage, "idle", work.chunk.key)

    def _come_back(self, container: str, work: _Work, future: Any) -> None:
        self._load[container] -= 1
        if work not in self._flying:  # given up meanwhile
            return
        self._flying.remove(work)
        error = future.exception()
        if error is None:
            receipt: Receipt = future.result()
            self.index.call(lambda db: self._note_done(db, container, work, receipt))
            work.done.set_result(receipt)
        else:
            self._failed(container, work, error)
        future.release()

    def _failed(self, container: str, work: _Work, error: BaseException) -> None:
        reason = _reason(error, container, work.chunk)
        # A wrong input stays wrong; a killed container or a crash may not happen again.
        final = isinstance(error, BosError) or work.attempts >= MAX_ATTEMPTS
        state = TaskState.FAILED if final else TaskState.RETRYING
        self.index.call(lambda db: tasks.mark(db, work.chunk.key, state, error=str(reason)))
        if final:
            work.done.set_exception(reason)
        else:
            self._ready.add(work.array.priority, work)


def _reason(error: BaseException, container: str, chunk: Chunk) -> BosError:
    if isinstance(error, BosError):
        return error
    if isinstance(error, KilledWorker):
        return StorageError(
            f"{container} died while it ran {chunk.key} (killed from outside, or above its memory quota)",
            "give containers more memory or use fewer of them",
        )
    text = str(error).strip().splitlines()
    return BosError(f"{chunk.key} failed: {type(error).__name__}: {text[0] if text else 'no message'}", "see the log")
