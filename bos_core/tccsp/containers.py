"""The pool of containers: one named Dask nanny worker each, with its own memory quota, wherever its place is.

The cluster is made of single workers rather than a uniform pool, so containers of different sizes can live
side by side and come and go one by one.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

import dask
from distributed import Client, SpecCluster

from bos_core.objects.container import Container, ContainerMode, Quota
from bos_core.objects.errors import BosError, ServiceError
from bos_core.tccsp.limits import SMALLEST_MIB
from bos_core.tccsp.places.local import Here
from bos_core.tccsp.places.place import Ending, Place, Vital

LARGEST_MIB = 4096.0  # that a container is given before any task has asked for more
TO_HEAR_S = 3.0  # that a nanny has to hear how its process ended
TRIES = 2  # to bring them up; one may be killed or stopped while it starts
DASK = {
    "distributed.worker.multiprocessing-method": "forkserver",
    "distributed.scheduler.allowed-failures": 0,
    "distributed.worker.daemon": False,
    "distributed.comm.timeouts.connect": "60s",
    "distributed.scheduler.work-stealing": False,
    # A nanny whose worker was lost this long ago and is just being replaced again would be given up.
    "distributed.deploy.lost-worker-timeout": "1000 days",
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.pause": False,
    # Dask watches itself ten to fifty times a second; nobody here looks, and it costs 4 % of a core.
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "60s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.worker.memory.monitor-interval": "200ms",
    # Dask has freed memory go back at once: numpy's passing arrays then cost a page fault for every 4 KiB, twice the
    # time of an active dispatch.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 128 * 2**20,
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 64 * 2**20,
}


def default_containers(workers: int, limit_mib: float) -> list[Container]:
    """As many equal containers as workers, within a limit for all; fewer where each would be too small."""
    return _equal(1, workers, max(limit_mib, SMALLEST_MIB))


def _equal(first: int, number: int, room_mib: float) -> list[Container]:
    """Containers numbered from `first` that share a room; as many run as are not too small."""
    fit = min(number, int(room_mib // SMALLEST_MIB))
    each = int(min(LARGEST_MIB, room_mib / fit)) if fit else 0
    return [Container(f"container-{first + k}", Quota(1, each if k < fit else 0)) for k in range(number)]


class ContainerPool:
    """Starts, replaces and removes containers; hands out a client to reach them.

    Args:
        containers: those there can be; with a quota of 0 MiB one does not run yet.
        limit_mib: that all together may use; what they have now if left out.
        place: where they run; on this machine if left out.
    """

    def __init__(
        self, containers: Iterable[Container], limit_mib: float | None = None, place: Place | None = None
    ) -> None:
        self.containers = list(containers)
        self.place: Place = place or Here()
        self.limit_mib = limit_mib or float(sum(c.quota.memory_mib for c in self.containers))
        self.wanted = len(self.containers)  # those behind are to go
        self._killed: dict[str, int] = {}  # the process of each that was killed last
        self._cluster: SpecCluster | None = None
        self._settings: dask.config.set | None = None
        self.client: Client | None = None

    def start(self) -> None:
        """Start Dask's scheduler and every container.

        Raises:
            ServiceError: containers do not come up.
        """
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._settings = dask.config.set(DASK | self.place.config)
        self._cluster = self.place.cluster()
        self.client = Client(self._cluster, set_as_default=False)
        self._bring_up([c for c in self.containers if c.quota.memory_mib])

    def _bring_up(self, containers: list[Container]) -> None:
        """Start containers; what does not come up is tried once more.

        Raises:
            ServiceError: they do not come up.
        """
        assert self._cluster is not None
        for attempt in range(1, TRIES + 1):
            self._cluster.worker_spec |= {c.name: self.place.spec(c) for c in containers}
            try:
                self._cluster.sync(self._cluster._correct_state)
                break
            except Exception as error:  # whatever stops a worker's process
                self.place.sweep()
                if attempt == TRIES:
                    if isinstance(error, BosError):
                        raise
                    words = str(error.__cause__ or error).strip().splitlines() or [type(error).__name__]
                    why = f"containers cannot start ({words[-1][:200]})"
                    raise ServiceError(why, "see the scheduler's log") from None
                known = {w.name for w in self._cluster.scheduler.workers.values()}
                self._drop(c.name for c in containers if c.name not in known)
        self._await(c.name for c in containers)

    def _drop(self, names: Iterable[str]) -> None:
        """Let Dask forget containers."""
        assert self._cluster is not None
        for name in names:
            self._cluster.worker_spec.pop(name, None)
        self._cluster.sync(self._cluster._correct_state)

    def _await(self, names: Iterable[str]) -> None:
        """Wait until containers are up.

        Raises:
            ServiceError: they do not come up; the reason if there is one to be seen.
        """
        missing, deadline = set(names), time.monotonic() + self.place.start_s
        while missing:
            missing -= {w.name for w in self._cluster.scheduler.workers.values()} if self._cluster else set()
            small = next((n for n in missing if self.died_of_memory(n)), None)
            if small is not None:
                quota = next(c.quota.memory_mib for c in self.containers if c.name == small)
                raise ServiceError(
                    f"{small} cannot start within its quota of {quota} MiB", f"give it at least {SMALLEST_MIB:.0f} MiB"
                )
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{', '.join(sorted(missing))} did not start within {self.place.start_s:.0f} s",
                    "see the scheduler's log, or use fewer containers",
                )
            time.sleep(0.01)

    def resize(self, quotas: Mapping[str, int]) -> None:
        """Replace containers by ones of other quotas (MiB), 0 for none; they must be idle.

        What shrinks or goes does so first: the sum of quotas never exceeds the limit.

        Raises:
            ServiceError: one does not come up.
        """
        self._replace({c.name: replace(c, quota=Quota(c.quota.cores, quotas[c.name])) for c in self.containers
                       if c.name in quotas})  # fmt: skip

    def switch(self, names: Iterable[str], mode: ContainerMode) -> None:
        """Replace containers by ones of another mode; they must be idle.

        Raises:
            ServiceError: one does not come up.
        """
        wanted = set(names)
        self._replace({c.name: replace(c, mode=mode) for c in self.containers if c.name in wanted})

    def _replace(self, new: Mapping[str, Container]) -> None:
        assert self._cluster is not None
        self._cluster.sync(self.place.stop, list(new))  # Dask's own retirement takes seconds
        self._drop(new)
        self.containers = [new.get(c.name, c) for c in self.containers]
        self._bring_up([c for c in new.values() if c.quota.memory_mib])

    def extend(self, workers: int) -> None:
        """Add containers until there are so many; each gets an equal part of the memory that is left."""
        more = workers - len(self.containers)
        if more > 0:
            room = self.limit_mib - sum(c.quota.memory_mib for c in self.containers)
            new = _equal(len(self.containers) + 1, more, max(room, 0.0))
            self.containers += [replace(c, quota=Quota(c.quota.cores, 0)) for c in new]
            self.resize({c.name: c.quota.memory_mib for c in new if c.quota.memory_mib})

    def ready(self) -> set[str]:
        """Containers that can be sent work: their process lives, and Dask knows it.

        What is sent to one that is just being replaced may get lost between the two.
        """
        known = {w.name: w.pid for w in list(self._cluster.scheduler.workers.values())} if self._cluster else {}
        return {n for n, pid in self.processes().items() if known.get(n) == pid != self._killed.get(n)}

    def kill(self, name: str) -> None:
        """End a container's process at once, even a stopped one; it is started anew by itself."""
        pid = self.processes().get(name)
        if pid is not None:
            self._killed[name] = pid
            self.place.kill(name)

    def has_children(self, name: str) -> bool:
        """Whether a container waits for a process that it started."""
        return self.place.has_children(name)

    def vitals(self) -> dict[str, Vital]:
        """What can be seen of every container that lives."""
        return self.place.vitals()

    def died_of_memory(self, name: str) -> bool:
        """Whether a container's last death was its quota's doing."""
        return self.place.died_of_memory(name)

    def ended(self, name: str, within: float) -> Ending | None:
        """How a container's process ended in the last `within` seconds; None if that is not known.

        The scheduler hears of a death before the nanny, which is waited for.
        """
        begun = time.monotonic()
        while (waited := time.monotonic() - begun) < TO_HEAR_S:
            ending = self.place.ended(name)
            if ending is not None and ending.ago < within + waited:
                return ending
            time.sleep(0.02)
        return None

    def processes(self) -> dict[str, int]:
        """Process id of every container that lives."""
        return self.place.processes()

    def close(self) -> None:
        """Stop everything at once; a chunk under way is given up, its file was not yet there."""
        if self._cluster is not None:
            self._cluster.sync(self.place.stop, list(self._cluster.workers))
        if self.client is not None:
            self.client.close(timeout=10)
        if self._cluster is not None:
            self._cluster.close(timeout=20)
        if self._settings is not None:
            self._settings.__exit__(None, None, None)
        self.client = self._cluster = self._settings = None
