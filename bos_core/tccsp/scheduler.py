"""The event loop that ties tasks and containers: forecast, decide, dispatch, record, learn, retry.

One thread owns all decisions. Chunks travel to containers as plain Dask messages; their receipts come back
here and are committed to the index before anyone is told. A container runs one chunk at a time; where chunks are
short, a second one waits with it, so that it never idles for a message.
"""

import queue
import threading
import time
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
from bos_core.tccsp.board import Board, Choice, Demand, Slot
from bos_core.tccsp.containers import SLOT, ContainerPool
from bos_core.tccsp.forecast import Forecaster, Job
from bos_core.tccsp.monitor import Monitor
from bos_core.tccsp.sizing import FILL, Held, most_of, resized

Step = Callable[[dict[str, Any]], Receipt]
MAX_ATTEMPTS = 3
CALM_S = 10.0  # between changes of containers that only make more of them
SHORT_S = 2.0  # a second chunk is sent while one runs that is forecast to take less


@dataclass(eq=False)
class _Work:
    array: TaskArray
    chunk: Chunk
    step: Step
    scenario_id: int | None
    criticality: float = 1.0
    deadline: float = float("inf")
    done: "Future[Receipt]" = field(default_factory=Future)
    attempts: int = 0

    @property
    def demand(self) -> Demand:
        job = Job(self.array.stage, self.array.kind, self.chunk.hours)
        return Demand(job, self.criticality, self.array.priority, self.deadline, self.array.task_set_id)


