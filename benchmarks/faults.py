"""Runs under fire: `python benchmarks/faults.py [--seeds 50] [--quick] [--json]`.

For each seed an array of 96 elements runs on two containers while a random container is killed every few seconds, one
is stopped (so that it hangs), the scheduler's process is killed once, and one element kills whatever touches it. Every
other element must be done exactly once, and that one must be named. With --json the last line is
{"seeds", "isolated", "lost_elements", "wrongly_failed", "kills", "seconds_per_seed"}.
"""

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.home import containers_of, scheduler_process, temporary_home
from bos_core.index import tasks
from bos_core.index.client import Index
from bos_core.index.tables import TaskArray
from bos_core.objects.errors import BosError
from bos_core.objects.task import Chunk
from bos_core.tccsp.client import SchedulerClient, SchedulerLost

ELEMENTS, CHUNK, ELEMENT_S = 96, 12, 0.05
LIMIT_MIB = 2000.0


class Chaos(threading.Thread):
    """Kills containers at random, stops one and kills the scheduler, as a seed has it."""

    def __init__(self, index: Index, rng: random.Random) -> None:
        super().__init__(daemon=True)
        self._index, self._rng, self.ended, self.kills = index, rng, threading.Event(), 0
        self._plan = ["stop", "scheduler", *["kill"] * 3]
        rng.shuffle(self._plan)

    def run(self) -> None:
        while self._plan and not self.ended.wait(self._rng.uniform(1.0, 3.0)):
            what = self._plan[0]
            if what == "scheduler":
                process = scheduler_process(self._index.settings)
                targets = [process.pid] if process else []
            else:
                targets = containers_of(self._index.settings)
            if targets:
                with suppress(ProcessLookupError):
                    os.kill(self._rng.choice(targets), signal.SIGSTOP if what == "stop" else signal.SIGKILL)
                    self.kills += 1
                    self._plan.pop(0)


def main() -> None:
    """Run the seeds and print what became of the elements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--quick", action="store_true", help="two seeds")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    asked = parser.parse_args()
    seeds, began = 2 if asked.quick else asked.seeds, time.perf_counter()
    totals = {"seeds": seeds, "isolated": 0, "lost_elements": 0, "wrongly_failed": 0, "kills": 0}
    with temporary_home() as index:
        for seed in range(seeds):
            for name, value in _one(index, seed).items():
                totals[name] += value
    figures = {**totals, "seconds_per_seed": (time.perf_counter() - began) / seeds}
    print(json.dumps(figures) if asked.json else "\n".join(f"{k}: {v}" for k, v in figures.items()))


def _one(index: Index, seed: int) -> dict[str, int]:
    rng, name = random.Random(seed), f"seed{seed:02d}"
    poison = rng.randrange(ELEMENTS)
    index.call(lambda db: tasks.create_task_set(db, name, "benchmark", {}))
    array = TaskArray(id=f"{name}/s/01", task_set_id=name, stage="s", month=1, elements=ELEMENTS, priority=1)
    payload = {"poison": poison, "seconds": ELEMENT_S}
    chunks = [Chunk(f"{array.id}-{k // CHUNK:03d}", "s", k, CHUNK, k, CHUNK, payload)
              for k in range(0, ELEMENTS, CHUNK)]  # fmt: skip
    faults = _run(index, name, array, chunks, rng)
    counts = index.call(lambda db: tasks.stage_counts(db, name))[0]
    failed = [(offset, reason) for _, offset, reason in index.call(lambda db: tasks.exceptions_of(db, name))]
    right = [(o, r) for o, r in failed if o == poison and counts.failed == 1]
    print(f"{name}: {counts.done} done, failed {failed} (poison {poison}), {faults} faults", flush=True)
    return {"isolated": len(right), "lost_elements": ELEMENTS - counts.done - counts.failed,
            "wrongly_failed": counts.failed - len(right), "kills": faults}  # fmt: skip


def _run(index: Index, name: str, array: TaskArray, chunks: list[Chunk], rng: random.Random) -> int:
    """Hand the array over until its scheduler outlives it; the number of faults there were."""
    client = SchedulerClient(index, name, 2, LIMIT_MIB)
    client.open()
    chaos = Chaos(index, rng)
    chaos.start()
    try:
        while True:
            try:
                client.run_array(array, chunks, "benchmarks.steps:elements", None)
            except SchedulerLost:
                continue
            except BosError:
                pass
            return chaos.kills
    finally:
        chaos.ended.set()
        chaos.join()
        for pid in containers_of(index.settings):
            with suppress(psutil.Error):
                psutil.Process(pid).resume()
        client.close()


if __name__ == "__main__":
    main()
