"""Containers on hosts that are reached through SSH, one after the other on each host in turn."""

import asyncio
import itertools
import sys
from pathlib import Path
from typing import Any

import asyncssh
from distributed.deploy.ssh import Worker

from bos_core.objects.container import Container
from bos_core.objects.errors import ServiceError
from bos_core.tccsp.places.remote import Remote


class SshWorker(Worker):  # type: ignore[misc]
    """Dask's worker behind SSH; what it says goes to a file, and a host that cannot run it is named.

    Args:
        log: where what it says is written.
        rest: of Dask's worker.
    """

    def __init__(self, scheduler: str, log: Path, **rest: Any) -> None:
        super().__init__(scheduler, **rest)
        self._log = log
        self._writing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._check()
        await super().start()
        self._writing = asyncio.ensure_future(self._write())

    async def _check(self) -> None:
        """Raises:
        ServiceError: the host cannot be reached, or has no BOS.
        """
        try:
            async with asyncssh.connect(self.address, **self.connect_options) as connection:
                ran = await connection.run(f"{self.remote_python} -c 'import bos_core.tccsp.places.attendant'")
        except (OSError, asyncssh.Error) as error:
            raise ServiceError(f"host {self.address} cannot be reached by SSH: {error}", "try `ssh` by hand") from None
        if ran.exit_status:
            last = (str(ran.stderr).strip().splitlines() or ["no reason given"])[-1]
            raise ServiceError(
                f"host {self.address} cannot run BOS with {self.remote_python}: {last}", "install it there"
            )

    async def _write(self) -> None:
        """Keep what is said; unread it would hold the worker up once a buffer is full."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("a") as out:
            async for line in self.proc.stderr:
                out.write(line)
                out.flush()

    async def close(self) -> None:
        await super().close()
        if self._writing is not None:
            self._writing.cancel()


class Ssh(Remote):
    """Hosts that share the home's file system and have BOS installed.

    Args:
        home, address, start_s: as of every remote place.
        hosts: names or addresses.
        python: that has BOS there; this one's path if empty.
        user, port, key, known_hosts: how to log in; empty for what `ssh` itself would take.
    """

    def __init__(
        self, home: Path, hosts: tuple[str, ...], address: str = "", start_s: float = 60.0, python: str = "",
        user: str = "", port: int = 22, key: str = "", known_hosts: str = "",
    ) -> None:  # fmt: skip
        super().__init__(home, address, start_s)
        self._hosts, self._python = hosts, python or sys.executable
        self._login: dict[str, Any] = {"port": port}
        if user:
            self._login["username"] = user
        if key:
            self._login["client_keys"] = [key]
        if known_hosts:
            self._login["known_hosts"] = known_hosts
        self._turn = itertools.count()
        self._host_of: dict[str, str] = {}

    def host_of(self, name: str) -> str:
        """The host of a container, the same whenever it is started anew."""
        if name not in self._host_of:
            self._host_of[name] = self._hosts[next(self._turn) % len(self._hosts)]
        return self._host_of[name]

    def spec(self, container: Container) -> dict[str, Any]:
        options = {
            "address": self.host_of(container.name),
            "connect_options": self._login,
            "remote_python": self._python,
            "kwargs": self.options(container),
            "log": self.home / "logs" / "containers" / f"{container.name}.log",
        }
        return {"cls": SshWorker, "options": options}
