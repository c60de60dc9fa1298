"""A run's side of the resident scheduler: starts it if need be, hands arrays over, hears how they go."""

import itertools
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from bos_core.index.client import Index
from bos_core.index.tables import TaskArray
from bos_core.objects.errors import ServiceError
from bos_core.objects.task import Chunk
from bos_core.tccsp.forecast import Job
from bos_core.tccsp.request import STOPPED
from bos_core.tccsp.wire import Line, address, unpacked

START_S = 120.0
TRIES = 3  # to be served


class SchedulerLost(ServiceError):
    """The scheduler's process died; what was not done has to be handed over once more."""


class SchedulerClient:
    """A task set's connection to the scheduler.

    Args:
        index: the index, and with it the home whose scheduler it is.
        set_id: the task set.
        workers: containers that it wants.
        limit_mib: memory that all containers together may use.
        criticality: what its completion matters, 1 for ordinary work.
        deadline_s: s from now until when it must have ended; None without a deadline.
        kind: what its chunks have in common with those of earlier runs that took like times.
    """

    def __init__(
        self, index: Index, set_id: str, workers: int, limit_mib: float, criticality: float = 1.0,
        deadline_s: float | None = None, kind: str = "",
    ) -> None:  # fmt: skip
        self.index, self.kind, self.workers, self._settings = index, kind, workers, index.settings
        self._deadline = None if deadline_s is None else time.monotonic() + deadline_s
        self._wish: dict[str, Any] = {
            "set": set_id,
            "workers": workers,
            "limit_mib": limit_mib,
            "criticality": criticality,
        }
        self._numbers = itertools.count()
        self._answers: dict[int, queue.Queue[dict[str, Any] | None]] = {}
        self._line: Line | None = None
        self._opening = threading.Lock()
        self._closed = False

    def open(self) -> None:
        """Connect; start the scheduler first if there is none.

        Raises:
            ServiceError: it does not come up, or its containers do not.
        """
        with self._opening:
            if self._closed:
                raise STOPPED
            if self._line is not None:
                return
            for attempt in range(1, TRIES + 1):
                self._line = Line(self._connect())
                threading.Thread(target=self._listen, args=(self._line,), name="bos-client", daemon=True).start()
                left = None if self._deadline is None else max(self._deadline - time.monotonic(), 0.0)
                try:
                    self._ask("open", **self._wish, deadline_s=left)
                    return
                except SchedulerLost:  # one that has just been killed may take a connection, and dies with it
                    self._line = None
                    if attempt == TRIES:
                        raise

    def _connect(self) -> socket.socket:
        place, process = str(address(self._settings)), None
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(place)
                return connection
            except OSError:
                connection.close()
            if process is None or process.poll() is not None:
                if process is not None and process.returncode:
                    break
                process = self._spawn()
            time.sleep(0.05)
        raise ServiceError("the scheduler does not come up", f"read {self._log}")

    @property
    def _log(self) -> Any:
        return self._settings.logs / "scheduler.log"

    def _spawn(self) -> "subprocess.Popen[bytes]":
        self._settings.logs.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "bos_core.tccsp"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env={**os.environ, "BOS_HOME": str(self._settings.home)},
            )  # fmt: skip

    def _listen(self, line: Line) -> None:
        for message in line.messages():
            answers = self._answers.get(message["to"])
            if answers is not None:
                answers.put(message)
        if self._line is line:
            self._line = None
        line.close()
        for answers in list(self._answers.values()):
            answers.put(None)

    def _ask(
        self, ask: str, told: Callable[[dict[str, Any]], bool] = lambda answer: False, **message: Any
    ) -> dict[str, Any]:
        """Send a message and wait for its answer; those that `told` takes are on the way to it."""
        number = next(self._numbers)
        answers = self._answers[number] = queue.Queue()
        try:
            line = self._line
            if line is None:
                raise SchedulerLost("the scheduler is gone", "run `bos resume`")
            try:
                line.send(ask=ask, id=number, **message)
            except OSError:
                answers.put(None)
            while True:
                answer = answers.get()
                if answer is None:
                    raise STOPPED if self._closed else SchedulerLost("the scheduler died", "run `bos resume`")
                if "error" in answer:
                    raise unpacked(answer["error"])
                if not told(answer):
                    return answer
        finally:
            del self._answers[number]

    def run_array(
        self,
        array: TaskArray,
        chunks: list[Chunk],
        step: str,
        scenario_id: int | None,
        advance: Callable[[int, int], None] = lambda done, of: None,
        told: Callable[[str], None] = lambda why: None,
    ) -> int:
        """Have an array run; arguments and result are those of the scheduler's own `run_array`.

        Raises:
            SchedulerLost: the scheduler died meanwhile; calling again goes on with what is not done.
            BosError: chunks failed for good.
        """

        def heard(answer: dict[str, Any]) -> bool:
            if "told" in answer:
                told(answer["told"])
            elif "done" in answer:
                advance(answer["done"], answer["of"])
            return "ran" not in answer

        self.open()
        answer = self._ask("run", heard, array=array.model_dump(exclude={"started", "finished"}),
                           chunks=[c.as_dict() for c in chunks], step=step, scenario=scenario_id)  # fmt: skip
        return int(answer["ran"])

    def forecast(self, job: Job) -> float:
        """Seconds that a chunk will take, on the safe side."""
        self.open()
        return float(self._ask("forecast", job=[job.service, job.kind, job.size])["seconds"])

    def keep_samples(self) -> None:
        """Have the monitor's samples written."""
        self.open()
        self._ask("keep")

    def close(self) -> None:
        """Leave; what is under way is stopped, and whoever waits for it is told."""
        self._closed = True
        line = self._line
        if line is not None:
            line.close()
