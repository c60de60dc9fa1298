"""The event loop that ties tasks and containers: forecast, decide, dispatch, record, learn, retry.

One thread owns all decisions. Chunks travel to containers as plain Dask messages; their receipts come back
here and are committed to the index before anyone is told. A container runs one chunk at a time; where chunks are
short, a second one waits with it, so that it never idles for a message.
"""

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from dataclasses import replace
from functools import partial
from typing import Any

from distributed import KilledWorker
from sqlalchemy.exc import SQLAlchemyError

from bos_core.index import tasks
from bos_core.index.client import Index
from bos_core.index.tables import ChunkRow, TaskArray
from bos_core.objects.container import ContainerMode
from bos_core.objects.errors import BosError, ServiceError
from bos_core.objects.task import Chunk, Receipt, TaskState
from bos_core.tccsp import records
from bos_core.tccsp.board import Board, Choice, Decision, Demand
from bos_core.tccsp.containers import ContainerPool
from bos_core.tccsp.faults import MAX_ATTEMPTS, Patience, Verdict, apart, divisible, halves, judge, pause, several
from bos_core.tccsp.fleet import Fleet
from bos_core.tccsp.forecast import Forecaster, Job
from bos_core.tccsp.given import Given, Table
from bos_core.tccsp.monitor import Monitor
from bos_core.tccsp.reasons import crashed, died, first_of, outcome_of, too_large, words
from bos_core.tccsp.request import STOPPED, Request, Work, run_step
from bos_core.tccsp.sizing import FILL
from bos_core.tccsp.tuning import Tuning

Step = Callable[[dict[str, Any]], Receipt]
LOG = logging.getLogger("bos.scheduler")
SHORT_S = 2.0  # a second chunk is sent while one runs that is forecast to end within that
AT_ONCE_S = 0.25  # the same where it matters who goes first
SOON_S = 0.1  # between looks while one is being replaced
LOOK_S = 1.0  # between looks at the containers
MOST_WAITING = 20_000  # chunks; a request that would queue more has to wait