class Scheduler:
    """Runs the chunks of task arrays on a pool of containers.

    Args:
        index: where everything is recorded.
        pool: the containers.
        owner: task set that they serve.
        kind: what its chunks have in common with those of earlier runs that took like times.
    """

    def __init__(self, index: Index, pool: ContainerPool, owner: str = "", kind: str = "") -> None:
        self.index, self.kind, self._pool, self._owner = index, kind, pool, owner
        self._events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.forecaster = Forecaster()
        self._ready: Board[_Work] = Board(self.forecaster, most_mib=most_of(pool.limit_mib, len(pool.containers)))
        self._resized = 0.0
        self._given: dict[str, list[tuple[_Work, float]]] = {}  # by container: what it was sent, and when that will end
        self._monitor = Monitor(index, pool, owner, self._state)
        self._thread: threading.Thread | None = None
        self._stopping = False

    def start(self) -> None:
        """Start containers and the loop."""
        for service, kind, hours, seconds, peak in self.index.call(tasks.history):
            self.forecaster.learn(Job(service, kind, hours), seconds, peak)
        self._pool.start()
        self._given = {c.name: [] for c in self._pool.containers}
        self._note_containers(running=True)
        self._thread = threading.Thread(target=self._loop, name="bos-scheduler", daemon=True)
        self._thread.start()
        self._monitor.start()

    def halt(self) -> None:
        """Give up at once: everyone who waits for a chunk is told; what is done stays done."""
        self._stopping = True
        self._events.put(("stop", None))

    def stop_watching(self) -> None:
        """End the monitor; all that it sampled is in the index then."""
        self._monitor.stop()

    def close(self) -> None:
        """Stop the loop and the containers; what is queued stays pending in the index."""
        self.halt()
        self.stop_watching()
        if self._thread is not None:
            self._thread.join(timeout=30)
        self._pool.close()
        self._note_containers(running=False)

    def _note_containers(self, running: bool) -> None:
        """Record every container; one without a quota does not run."""

        async def note(db: AsyncSession) -> None:
            for c in self._pool.containers:
                state = "running" if running and c.quota.memory_mib else "stopped"
                await container_index.note_container(db, c, state, self._owner)

        self.index.call(note)

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
                    self._ready.add(item.demand, item, time.monotonic())
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
        flying = [work for given in self._given.values() for work, _ in given]
        for work in [*self._ready.clear(), *flying]:
            if not work.done.done():
                work.done.set_exception(error)
        for given in self._given.values():
            given.clear()

    def _state(self) -> tuple[dict[str, int], int]:
        """Chunks that each container has been given, and how many wait for any."""
        return {name: len(given) for name, given in list(self._given.items())}, len(self._ready)

    def _dispatch(self) -> None:
        """Decide and send until nothing more can be sent; one snapshot of the containers per cycle."""
        forced = False
        if len(self._ready) > 1:
            self._resize(time.monotonic(), urgent=False)  # now that one is idle, more and smaller ones may pay
        while True:
            now = time.monotonic()
            decision = self._ready.decide(now, self._slots(now, forced))
            for choice in decision.choices:
                self._send(choice, now)
            if decision.choices or (decision.too_large and self._resize(now, urgent=True)):
                forced = False
            elif forced or not len(self._ready) or any(self._given.values()):
                return
            else:
                forced = True  # nothing runs and nothing fits: a forecast may be wrong

    def _slots(self, now: float, forced: bool) -> list[Slot]:
        """Containers that can be sent a chunk: idle ones, and those whose chunk will not take long.

        Where `forced`, the largest ones take anything. While some are stopped none gets a second chunk, or no
        container would ever be idle and could be made smaller for the others to run.
        """
        out = []
        all_run = all(c.quota.memory_mib for c in self._pool.containers)
        largest = max(c.quota.memory_mib for c in self._pool.containers)
        for c in self._pool.containers:
            given, quota = self._given[c.name], c.quota.memory_mib
            if quota and (not given or (all_run and len(given) == 1 and given[0][1] - now < SHORT_S)):
                memory = float("inf") if forced and quota == largest else FILL * quota
                out.append(Slot(c.name, memory, max((end for _, end in given), default=now)))
        return out

    def _resize(self, now: float, urgent: bool) -> bool:
        """Give the containers that are idle other sizes if what waits needs them; whether any changed."""
        idle = [c for c in self._pool.containers if not self._given[c.name]]
        stopped = any(not c.quota.memory_mib for c in idle)
        if not (urgent or (stopped and now - self._resized > CALM_S)):
            return False
        pool = [Held(c.name, c.quota.memory_mib, bool(self._given[c.name])) for c in self._pool.containers]
        change = resized(pool, self._ready.needs(len(idle)), self._pool.limit_mib)
        if not change:
            return False
        self._resized = now
        self._pool.resize(change)
        self._note_containers(running=True)
        return True

    def _send(self, choice: Choice[_Work], now: float) -> None:
        work, container = choice.work, choice.container
        work.attempts += 1
        self.index.call(lambda db: self._note_sent(db, choice))
        assert self._pool.client is not None
        given = self._given[container]
        given.append((work, max((end for _, end in given), default=now) + choice.forecast.seconds))
        future = self._pool.client.submit(
            work.step, work.chunk.as_dict(), key=f"{work.chunk.key}/{work.attempts}", pure=False,
            workers=[container], resources={SLOT: 1}, retries=0,
        )  # fmt: skip
        future.add_done_callback(lambda f: self._events.put(("back", (container, work, f))))

    @staticmethod
    async def _note_sent(db: AsyncSession, choice: Choice[_Work]) -> None:
        work = choice.work
        await tasks.mark(
            db, work.chunk.key, TaskState.EXECUTING, container=choice.container, forecast_s=choice.forecast.seconds,
            forecast_mib=choice.forecast.peak_mib + choice.forecast.margin_mib, waited_s=choice.waited,
            weight=choice.weight,
        )  # fmt: skip
        await container_index.note_service(db, choice.container, work.array.stage, "working", work.chunk.key)

    @staticmethod
    async def _note_done(db: AsyncSession, container: str, work: _Work, receipt: Receipt) -> None:
        await tasks.commit_chunk(db, work.array, work.chunk, receipt, work.scenario_id)
        await container_index.note_service(db, container, work.array.stage, "idle", work.chunk.key)

    def _come_back(self, container: str, work: _Work, future: Any) -> None:
        given = self._given[container]
        if all(w is not work for w, _ in given):  # given up meanwhile
            return
        given[:] = [(w, end) for w, end in given if w is not work]
        error = future.exception()
        if error is None:
            receipt: Receipt = future.result()
            self.index.call(lambda db: self._note_done(db, container, work, receipt))
            self.forecaster.learn(work.demand.job, receipt.seconds, receipt.peak_mib)
            work.done.set_result(receipt)
        else:
            self._failed(container, work, error)
        future.release()

    def _failed(self, container: str, work: _Work, error: BaseException) -> None:
        reason = _reason(error, container, work.chunk)
        # A wrong input stays wrong; a killed container or a crash may not happen again.
        can_grow = False
        if isinstance(error, KilledWorker) and self._pool.died_of_memory(container):
            quota = next(c.quota.memory_mib for c in self._pool.containers if c.name == container)
            self.forecaster.too_small(work.demand.job, quota)
            can_grow = FILL * quota < most_of(self._pool.limit_mib, len(self._pool.containers)) - 1
        final = isinstance(error, BosError) or (work.attempts >= MAX_ATTEMPTS and not can_grow)
        state = TaskState.FAILED if final else TaskState.RETRYING
        self.index.call(lambda db: tasks.mark(db, work.chunk.key, state, error=str(reason)))
        if final:
            work.done.set_exception(reason)
        else:
            self._ready.add(work.demand, work, time.monotonic())


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
