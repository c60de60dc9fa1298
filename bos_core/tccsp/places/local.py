"""Containers on this machine: nannies of this process, their workers forked from a server that has loaded libraries."""

import asyncio
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import distributed
import psutil
from distributed import Nanny, Scheduler, SpecCluster

from bos_core.objects.container import Container, Load, Server
from bos_core.tccsp.places.place import DEATH_S, LAST_WORDS_S, PRELOAD, Ending, Vital, nanny_options
from bos_core.tccsp.places.server import load_now, this_server

HOST = "127.0.0.1"


def forked() -> set[int]:
    """Processes of the containers of all pools of this process, those too that only begin to be one."""
    found: set[int] = set()
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if "forkserver" in " ".join(child.cmdline()):
                found |= {c.pid for c in child.children()}
    return found


def end(pid: int) -> None:
    """End a process at once, even a stopped one."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class WatchedNanny(Nanny):  # type: ignore[misc]
    """A nanny that remembers how its worker's process ended."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.endings = Endings(self)


class Here:
    """This machine, on loopback."""

    def __init__(self) -> None:
        self.start_s = DEATH_S
        self.config: dict[str, Any] = {"logging": {"distributed": "critical"}}
        self._cluster: SpecCluster | None = None
        self._others: set[int] = set()  # of other pools of this process
        self._past: defaultdict[str, Past] = defaultdict(Past)

    def cluster(self) -> SpecCluster:
        distributed.utils.get_mp_context().set_forkserver_preload(PRELOAD)
        self._others = forked()
        options = {"host": HOST, "dashboard": False, "dashboard_address": f"{HOST}:0"}
        self._cluster = SpecCluster(scheduler={"cls": Scheduler, "options": options}, silence_logs=50)
        return self._cluster

    def spec(self, container: Container) -> dict[str, Any]:
        options = {"host": HOST, "dashboard": False, "local_directory": None}
        return {"cls": WatchedNanny, "options": nanny_options(container) | options}

    def _nannies(self) -> dict[str, Any]:
        return dict(self._cluster.workers) if self._cluster is not None else {}

    def processes(self) -> dict[str, int]:
        alive = {name: nanny.pid for name, nanny in self._nannies().items() if nanny.pid is not None}
        for name, pid in alive.items():
            self._past[name].saw(pid)
        return alive

    def vitals(self) -> dict[str, Vital]:
        out = {}
        for name, pid in self.processes().items():
            with suppress(psutil.Error):
                out[name] = vital_of(pid)
        return out

    def kill(self, name: str) -> None:
        pid = self.processes().get(name)
        if pid is not None:
            end(pid)

    async def stop(self, names: Iterable[str]) -> None:
        nannies = [nanny for name, nanny in self._nannies().items() if name in set(names)]
        for nanny in nannies:
            nanny.close_gracefully("the container goes")  # or it would start its worker anew
        await asyncio.gather(*(nanny.kill(timeout=LAST_WORDS_S) for nanny in nannies), return_exceptions=True)

    def died_of_memory(self, name: str) -> bool:
        return self._past[name].died_of_memory(self._nannies().get(name))

    def ended(self, name: str) -> Ending | None:
        endings = getattr(self._nannies().get(name), "endings", None)
        return None if endings is None else endings.last()

    def has_children(self, name: str) -> bool:
        try:
            return bool(psutil.Process(self.processes()[name]).children())
        except (KeyError, psutil.Error):
            return False

    def server(self, name: str) -> Server:
        return this_server()

    def loads(self) -> dict[str, Load]:
        return {this_server().name: load_now()}

    def sweep(self) -> None:
        for pid in forked() - self._others - set(self.processes().values()):  # Dask leaves it if it is stopped
            end(pid)


def vital_of(pid: int) -> Vital:
    """What can be seen of a process of this machine.

    Raises:
        psutil.Error: it is gone.
    """
    process = psutil.Process(pid)
    with process.oneshot():
        used = sum(process.cpu_times()[:4])  # its own and of children that have ended
        resident, status = process.memory_info().rss / 2**20, process.status()
    return Vital(pid, used, resident, status == psutil.STATUS_STOPPED)


class Endings:
    """How the processes of one nanny end; Dask tells the nanny and nobody else."""

    def __init__(self, nanny: Any) -> None:
        self._tell, self._last = nanny._on_worker_exit_sync, (0, 0.0, False)
        self._starved = starved()
        nanny._on_worker_exit_sync = self._note

    def _note(self, code: int) -> None:
        before, self._starved = self._starved, starved()
        self._last = code, time.monotonic(), self._starved > before
        self._tell(code)

    def last(self) -> Ending | None:
        """That of the last one, None while all live."""
        code, when, short = self._last
        return Ending(code, time.monotonic() - when, short) if when else None


def starved() -> int:
    """How many processes Linux has ended for want of memory since the machine began; 0 where it does not say."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


class Past:
    """The processes of one container, now and before; its pool looks at them often."""

    def __init__(self) -> None:
        self._pids: list[int] = []

    def saw(self, pid: int) -> None:
        """Take account of the process that there is now."""
        if pid not in self._pids:
            self._pids = [*self._pids[-1:], pid]

    def died_of_memory(self, nanny: Any) -> bool:
        """Whether the last process to die, or one that is dying, was ended by its nanny for its memory."""
        ended = getattr(getattr(nanny, "memory_manager", None), "_last_terminated_pid", -1)  # Dask has no public name
        *before, last = self._pids or [-1]
        return ended != -1 and (ended == last or (ended in before and psutil.pid_exists(last)))
