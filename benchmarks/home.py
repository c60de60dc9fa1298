"""A home of its own for a benchmark: database and scheduler come and go with it."""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from bos_core.index.client import Index
from storage.postgres import EmbeddedPostgres
from storage.settings import Settings

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def temporary_home() -> Iterator[Index]:
    """The index of a new home; whatever was started for it is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="bos-bench-") as folder:
        settings = Settings(Path(folder), "", 0)
        server = EmbeddedPostgres(settings)
        server.start()
        # The scheduler and its containers find the steps of the benchmarks.
        before, os.environ["PYTHONPATH"] = os.environ.get("PYTHONPATH", ""), str(ROOT)
        try:
            with Index(settings) as index:
                yield index
        finally:
            os.environ["PYTHONPATH"] = before
            stop_scheduler(settings)
            server.stop()


@contextmanager
def prefect_server() -> Iterator[None]:
    """A Prefect server of its own, which this process and its children speak to."""
    from console.environment import configure
    from console.services import ensure_server, server

    with tempfile.TemporaryDirectory(prefix="bos-prefect-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings = Settings(Path(folder), "", probe.getsockname()[1])
        probe.close()
        configure(settings)
        ensure_server(settings)
        try:
            yield
        finally:
            server(settings).stop()


def scheduler_process(settings: Settings) -> psutil.Process | None:
    """The resident scheduler of a home, if it runs."""
    with suppress(FileNotFoundError, ValueError, psutil.Error):
        return psutil.Process(int((settings.home / "scheduler.pid").read_text().split()[0]))
    return None


def stop_scheduler(settings: Settings) -> None:
    """End the resident scheduler and wait until it is gone."""
    process = scheduler_process(settings)
    if process is not None:
        with suppress(psutil.Error):
            process.terminate()
            process.wait(timeout=30)


def containers_of(settings: Settings) -> list[int]:
    """Process ids of the containers of a home: what the scheduler's fork server has started."""
    process = scheduler_process(settings)
    found = []
    with suppress(psutil.Error):
        for child in process.children(recursive=True) if process else []:
            with suppress(psutil.Error):
                if "forkserver" in " ".join(child.cmdline()) and child.ppid() != process.pid:
                    found.append(child.pid)
    return found


def processor_seconds(pids: list[int]) -> float:
    """Processor seconds that processes have used so far; those that are gone count nothing."""
    total = 0.0
    for pid in pids:
        with suppress(psutil.Error):
            total += sum(psutil.Process(pid).cpu_times()[:2])
    return total
