"""What all places beyond this machine have in common: Dask over TLS, and attendants that are asked over the network.

The home must lie on a file system that all machines share: containers read and write results there, and the key that
admits to Dask lies there, readable by its owner alone. They need no database.
"""

import asyncio
import json
import os
import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
from distributed import Scheduler, Security, SpecCluster
from distributed.utils import get_ip

from bos_core.objects.container import Container, Load, Server
from bos_core.objects.errors import ServiceError
from bos_core.tccsp.places.place import LAST_WORDS_S, Ending, Vital, environment, nanny_options
from bos_core.tccsp.places.server import this_server

LOOK_S = 1.0
ANSWER_S = 3.0  # that an attendant has to answer
ASK_OFTEN = 3  # times, where much depends on the answer
NANNY_MIB = 256  # that a job or pod has beyond its container's quota; the quota itself is kept by the nanny
ATTENDANT = "bos_core.tccsp.places.attendant"


@dataclass(frozen=True)
class Seen:
    """An attendant's answer."""

    vital: Vital | None
    children: bool
    full: bool
    ended: Ending | None
    server: Server
    load: Load


class Remote(ABC):
    """Containers on other machines.

    Args:
        home: folder of the home, on a shared file system.
        address: of this machine as the others reach it; empty for that of its route to the outside.
        start_s: s that a container has to come up.
    """

    def __init__(self, home: Path, address: str, start_s: float) -> None:
        self.home, self.start_s = home, start_s
        self._certificate, self._key = home / "tls" / "cert.pem", home / "tls" / "key.pem"
        self._address = address or get_ip()
        self._cluster: SpecCluster | None = None
        self._attendants: dict[str, str] = {}  # by container: address
        self._seen: dict[str, Seen] = {}
        self._watching: asyncio.Task[None] | None = None
        self.config: dict[str, Any] = {
            "logging": {"distributed": "info"},
            "distributed.nanny.preload": [ATTENDANT],
            "distributed.comm.require-encryption": True,
            "distributed.comm.tls.ca-file": str(self._certificate),
        }
        for part in ("scheduler", "worker", "client"):
            self.config[f"distributed.comm.tls.{part}.cert"] = str(self._certificate)
            self.config[f"distributed.comm.tls.{part}.key"] = str(self._key)

    @abstractmethod
    def spec(self, container: Container) -> dict[str, Any]:
        """What Dask starts for a container: class and options."""

    def cluster(self) -> SpecCluster:
        security = self._security()
        options = {"host": self._address, "protocol": "tls", "security": security, "dashboard": False,
                   "dashboard_address": "127.0.0.1:0"}  # fmt: skip
        try:
            self._cluster = SpecCluster(
                scheduler={"cls": Scheduler, "options": options}, security=security, silence_logs=50
            )
        except Exception as error:
            why = f"no scheduler can listen at {self._address} ({str(error).splitlines()[-1]})"
            raise ServiceError(why, "set address in scheduler.toml to one that this machine has") from None
        self._cluster.sync(self._begin)
        return self._cluster

    def _security(self) -> Security:
        """Dask's keys, made anew at every start; whoever can read them is admitted."""
        made = Security.temporary()
        self._key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file, text in ((self._certificate, made.tls_ca_file), (self._key, made.tls_scheduler_key)):
            new = file.with_suffix(".new")
            with open(new, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
                out.write(text)
            new.replace(file)
        return Security(require_encryption=True)

    # What workers are told. Dask's settings hold the paths of the keys, not the keys.

    def variables(self, container: Container) -> dict[str, str]:
        """Environment of a container's nanny."""
        return environment(container) | {
            "DASK_INTERNAL_INHERIT_CONFIG": dask.config.serialize(dask.config.global_config)
        }

    @staticmethod
    def arguments(container: Container) -> list[str]:
        """Arguments of `dask worker` that make a container of it, but its name and threads."""
        return [
            "--memory-limit", f"{container.quota.memory_mib}MiB", "--resources", f"{container.name}=1", "--nanny",
            "--preload-nanny", ATTENDANT, "--no-dashboard",
        ]  # fmt: skip

    @staticmethod
    def options(container: Container) -> dict[str, Any]:
        """Options of a nanny as plain data."""
        out: dict[str, Any] = json.loads(json.dumps(nanny_options(container)))
        return out

    # What is seen of containers. Attendants are asked on Dask's event loop; what they said last is what there is.

    async def _begin(self) -> None:
        self._watching = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        assert self._cluster is not None
        while self._cluster.status.name in ("starting", "running", "created"):
            self._meet()
            await asyncio.gather(*(self._look(name) for name in list(self._attendants)))
            await asyncio.sleep(LOOK_S)

    def _meet(self) -> None:
        """Take up attendants that have come."""
        workers = list(self._cluster.scheduler.workers.values()) if self._cluster is not None else []
        self._attendants |= {str(w.name): w.nanny for w in workers if w.nanny}

    async def _look(self, name: str, tries: int = 1) -> None:
        answer = None
        while answer is None and tries:
            answer, tries = await self._ask(name, "container_seen"), tries - 1
        if answer is None:
            self._seen.pop(name, None)
        else:
            vital = Vital(**answer["vital"]) if answer["vital"] else None
            ended = Ending(**answer["ended"]) if answer["ended"] else None
            server, load = Server(**answer["server"]), Load(**answer["load"])
            self._seen[name] = Seen(vital, answer["children"], answer["full"], ended, server, load)

    async def _ask(self, name: str, what: str, **message: Any) -> Any:
        """An attendant's answer, None if it gives none."""
        assert self._cluster is not None
        self._meet()
        with suppress(OSError, asyncio.TimeoutError, KeyError):
            attendant = self._cluster.scheduler.rpc(self._attendants[name])
            return await asyncio.wait_for(getattr(attendant, what)(**message), ANSWER_S)
        return None

    def processes(self) -> dict[str, int]:
        return {name: vital.pid for name, vital in self.vitals().items()}

    def vitals(self) -> dict[str, Vital]:
        return {name: seen.vital for name, seen in list(self._seen.items()) if seen.vital is not None}

    def kill(self, name: str) -> None:
        if self._cluster is not None:
            self._cluster.loop.add_callback(self._ask, name, "container_kill")

    async def stop(self, names: Iterable[str]) -> None:
        names = list(names)
        await asyncio.gather(*(self._ask(n, "terminate", timeout=LAST_WORDS_S, reason="it goes") for n in names))
        for name in names:
            self._attendants.pop(name, None)
            self._seen.pop(name, None)
        assert self._cluster is not None
        scheduler = self._cluster.scheduler
        for worker in [w for w in scheduler.workers.values() if w.name in names]:  # of a host that is gone
            await scheduler.remove_worker(worker.address, stimulus_id="container-stop", close=False)

    def died_of_memory(self, name: str) -> bool:
        if self._cluster is not None:
            self._cluster.sync(self._look, name, ASK_OFTEN)  # it has died since the last look
        return name in self._seen and self._seen[name].full

    def ended(self, name: str) -> Ending | None:
        if self._cluster is not None:
            self._cluster.sync(self._look, name)
        return self._seen[name].ended if name in self._seen else None

    def has_children(self, name: str) -> bool:
        return name in self._seen and self._seen[name].children

    def server(self, name: str) -> Server:
        if name not in self._seen and self._cluster is not None:
            self._cluster.sync(self._look, name)
        return self._seen[name].server if name in self._seen else this_server()

    def loads(self) -> dict[str, Load]:
        return {seen.server.name: seen.load for seen in list(self._seen.values())}

    def sweep(self) -> None:
        self._seen.clear()


def exports(variables: dict[str, str]) -> list[str]:
    """Lines of a shell script that set variables."""
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
