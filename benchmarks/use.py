"""What a run does with the processors: `python benchmarks/use.py [--quick] [--json] [--hours N] [--workers 1 2]`.

Runs the chain with one worker and with two, or as asked, each in a home of its own, and watches every process. Over the span of the
heavy stages (commitment to re-verification) it tells how busy the containers are, what scheduling and indexing
(scheduler, database) and Prefect (its server, the flow's process) cost beside them, and what the second worker gains.
Beside that it measures what two processes of plain arithmetic gain here, which is the limit. Every schedule is checked
across its seams (`bos check`). With --json the last line is {"busy": {workers: share}, "scheduling": {workers: share},
"prefect": {workers: share}, "peak_mib": {workers: MiB}, "efficiency", "limit"}; `peak_mib` is what all containers held
together at most.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.steps import work
from bos_core.index import tasks
from bos_core.index.client import Index
from storage.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("uc", "rpd", "n1", "adjust", "reverify")
EVERY_S = 2.0  # looking costs some milliseconds


class Watch(threading.Thread):
    """Processor seconds by role, over time."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self._settings, self.ended = settings, threading.Event()
        self._roles: dict[int, str] = {}
        self._used: dict[int, float] = {}
        self.trace: list[tuple[float, dict[str, float]]] = []
        self.peak_mib = 0.0

    def run(self) -> None:
        while not self.ended.wait(EVERY_S):
            held = 0.0
            for process in psutil.process_iter():
                try:
                    if process.pid not in self._roles:
                        self._roles[process.pid] = self._role(process)
                    if self._roles[process.pid]:
                        self._used[process.pid] = sum(process.cpu_times()[:2])
                    if self._roles[process.pid] == "work":
                        held += process.memory_info().rss / 2**20
                except psutil.Error:
                    continue
            self.peak_mib = max(self.peak_mib, held)
            totals: dict[str, float] = {}
            for pid, used in self._used.items():
                totals[self._roles[pid]] = totals.get(self._roles[pid], 0.0) + used
            self.trace.append((time.time(), totals))

    def _role(self, process: psutil.Process) -> str:
        """What a process does for this home; empty if nothing."""
        line = " ".join(process.cmdline())
        if "postgres" in process.name():
            mine = f"/{self._settings.fingerprint}"
            return "index" if mine in line or mine in " ".join(process.parent().cmdline()) else ""
        if process.environ().get("BOS_HOME") != str(self._settings.home):
            return ""
        if "forkserver" in line:  # the containers, and the process that they are forked from
            return "work"
        if "bos_core.tccsp" in line or "resource_tracker" in line:
            return "scheduler"
        return "server" if "prefect" in line or "uvicorn" in line else "flow"

    def between(self, first: float, last: float) -> dict[str, float]:
        """Processor seconds by role within a span of wall time."""
        inside = [totals for at, totals in self.trace if first <= at <= last]
        return {role: used - inside[0].get(role, 0.0) for role, used in inside[-1].items()}


def main() -> None:
    """Run the chain twice and print where the processors' time went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one day")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--hours", type=int, default=744)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="numbers of workers to measure")
    asked = parser.parse_args()
    hours = 24 if asked.quick else asked.hours
    figures: dict[str, Any] = {"busy": {}, "scheduling": {}, "prefect": {}, "peak_mib": {}}
    walls = {}
    for workers in asked.workers:
        wall, used, figures["peak_mib"][workers] = _measure(hours, workers)
        walls[workers] = wall
        figures["busy"][workers] = used["work"] / (workers * wall)
        figures["scheduling"][workers] = (used.get("scheduler", 0.0) + used.get("index", 0.0)) / used["work"]
        figures["prefect"][workers] = (used.get("server", 0.0) + used.get("flow", 0.0)) / used["work"]
        parts = ", ".join(f"{role} {seconds:.1f} s" for role, seconds in used.items())
        print(f"{hours} hours, {workers} workers: heavy stages {wall:.1f} s; processor: {parts}", flush=True)
    if {1, 2} <= walls.keys():
        figures["efficiency"] = walls[1] / (2 * walls[2])
    figures["limit"] = _limit()
    if asked.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{k}: {v}" for k, v in figures.items()))


def _measure(hours: int, workers: int) -> tuple[float, dict[str, float], float]:
    """Wall time of the heavy stages, processor seconds by role within it, and the most MiB that containers held."""
    with tempfile.TemporaryDirectory(prefix="bos-use-") as home, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings = Settings(Path(home), "", probe.getsockname()[1])
        probe.close()
        env = {**os.environ, "BOS_HOME": home, "BOS_PREFECT_PORT": str(settings.prefect_port)}
        watch = Watch(settings)
        watch.start()
        try:
            _bos(
                env,
                "run",
                "steady-state-planning",
                "--keep-kv",
                "230",
                "--hours",
                str(hours),
                "--workers",
                str(workers),
            )
            with Index(settings) as index:
                done = index.call(lambda db: tasks.find_task_set(db, "latest"))
                assert done is not None
                span = index.call(lambda db: tasks.span(db, done.id, HEAVY))
            print(_bos(env, "tasks", "latest"), _bos(env, "check", "latest"), flush=True)
        finally:
            watch.ended.set()
            _bos(env, "down")
    first, last = (moment.timestamp() for moment in span)
    return last - first, watch.between(first, last), watch.peak_mib


def _bos(env: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "console.main", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def _limit(seconds: float = 3.0) -> float:
    """Gain of a second process of plain arithmetic, as a share of two."""
    walls = []
    for number in (1, 2):
        with get_context("fork").Pool(number) as pool:
            pool.map(work, [0.1] * number)
            began = time.perf_counter()
            pool.map(work, [seconds] * number)
            walls.append(time.perf_counter() - began)
    return walls[0] / walls[1]


if __name__ == "__main__":
    main()