class Scheduler:
    """Runs the chunks of task arrays on a pool of containers.

    Args:
        index: where everything is recorded.
        pool: the containers.
        patience: how long a container may seem to do nothing.
        tuning: prices of containers, and parameters of priorities.
    """

    def __init__(
        self, index: Index, pool: ContainerPool, patience: Patience | None = None, tuning: Tuning | None = None
    ) -> None:
        self.index, self._pool, self.patience = index, pool, patience or Patience()
        self._events: queue.Queue[Callable[[], None]] = queue.Queue()
        self.forecaster = Forecaster()
        self._tuning = tuning or Tuning()
        self._ready: Board[Work] = Board(self.forecaster, self._tuning.priority)
        self._requests: dict[str, Request] = {}
        self._gone: set[str] = set()
        self._numbers = itertools.count()  # Dask must not mistake a second try for the first
        self._promised: Demand | None = None  # what containers were last made room for
        self._given = Table()
        self._fleet = Fleet(index, pool, self._given, self._tuning.prices)
        self._between: set[Work] = set()  # neither on the board nor in a container
        self._culprits: dict[str, int] = {}  # by array: single elements that failed
        self._suspects: list[Work] = []  # their container died, or that of what they are a part of
        self._room = threading.Condition()
        self._ledger = records.Ledger(index, self._fleet.servers)
        self._monitor = Monitor(index, pool, self._state)
        self._thread: threading.Thread | None = None
        self._stopping = False

    def start(self) -> None:
        """Start containers and the loop.

        Raises:
            ServiceError: containers do not come up.
        """
        for service, kind, size, seconds, load, data, start, peak in self.index.call(tasks.history):
            self.forecaster.learn(Job(service, kind, size), seconds, peak, load, start, data)
        self._fleet.start()
        self._thread = threading.Thread(target=self._loop, name="bos-scheduler", daemon=True)
        self._thread.start()
        self._monitor.start()

    def halt(self) -> None:
        """Give up at once: everyone who waits for a chunk is told; what is done stays done."""
        self._stopping = True
        self._events.put(lambda: None)

    @property
    def alive(self) -> bool:
        """Whether it still decides."""
        return not self._stopping

    def close(self) -> None:
        """Stop the loop, the monitor and the containers; what is queued stays pending in the index."""
        self.halt()
        self._monitor.stop()
        if self._thread is not None:
            self._thread.join(timeout=30)
        self._fleet.close()

    def keep_samples(self) -> None:
        """Write what the monitor has sampled so far."""
        self._monitor.keep()

    def admit(self, request: Request) -> None:
        """Take up a request; its containers and limits count from now on."""
        self._events.put(partial(self._admit, request))

    def leave(self, request_id: str) -> None:
        """End a request: what waits of it is dropped, what runs is killed, and its waiters are told."""
        self._events.put(partial(self._leave, request_id))

    def run_array(
        self,
        array: TaskArray,
        chunks: list[Chunk],
        step: Step | str,
        scenario_id: int | None,
        advance: Callable[[int, int], None] = lambda done, of: None,
        told: Callable[[str], None] = lambda why: None,
    ) -> int:
        """Register an array, run the chunks that are not done, wait for all; how many were run.

        Args:
            array: the array; chunks: how it is cut, unless it was cut before.
            step: what a container runs with a chunk as plain data: a function, or its name as `module:function`.
            scenario_id: version that the results belong to.
            advance: told (done, of) at every chunk that ends; told: told why a chunk is tried again.

        Raises:
            BosError: chunks failed for good; the reason is the first failure's.
        """
        with self._room:
            self._room.wait_for(lambda: len(self._ready) < MOST_WAITING or self._stopping)
        rows = self.index.call(lambda db: tasks.register_array(db, array, chunks))
        left = [c for r, c in zip(rows, _chunks_of(rows, array, chunks), strict=True) if r.state != TaskState.SUCCESS]
        works = [Work(array, chunk, step, scenario_id, told) for chunk in left]
        if self._stopping:
            raise STOPPED
        done, of = len(rows) - len(works), len(rows)
        for work in works:
            self._events.put(partial(self._submit, work))
        waiting: set[Future[list[Work]]] = {w.done for w in works}
        failures: list[BosError] = []
        while waiting:
            ended, waiting = wait(waiting, return_when="FIRST_COMPLETED")
            for future in ended:
                if (error := future.exception()) is not None:
                    if error is STOPPED or not isinstance(error, BosError):
                        raise error
                    failures.append(error)
                elif parts := future.result():
                    waiting |= {part.done for part in parts}
                    of += len(parts) - 1
                else:
                    done += 1
                    advance(done, of)
        if failures:
            raise first_of(failures)
        self.index.call(lambda db: tasks.finish_array(db, array.id))
        return len(works)

    def _loop(self) -> None:
        looked = time.monotonic()
        while not self._stopping:
            try:
                self._take_events()
                if time.monotonic() - looked > LOOK_S:
                    looked = time.monotonic()
                    self._fleet.look(looked, self.patience)
                self._dispatch()
                if not len(self._ready):
                    self._fleet.spread(AT_ONCE_S)
                self._ledger.commit()
                with self._room:
                    self._room.notify_all()
            except BosError as error:
                self._abort(error)
            except (OSError, SQLAlchemyError) as error:
                self._abort(ServiceError(f"the scheduler lost the index ({words(error)})", "run `bos resume`"))
            except Exception as error:
                LOG.exception("the scheduler cannot go on")
                self._abort(BosError(f"the scheduler cannot go on ({words(error)})", "see its log"))
        self._abort(STOPPED)
        while not self._events.empty():  # came too late to be queued
            self._events.get()()
        self._abort(STOPPED)

    def _take_events(self) -> None:
        """Wait for an event, not for long, and act on it and on what else has happened by then."""
        restarting = len(self._ready) > 0 and self._fleet.restarting
        try:
            event = self._events.get(timeout=SOON_S if restarting else LOOK_S)
            while True:
                event()
                event = self._events.get_nowait()
        except queue.Empty:
            return

    def _abort(self, error: BosError) -> None:
        """Nothing more can be recorded: tell everyone who waits, and stop."""
        self._stopping = True
        for work in [*self._ready.clear(), *self._given.clear(), *self._between]:
            work.fail(error)
        self._between.clear()
        with self._room:
            self._room.notify_all()

    def _state(self) -> tuple[dict[str, int], int]:
        """Chunks that each container has been given, and how many wait for any."""
        return self._given.counts(), len(self._ready)

    def _admit(self, request: Request) -> None:
        if self._stopping:
            return
        self._requests[request.id] = request
        self._gone.discard(request.id)
        self._fleet.agree(self._requests.values())

    def _leave(self, request_id: str) -> None:
        self._gone.add(request_id)
        self._requests.pop(request_id, None)
        for work in self._ready.withdraw(request_id):
            work.fail(STOPPED)
        for container, given, runs in self._given.of(request_id):
            given.work.fail(STOPPED)
            self._pool.kill(container) if runs else given.recall()
        self._fleet.agree(self._requests.values())

    def _submit(self, work: Work) -> None:
        self._between.discard(work)
        if self._stopping or work.array.task_set_id in self._gone:
            work.fail(STOPPED)
        else:
            self._make_way(work)
            self._ready.add(self._demand(work), work, work.since)

    def _make_way(self, work: Work) -> None:
        """Take back what waits in containers for less critical requests."""
        mine = self._requests.get(work.array.task_set_id)
        for given in self._given.queued() if mine else []:
            other = self._requests.get(given.work.array.task_set_id)
            if mine and other and other.criticality < mine.criticality:
                given.take_back()

    def _demand(self, work: Work) -> Demand:
        job = Job(work.array.stage, work.array.kind, work.chunk.size)
        request = self._requests.get(work.array.task_set_id, Request(work.array.task_set_id))
        mode = ContainerMode(work.array.mode)
        return Demand(job, request.criticality, work.array.priority, request.deadline, request.id, mode)

    def _dispatch(self) -> None:
        """Decide and send until nothing more can be sent; one snapshot of the containers per cycle."""
        self._ready.most_mib = self._fleet.most_mib
        forced = False
        self._fleet.follow(self._ready.modes)
        if len(self._ready) > 1:
            self._fleet.resize(self._ready, urgent=False)  # now that one is idle, more and smaller ones may pay
        while len(self._ready):
            now = time.monotonic()
            largest = None if forced else self._fleet.largest()
            slots = self._fleet.slots(now, self._short(), forced)
            decision = self._ready.decide(now, slots, largest, self._promised)
            self._between |= {choice.work for choice in decision.choices}
            for choice in decision.choices:
                self._send(choice, now)
                self._promised = None if choice.demand == self._promised else self._promised
            changed = self._make_room(decision)
            if changed or decision.choices:
                forced = False
            elif forced or self._given.busy():
                return
            else:
                forced = True  # nothing runs and nothing fits: a forecast may be wrong

    def _short(self) -> float:
        """Within how many seconds a chunk must be about to end for its container to be sent a second one.

        None is while any chunk is suspected of killing its container, or it would take another along that has just
        ended and be taken for innocent.
        """
        self._suspects = [w for w in self._suspects if not w.done.done()]
        if self._suspects:
            return 0.0
        return SHORT_S if self._ready.calm else AT_ONCE_S

    def _make_room(self, decision: Decision[Work]) -> bool:
        """Change containers for what they cannot serve; whether any changed."""
        blocked = decision.blocked
        if blocked is not None and blocked.mode not in self._fleet.largest():
            return self._fleet.make_one(blocked.mode)
        if not (decision.too_large or decision.late):
            return False
        changed = self._fleet.resize(self._ready, True, blocked, decision.late)
        self._promised = blocked if changed else self._promised
        return changed

    def _send(self, choice: Choice[Work], now: float) -> None:
        work, container = choice.work, choice.container
        work.attempts += 1
        assert self._pool.client is not None
        call = work.step if callable(work.step) else partial(run_step, work.step)
        # Dask takes a name in `workers` for a host while that worker is being replaced, and never looks again.
        future = self._pool.client.submit(
            call, work.chunk.as_dict(), key=f"{work.chunk.key}/{next(self._numbers)}", pure=False,
            resources={container: 1}, retries=0,
        )  # fmt: skip
        given = Given(work, choice.demand.job, choice.forecast, now, future.cancel)
        self._given.add(container, given)
        self._given.warmed(container, given.job.service, choice.demand.request)
        self._between.discard(work)
        future.add_done_callback(partial(self._fetch, container, work))
        self._ledger.sent(choice)

    def _fetch(self, container: str, work: Work, future: Any) -> None:
        """Get a result from where it is, apart from the loop: a container that is stopped does not answer."""

        def fetch() -> None:
            outcome = outcome_of(future)
            self._events.put(partial(self._come_back, container, work, outcome))
            future.release()

        threading.Thread(target=fetch, name="bos-fetch", daemon=True).start()

    def _come_back(self, container: str, work: Work, outcome: Receipt | BaseException) -> None:
        dead = isinstance(outcome, KilledWorker)
        given = self._given.take(container, work, dead)
        if given is None:  # the scheduler has stopped meanwhile
            return
        if dead:
            self._given.cool(container)
        if isinstance(outcome, Receipt):
            self._done(container, given, outcome)
        elif work.array.task_set_id in self._gone:
            self._ledger.withdrawn(container, work)
        elif given.recalled:
            work.attempts -= 1
            self._ledger.withdrawn(container, work)
            self._submit(work)
        elif given.spared or isinstance(outcome, CancelledError):  # it had not begun, or died with its result done
            work.attempts -= 1
            self._again(container, work, died(container, given), 0.0)
        else:
            self._failed(container, given, outcome)

    def _done(self, container: str, given: Given, receipt: Receipt) -> None:
        self._between.add(given.work)
        self._ledger.done(container, given.work, receipt, partial(self._finish, given.work, []))
        self.forecaster.learn(
            given.job, receipt.seconds, receipt.peak_mib, receipt.load_seconds, receipt.start_mib, receipt.data_seconds
        )

    def _finish(self, work: Work, parts: list[Work]) -> None:
        self._between.discard(work)
        work.finish(parts)
        for part in parts:
            self._events.put(partial(self._submit, part))

    def _fail(self, work: Work, reason: BosError) -> None:
        self._between.discard(work)
        work.fail(reason)

    def _failed(self, container: str, given: Given, error: BaseException) -> None:
        work, can_grow = given.work, False
        if isinstance(error, KilledWorker):
            ending = None if given.blamed else self._pool.ended(container, time.monotonic() - given.began)
            reason: BosError = died(container, given, ending)
            if not given.blamed and self._pool.died_of_memory(container):
                quota = self._fleet.quota(container)
                reason = too_large(container, given, quota)
                self.forecaster.too_small(given.job, quota)
                can_grow = FILL * quota < self._fleet.most_mib - 1
            culprits = self._culprits.get(work.array.id, 0)
            verdict = judge(work.attempts, can_grow, divisible(work.chunk), culprits, several(work.chunk))
            self._suspects.append(work)
        else:
            # A wrong input stays wrong; a crash may not happen again.
            reason = error if isinstance(error, BosError) else crashed(work.chunk, error)
            verdict = Verdict.FAIL if error is reason else judge(work.attempts, False, False, 0)
        if verdict is Verdict.RETRY:
            self._again(container, work, reason, pause(work.attempts))
        elif verdict is Verdict.SPLIT:
            self._split(container, work, reason)
        elif verdict is Verdict.APART:
            work.chunk, work.attempts = apart(work.chunk), MAX_ATTEMPTS - 1
            self._again(container, work, reason, pause(1))
        else:
            self._culprits[work.array.id] = self._culprits.get(work.array.id, 0) + 1
            self._between.add(work)
            self._ledger.undone(container, work, TaskState.FAILED, str(reason), partial(self._fail, work, reason))

    def _again(self, container: str, work: Work, reason: BosError, after: float) -> None:
        """Queue a chunk once more, after a pause."""
        self._ledger.undone(container, work, TaskState.RETRYING, str(reason))
        work.told(f"{work.chunk.key}: try {work.attempts + 1}, since {reason}")
        self._between.add(work)
        timer = threading.Timer(after, self._events.put, [partial(self._submit, work)])
        timer.daemon = True
        timer.start()

    def _split(self, container: str, work: Work, reason: BosError) -> None:
        """Put the halves of a chunk in its place."""
        self._between.add(work)
        self._ledger.undone(container, work, TaskState.RETRYING, str(reason))
        parts = [replace(work, chunk=c, done=Future(), attempts=0) for c in halves(work.chunk)]
        self._suspects += parts
        work.told(f"{work.chunk.key}: cut in two, since {reason}")
        self._ledger.split(work, [p.chunk for p in parts], partial(self._finish, work, parts))


def _chunks_of(rows: list[ChunkRow], array: TaskArray, cut: list[Chunk]) -> list[Chunk]:
    """The chunks that rows stand for, each with the payload of the one of `cut` that it begins in.

    A row that was done once counts the tasks that there turned out to be, so what it was cut to follows from the next.
    """
    out = []
    ends = [r.offset for r in rows[1:]] + [max(array.elements, rows[-1].offset + rows[-1].count)] if rows else []
    for row, end in zip(rows, ends, strict=True):
        payload = next(c.payload for c in cut if c.offset <= row.offset < c.offset + max(c.count, 1))
        out.append(
            Chunk(row.key, array.stage, row.offset, end - row.offset, row.first_hour, row.hours, payload, row.size)
        )
    return out
