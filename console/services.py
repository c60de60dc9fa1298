"""The services beside a run: database, Prefect server and Prefect worker; started, watched and stopped.

All listen on loopback. A service is a process of its own session whose id is in a file under the home.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from bos_core.index.client import Index
from bos_core.objects.errors import ServiceError
from console.environment import configure
from storage.postgres import EmbeddedPostgres
from storage.settings import Settings

START_PATIENCE_S = 180.0
STOP_PATIENCE_S = 10.0
POOL = "bos"


@dataclass(frozen=True)
class Service:
    """A background process of this home."""

    settings: Settings
    name: str
    arguments: tuple[str, ...]

    @property
    def _pid_file(self) -> Path:
        return self.settings.home / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        """Where it writes."""
        return self.settings.logs / f"{self.name}.log"

    def process(self) -> psutil.Process | None:
        """The running process, told apart from a stranger that reuses its number by its start time."""
        try:
            pid, started = self._pid_file.read_text().split()
            process = psutil.Process(int(pid))
            alive = process.is_running() and process.status() != psutil.STATUS_ZOMBIE
            return process if alive and abs(process.create_time() - float(started)) < 2 else None
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return None

    def start(self) -> None:
        """Start the process."""
        self.settings.logs.mkdir(parents=True, exist_ok=True)
        # Prefect shares names under /tmp between users, and a path below the home may be too long for a socket.
        private = self.settings.private("tmp")
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "prefect", *self.arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, "PREFECT_LOGGING_LEVEL": "INFO", "TMPDIR": str(private)},
            )  # fmt: skip
        self._pid_file.write_text(f"{child.pid} {psutil.Process(child.pid).create_time()}")

    def stop(self) -> bool:
        """Stop the process and its children, firmly if need be; whether it was running."""
        process = self.process()
        self._pid_file.unlink(missing_ok=True)
        if process is None:
            return False
        family = [process, *process.children(recursive=True)]
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for p in family:
                if p.is_running():
                    p.send_signal(sign)
            _, family = psutil.wait_procs(family, timeout=STOP_PATIENCE_S)
            if not family:
                break
        return True


def server(settings: Settings) -> Service:
    """The Prefect server."""
    arguments = ("server", "start", "--host", "127.0.0.1", "--port", str(settings.prefect_port))
    return Service(settings, "prefect-server", arguments)


def worker(settings: Settings) -> Service:
    """The Prefect worker that executes deployments on this machine."""
    return Service(settings, "prefect-worker", ("worker", "start", "--pool", POOL, "--type", "process"))


def scheduler(settings: Settings) -> Service:
    """The resident scheduler with its containers; runs start it, and it ends by itself when none is left."""
    return Service(settings, "scheduler", ())


def healthy(settings: Settings) -> bool:
    """Whether a Prefect server answers on our port."""
    try:
        url = f"http://127.0.0.1:{settings.prefect_port}/api/health"
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def ensure_server(settings: Settings) -> bool:
    """Start the Prefect server unless ours runs; whether it was started.

    Raises:
        ServiceError: the port is taken, or the server does not come up.
    """
    ours = server(settings)
    started = False
    if ours.process() is None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", settings.prefect_port))
            except OSError:
                raise ServiceError(
                    f"port {settings.prefect_port} is in use by another program",
                    "stop it, or choose another port with BOS_PREFECT_PORT",
                ) from None
        ours.start()
        started = True
    deadline = time.monotonic() + START_PATIENCE_S
    while not healthy(settings):
        if ours.process() is None or time.monotonic() > deadline:
            raise ServiceError("the Prefect server does not come up", f"read {ours.log}")
        time.sleep(0.3)
    return started


def ensure(settings: Settings) -> None:
    """Start what a run needs and does not run yet: database and Prefect server."""
    configure(settings)
    ensure_index(settings)
    with Index(settings):  # say now if the database cannot be reached or brought up to date
        pass
    ensure_server(settings)


def ensure_index(settings: Settings) -> None:
    """Start the embedded Postgres unless another database is configured; enough for reading."""
    if not settings.database_url:
        EmbeddedPostgres(settings).start()


def up(settings: Settings) -> None:
    """Start database, Prefect server and worker, and register the deployments."""
    ensure(settings)
    from console.deployments import deploy

    deploy()
    if worker(settings).process() is None:
        worker(settings).start()


def down(settings: Settings) -> list[str]:
    """Stop everything of this home; names of what was running."""
    stopped = [s.name for s in (worker(settings), scheduler(settings), server(settings)) if s.stop()]
    if EmbeddedPostgres(settings).stop():
        stopped.append("postgres")
        shutil.rmtree(EmbeddedPostgres(settings).socket, ignore_errors=True)
    return stopped
