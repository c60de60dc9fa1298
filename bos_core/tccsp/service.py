"""The resident scheduler: one process per home that all runs share, with the containers: `python -m bos_core.tccsp`.

A run connects, says what it wants (containers, memory limit, criticality, deadline) and hands over its arrays. Should
a run go, what it had under way is stopped; should this process die, runs start another and go on with what is not
done. It ends by itself some time after the last run has left.
"""

import fcntl
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from typing import Any

import psutil

from bos_core.index import containers as container_index
from bos_core.index.client import Index
from bos_core.index.tables import TaskArray
from bos_core.objects.errors import BosError
from bos_core.objects.task import Chunk
from bos_core.tccsp.containers import ContainerPool, default_containers
from bos_core.tccsp.forecast import Job
from bos_core.tccsp.places.local import end, forked
from bos_core.tccsp.request import STOPPED, Request
from bos_core.tccsp.scheduler import Scheduler
from bos_core.tccsp.tuning import tuning
from bos_core.tccsp.wire import Line, address, packed
from storage.settings import Settings, settings

LINGER_S = 20.0  # without a run; the next one finds warm containers
ACCEPT_S = 0.5


class Service:
    """Serves runs until none is left.

    Args:
        index: where everything is recorded.
        home: whose scheduler it is.
    """

    def __init__(self, index: Index, home: Settings) -> None:
        self._index, self._home = index, home
        self._scheduler: Scheduler | None = None
        self._starting = threading.Lock()
        self._lines: set[Line] = set()
        self._left = time.monotonic()
        self.stopping = False

    def serve(self) -> None:
        """Accept runs; returns when none has been there for a while, when told to stop, or when the index is lost."""
        place = address(self._home)
        place.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(place))
            listener.listen(64)
            listener.settimeout(ACCEPT_S)
            while not self._over():
                with suppress(TimeoutError):
                    connection, _ = listener.accept()
                    connection.setblocking(True)
                    threading.Thread(target=self._attend, args=(Line(connection),), daemon=True).start()
            place.unlink(missing_ok=True)
        for line in list(self._lines):
            line.close()
        if self._scheduler is not None:
            self._scheduler.close()

    def _over(self) -> bool:
        lost = self._scheduler is not None and not self._scheduler.alive
        return self.stopping or lost or (not self._lines and time.monotonic() - self._left > LINGER_S)

    def _attend(self, line: Line) -> None:
        """Serve one run."""
        self._lines.add(line)
        request = None
        try:
            for message in line.messages():
                if message["ask"] == "open":
                    request = self._open(line, message)
                elif message["ask"] == "run":
                    threading.Thread(target=self._run, args=(line, message), daemon=True).start()
                elif message["ask"] == "forecast":
                    self._forecast(line, message)
                elif message["ask"] == "keep" and self._scheduler is not None:
                    self._scheduler.keep_samples()
                    line.send(to=message["id"])
        except OSError:
            pass
        finally:
            if request is not None and self._scheduler is not None:
                self._scheduler.leave(request.id)
            self._left = time.monotonic()
            self._lines.discard(line)
            line.close()

    def _open(self, line: Line, message: dict[str, Any]) -> Request | None:
        left = message["deadline_s"]
        deadline = float("inf") if left is None else time.monotonic() + left
        request = Request(message["set"], message["criticality"], deadline, message["workers"], message["limit_mib"])
        try:
            with self._starting:
                if self._scheduler is None:
                    tuned = tuning(self._home.home)
                    containers = default_containers(request.workers, request.limit_mib)
                    pool = ContainerPool(containers, request.limit_mib, tuned.cluster)
                    scheduler = Scheduler(self._index, pool, tuning=tuned)
                    scheduler.start()
                    self._scheduler = scheduler
                self._scheduler.admit(request)
        except BosError as error:
            line.send(to=message["id"], error=packed(error))
            self.stopping = True  # what cannot start now may start in a fresh process
            return None
        line.send(to=message["id"])
        return request

    def _run(self, line: Line, message: dict[str, Any]) -> None:
        number = message["id"]
        with suppress(OSError):  # the run is gone; it will be told nothing more
            try:
                if self._scheduler is None:
                    raise STOPPED
                array = TaskArray(**message["array"])
                chunks = [Chunk(**c) for c in message["chunks"]]
                ran = self._scheduler.run_array(
                    array, chunks, message["step"], message["scenario"], lambda done, of: line.send(to=number, done=done, of=of),
                    lambda why: self._tell(line, number, why),
                )  # fmt: skip
            except Exception as error:
                line.send(to=number, error=packed(error))
            else:
                line.send(to=number, ran=ran)

    @staticmethod
    def _tell(line: Line, number: int, why: str) -> None:
        with suppress(OSError):
            line.send(to=number, told=why)

    def _forecast(self, line: Line, message: dict[str, Any]) -> None:
        seconds = 1.0
        if self._scheduler is not None:
            seconds = self._scheduler.forecaster.forecast(Job(*message["job"])).quantile(1.0)
        line.send(to=message["id"], seconds=seconds)


def main() -> None:
    """Serve this home, unless another process does."""
    home = settings()
    with (home.home / "scheduler.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(0)
        mine = home.home / "scheduler.pid"
        mine.write_text(f"{os.getpid()} {psutil.Process().create_time()}")
        try:
            with Index(home) as index:
                index.call(container_index.drop_samples)
                service = Service(index, home)
                signal.signal(signal.SIGTERM, partial(_stop, service))
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal; the run that it is for will leave
                service.serve()
        finally:
            mine.unlink(missing_ok=True)
            for pid in forked():  # or this process would wait for what is left of them
                end(pid)


def _stop(service: Service, *_: Any) -> None:
    service.stopping = True
