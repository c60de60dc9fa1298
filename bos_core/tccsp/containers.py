"""Containers on this machine: one named Dask nanny worker each, with its own memory quota.

The cluster is made of single workers rather than a uniform pool, so containers of different sizes can live
side by side and come and go one by one.
"""

import asyncio
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import dask
import distributed
import psutil
from distributed import Client, Nanny, Scheduler, SpecCluster

from bos_core.objects.container import Container, Quota
from bos_core.objects.errors import ParameterError

SLOT = "slot"
PRELOAD = ["numpy", "scipy.sparse.linalg", "h5py", "highspy"]
LAST_WORDS_S = 0.5  # that a container has to end by itself
MEMORY_SHARE = 0.6  # of the machine that all containers together may use
SMALLEST_MIB = 512.0  # of a container with its libraries loaded


def memory_limit(asked_mib: float | None = None) -> float:
    """MiB that all containers together may use: what is asked, or a share of the machine.

    Raises:
        ParameterError: more than the machine has, or too little for one container.
    """
    total = psutil.virtual_memory().total / 2**20
    if asked_mib is None:
        return float(MEMORY_SHARE * total)
    if asked_mib > total:
        raise ParameterError(
            f"a memory limit of {asked_mib:g} MiB is more than the {total:.0f} MiB of this machine", "give less"
        )
    if asked_mib < SMALLEST_MIB:
        raise ParameterError(
            f"a memory limit of {asked_mib:g} MiB holds no container", f"give at least {SMALLEST_MIB:g}"
        )
    return float(asked_mib)


def default_containers(workers: int, limit_mib: float) -> list[Container]:
    """As many equal containers as workers, within a limit for all; fewer where each would be too small."""
    fit = max(1, min(workers, int(limit_mib // SMALLEST_MIB)))
    each = int(min(4096, limit_mib / fit))
    return [Container(f"container-{k + 1}", Quota(1, each if k < fit else 0)) for k in range(workers)]


class ContainerPool:
    """Starts, replaces and removes containers; hands out a client to reach them.

    Args:
        containers: those there can be; with a quota of 0 MiB one does not run yet.
        limit_mib: that all together may use; what they have now if left out.
    """

    def __init__(self, containers: Iterable[Container], limit_mib: float | None = None) -> None:
        self.containers = list(containers)
        self.limit_mib = limit_mib or float(sum(c.quota.memory_mib for c in self.containers))
        self._cluster: SpecCluster | None = None
        self.client: Client | None = None

    def start(self) -> None:
        """Start the scheduler on loopback and every container."""
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        dask.config.set(
            {
                "distributed.worker.multiprocessing-method": "forkserver",
                "distributed.scheduler.allowed-failures": 0,
                "distributed.worker.daemon": False,
                "distributed.comm.timeouts.connect": "60s",
                "distributed.scheduler.work-stealing": False,
                "logging": {"distributed": "critical"},
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
            }
        )
        distributed.utils.get_mp_context().set_forkserver_preload(PRELOAD)
        workers = {c.name: self._spec(c) for c in self.containers if c.quota.memory_mib}
        options = {"host": "127.0.0.1", "dashboard": False, "dashboard_address": "127.0.0.1:0"}
        self._cluster = SpecCluster(workers=workers, scheduler={"cls": Scheduler, "options": options}, silence_logs=50)
        self.client = Client(self._cluster, set_as_default=False)
        self.client.wait_for_workers(len(workers), timeout=120)

    def _spec(self, container: Container) -> dict[str, Any]:
        single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        return {
            "cls": Nanny,
            "options": {
                "name": container.name,
                "nthreads": container.quota.cores,
                "memory_limit": container.quota.memory_mib * 2**20,
                "resources": {SLOT: 1},
                "env": single | {"BOS_HOME": os.environ.get("BOS_HOME", "")} if "BOS_HOME" in os.environ else single,
                "host": "127.0.0.1",
                "dashboard": False,
                "local_directory": None,
            },
        }

    def resize(self, quotas: Mapping[str, int]) -> None:
        """Replace containers by ones of other quotas (MiB), 0 for none; they must be idle.

        What shrinks or goes does so first: the sum of quotas never exceeds the limit.
        """
        assert self._cluster is not None
        assert self.client is not None
        self._cluster.sync(self._kill, self._cluster, list(quotas))  # Dask's own retirement takes seconds
        for name in quotas:
            self._cluster.worker_spec.pop(name, None)
        self._cluster.sync(self._cluster._correct_state)
        self.containers = [
            replace(c, quota=Quota(c.quota.cores, quotas[c.name])) if c.name in quotas else c for c in self.containers
        ]
        started = [c for c in self.containers if quotas.get(c.name)]
        for c in started:
            self._cluster.worker_spec[c.name] = self._spec(c)
        self._cluster.sync(self._cluster._correct_state)
        self.client.wait_for_workers(len(self._cluster.worker_spec), timeout=60)

    def died_of_memory(self, name: str) -> bool:
        """Whether a container's last death was its quota's doing."""
        nanny = self._cluster.workers.get(name) if self._cluster is not None else None
        # Dask notes the process that it terminated for its memory; it has no public name for that.
        return getattr(getattr(nanny, "memory_manager", None), "_last_terminated_pid", -1) != -1

    def processes(self) -> dict[str, int]:
        """Process id of every container that lives."""
        nannies = self._cluster.workers if self._cluster is not None else {}
        return {name: nanny.pid for name, nanny in list(nannies.items()) if nanny.pid is not None}

    def close(self) -> None:
        """Stop everything at once; a chunk under way is given up, its file was not yet there."""
        if self._cluster is not None:
            self._cluster.sync(self._kill, self._cluster, list(self._cluster.workers))
        if self.client is not None:
            self.client.close(timeout=10)
        if self._cluster is not None:
            self._cluster.close(timeout=20)
        self.client = self._cluster = None

    @staticmethod
    async def _kill(cluster: SpecCluster, names: list[str]) -> None:
        nannies = [cluster.workers[n] for n in names if n in cluster.workers]
        for nanny in nannies:
            nanny.close_gracefully("the container goes")  # or it would start its worker anew
        await asyncio.gather(*(nanny.kill(timeout=LAST_WORDS_S) for nanny in nannies), return_exceptions=True)
