"""Where containers run: this machine, hosts behind SSH, Slurm jobs or Kubernetes pods, all through one interface.

A container is always one Dask worker under its nanny, an entry of Dask's `SpecCluster`, with the memory quota, the
mode and the name it has everywhere else in TCCSP. A place says what Dask starts for one, and sees and ends processes.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from distributed import SpecCluster

from bos_core.objects.container import Container, Load, Server

PRELOAD = ["numpy", "scipy.sparse.linalg", "h5py", "highspy"]
LAST_WORDS_S = 0.5  # that a container has to end by itself
DEATH_S = 45.0  # without its scheduler after which a container that starts gives up


@dataclass(frozen=True)
class Vital:
    """A container's process: its number, processor seconds used so far, resident MiB, whether it is stopped."""

    pid: int
    cpu_seconds: float
    resident_mib: float
    stopped: bool


@dataclass(frozen=True)
class Ending:
    """How a container's process ended last.

    Attributes:
        code: its exit status, or the negative number of the signal that ended it.
        ago: s since then.
        starved: the system ended processes for want of memory while it ran.
    """

    code: int
    ago: float
    starved: bool


class Place(Protocol):
    """What the pool asks of where its containers run.

    Attributes:
        start_s: s that a container has to come up.
        config: settings of Dask that hold there.
    """

    start_s: float
    config: dict[str, Any]

    def cluster(self) -> SpecCluster:
        """Start Dask's scheduler, without any container yet.

        Raises:
            ServiceError: it cannot be started.
        """
        ...

    def spec(self, container: Container) -> dict[str, Any]:
        """What Dask starts for a container: class and options."""
        ...

    def processes(self) -> dict[str, int]:
        """Process id of every container that lives."""
        ...

    def vitals(self) -> dict[str, Vital]:
        """What can be seen of every container that lives."""
        ...

    def kill(self, name: str) -> None:
        """End a container's process at once, even a stopped one; it is started anew by itself."""
        ...

    async def stop(self, names: Iterable[str]) -> None:
        """End containers at once and for good; runs on Dask's event loop."""
        ...

    def died_of_memory(self, name: str) -> bool:
        """Whether a container's last death was its quota's doing."""
        ...

    def ended(self, name: str) -> Ending | None:
        """How a container's process ended last; None while none has."""
        ...

    def has_children(self, name: str) -> bool:
        """Whether a container waits for a process that it started."""
        ...

    def server(self, name: str) -> Server:
        """The machine of a container; this one while it is not known."""
        ...

    def loads(self) -> dict[str, Load]:
        """What is used of every machine with containers, by its name."""
        ...

    def sweep(self) -> None:
        """End what a start that failed has left."""
        ...


def environment(container: Container) -> dict[str, str]:
    """Variables of a container's process: one thread for every library, the home, its mode and memory."""
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    home = {k: os.environ[k] for k in ("BOS_HOME",) if k in os.environ}
    own = {"BOS_CONTAINER_MODE": container.mode.value, "BOS_CONTAINER_MIB": str(container.quota.memory_mib)}
    return single | home | own


def nanny_options(container: Container) -> dict[str, Any]:
    """Options of a container's nanny that are the same everywhere."""
    return {
        "name": container.name,
        "nthreads": container.quota.cores,
        "memory_limit": container.quota.memory_mib * 2**20,
        "resources": {container.name: 1},
        "death_timeout": DEATH_S,
        "env": environment(container),
    }
