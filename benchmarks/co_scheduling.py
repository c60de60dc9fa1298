"""What co-scheduling costs and gains: `python benchmarks/co_scheduling.py [--quick] [--json]`.

Measures how long decisions take (problem (1) for 500 tasks on 64 containers and 10,000 on 256, problem (2) re-solved),
runs a mix of an annual run, studies and urgent requests with bursts under four policies on virtual containers, and the
reference platform's workload (Table 6 of the BOS paper: 6,194,065 tasks in five stages) on its 280 logical cores.
Without --quick also ten times that workload on 10,000 cores, and a small mix under the same policies on two real
workers. With --json the last line is one JSON object:
{"assignment_ms_500x64", "provisioning_ms", "misses": {policy: n}, "weighted_completion": {policy: s},
"simulated_makespan_over_bound", "overhead_share"}; the last is the processor time of scheduling and
indexing over that of the work, on two real containers whose chunks take what the chain's take.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.home import processor_seconds, scheduler_process, temporary_home
from benchmarks.policies import dask_runs, tccsp_runs
from bos_core.index import tasks
from bos_core.index.tables import TaskArray
from bos_core.objects.task import Chunk
from bos_core.tccsp.assignment import assign
from bos_core.tccsp.board import Board, Demand, Slot
from bos_core.tccsp.client import SchedulerClient
from bos_core.tccsp.forecast import Forecaster, Job
from bos_core.tccsp.provisioning import Need, Prices, Site, provision
from bos_core.tccsp.simulator import (
    EarliestDeadlineFirst,
    FirstComeFirstServed,
    Outcome,
    Policy,
    RoundRobin,
    VirtualTask,
    lower_bound,
    simulate,
)

TABLE_6 = {"uc-monthly": (12, 10.56), "uc": (365, 10.56), "apd": (365, 6.12), "rpd": (8760, 1.35),
           "n1": (705 * 8760, 0.85), "adjust": (8760, 18.47)}  # fmt: skip
CHUNK = {"rpd": 24, "n1": 240}  # tasks in a message
PAPER_CORES, PAPER_SPEEDUP = 256 + 24, 99.08
SEEDS = 5
MIXES_ON_WORKERS, UNIT_ON_WORKERS = (1, 2, 3), 0.5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without ten times the workload on 10,000 cores")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    asked = parser.parse_args()
    figures: dict[str, Any] = {}
    for n, containers, repeats in ((500, 64, 200), (10_000, 256, 20)):
        taken = _assignments(n, containers, repeats)
        print(f"problem (1), {n} x {containers}: {_spread(taken)}")
        figures.setdefault("assignment_ms_500x64", float(np.median(taken)))
    taken = _provisionings(64, 50)
    figures["provisioning_ms"] = float(np.median(taken))
    print(f"problem (2), 64 containers with 8 tasks each, re-solved: {_spread(taken)}")
    figures |= _policies()
    figures |= _reference(1, PAPER_CORES, 240)
    figures["overhead_share"] = _overhead(10 if asked.quick else 100)
    if not asked.quick:
        _reference(10, 10_000, 120)
        figures |= _on_real_workers()
    if asked.json:
        print(json.dumps(figures))


def _spread(taken: Sequence[float]) -> str:
    return f"median {np.median(taken):.2f} ms, 99 % {np.percentile(taken, 99):.2f} ms"


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began)


def _assignments(tasks: int, containers: int, repeats: int) -> list[float]:
    rng, taken = np.random.default_rng(1), []
    for _ in range(repeats):
        ends = rng.uniform(0, 20, containers)[None, :] + rng.uniform(1, 60, (tasks, containers))
        limit = np.where(rng.random(tasks) < 0.2, rng.uniform(60, 300, tasks), np.inf)
        weight, possible = rng.uniform(1, 100, tasks), rng.random((tasks, containers)) < 0.9
        put_off = np.full(tasks, float(ends.max()) + 1)
        taken.append(_timed(partial(assign, weight, ends, put_off, limit, possible)))
    return taken


def _provisionings(containers: int, repeats: int) -> list[float]:
    rng, taken = np.random.default_rng(1), []
    sites = [Site((0.5, 256.0), (4.0, 8192.0), (1.0, 1024.0) if k % 2 else (0.0, 0.0)) for k in range(containers)]
    total = (4.0 * containers, 8192.0 * containers)
    for _ in range(repeats + 1):
        needs = [[Need(float(rng.uniform(1, 60)), 0.1, 90.0, float(rng.uniform(100, 3000))) for _ in range(8)]
                 for _ in sites]  # fmt: skip
        taken.append(_timed(partial(provision, sites, needs, total, Prices())))
    return taken[1:]  # the first also builds the problem


def _mix(
    seed: int, horizon: float = 1500.0, annual: int = 400, unit: float = 2.0, gap: float = 15.0
) -> list[VirtualTask]:
    """An annual run, studies with loose deadlines and urgent requests with tight ones; bursts beyond capacity.

    All tasks of a request have its deadline.

    Args:
        horizon: s in which requests come; annual: tasks of the annual run.
        unit: s that the smallest task takes, which all times follow; gap: s between requests, on average.
    """
    rng = np.random.default_rng(seed)

    def task(service: str, size: int, criticality: float, arrival: float, allowed: float) -> VirtualTask:
        seconds = unit * size * float(np.exp(0.3 * rng.standard_normal()))
        demand = Demand(Job(service, "", size), criticality, 0, arrival + unit / 2 * allowed)
        return VirtualTask(demand, seconds, arrival=arrival)

    out = [task("annual", 6, 1.0, 0.0, float("inf")) for _ in range(annual)]
    now = 0.0
    while now < horizon:
        now += float(rng.exponential(gap))
        burst = 30 if rng.random() < 0.06 else 1  # something has happened in the grid
        for _ in range(burst):
            allowed = float(rng.uniform(12, 40))
            out += [task("urgent", 1, 20.0, now, allowed) for _ in range(int(rng.integers(1, 4)))]
        if rng.random() < 0.4:
            size, allowed = int(rng.choice([1, 4, 12])), float(rng.uniform(60, 200))
            out += [task("study", size, 5.0, now, allowed) for _ in range(int(rng.integers(2, 9)))]
    return out


def _policy(name: str, forecaster: Forecaster, slots: Sequence[Slot]) -> Policy:
    if name == "tccsp":
        return Board(forecaster)
    if name == "dask":
        return RoundRobin([s.name for s in slots])
    return FirstComeFirstServed() if name == "fifo" else EarliestDeadlineFirst()


def _policies() -> dict[str, Any]:
    slots = [Slot(f"c{k}", 1e6, 0.0) for k in range(4)]
    misses: dict[str, float] = {}
    weighted: dict[str, float] = {}
    for name in ("tccsp", "fifo", "dask", "edf"):
        found: list[Outcome] = []
        for seed in range(SEEDS):
            forecaster = Forecaster()
            found.append(simulate(_mix(seed), slots, _policy(name, forecaster, slots), forecaster))
        misses[name] = float(np.mean([o.misses for o in found]))
        weighted[name] = float(np.mean([o.weighted_completion for o in found]))
        print(
            f"mixed load under {name}: {misses[name]:.1f} deadlines missed, weighted completion {weighted[name]:.0f} s"
        )
    return {"misses": misses, "weighted_completion": weighted}


def _table_6(copies: int, chunk: int) -> list[VirtualTask]:
    """The reference workload as messages; stages wait for each other as in section 4.2 of the paper."""
    rng, out = np.random.default_rng(1), []
    sizes = {**CHUNK, "n1": chunk}
    ranks = list(TABLE_6)

    def task(stage: str, size: int, before: Sequence[VirtualTask]) -> VirtualTask:
        mean = TABLE_6[stage][1] * size
        made = VirtualTask(Demand(Job(stage, "", size), rank=ranks.index(stage)),
                           mean * float(np.exp(0.1 / np.sqrt(size) * rng.standard_normal())))  # fmt: skip
        for earlier in before:
            earlier.after.append(made)
            made.before += 1
        out.append(made)
        return made

    for _ in range(copies):
        months = [task("uc-monthly", 1, ()) for _ in range(12)]
        days = [task("uc", 1, [months[d * 12 // 365]]) for d in range(365)]
        active = task("apd", 1, [task("apd", 1, [d]) for d in days])  # the inter-day check, after all days
        boundary = task("rpd", 1, [task("rpd", sizes["rpd"], [active]) for _ in range(365)])
        adjusted = []
        for _ in range(8760):
            cases = [task("n1", min(chunk, 705 - k), [boundary]) for k in range(0, 705, chunk)]
            adjusted.append(task("adjust", 1, cases))
        task("adjust", 1, adjusted)
    return out


def _reference(copies: int, cores: int, chunk: int) -> dict[str, float]:
    tasks, forecaster = _table_6(copies, chunk), Forecaster()
    bound, count = lower_bound(tasks, cores), sum(t.demand.job.size for t in tasks)
    work = sum(t.seconds for t in tasks)
    slots = [Slot(f"core {k}", 1e6, 0.0) for k in range(cores)]
    found = simulate(tasks, slots, Board(forecaster), forecaster, quantum=1.0)
    print(
        f"{count:,} tasks on {cores:,} cores: {found.makespan:,.0f} s, {found.makespan / bound:.3f} of the lower bound "
        f"{bound:,.0f} s, speed-up {work / found.makespan:,.0f} (the paper: {PAPER_SPEEDUP} on {PAPER_CORES}), "
        f"{1e6 * found.decision_s / count:.2f} us of decisions per task, forecasts off by {forecaster.median_error:.1%}"
    )
    return {"simulated_makespan_over_bound": found.makespan / bound}


def _on_real_workers() -> dict[str, Any]:
    """Smaller mixes on two workers: what simple policies do with bare Dask, and BOS with its index."""
    misses: dict[str, int] = {}
    weighted: dict[str, float] = {}
    for name in ("tccsp", "fifo", "dask", "edf"):
        misses[name], weighted[name] = 0, 0.0
        for seed in MIXES_ON_WORKERS:
            mix = _mix(seed, horizon=25.0, annual=8, unit=UNIT_ON_WORKERS, gap=3.125)
            tccsp_runs(mix, UNIT_ON_WORKERS) if name == "tccsp" else dask_runs(mix, name)
            missed = sum(t.ended > t.demand.deadline for t in mix)
            mean = sum(t.demand.criticality * (t.ended - t.arrival) for t in mix) / len(mix)
            misses[name] += missed
            weighted[name] += mean / len(MIXES_ON_WORKERS)
            print(f"mix {seed}, {len(mix)} tasks on two workers under {name}: {missed} deadlines missed, weighted "
                  f"completion {mean:.1f} s", flush=True)  # fmt: skip
    return {"misses_on_workers": misses, "weighted_completion_on_workers": weighted}


def _overhead(chunks: int) -> float:
    """Processor time of scheduling and indexing (scheduler and database) over that of the chunks' work."""
    seconds = 2.4  # what a chunk of the chain takes on average
    with temporary_home() as index:
        client = SchedulerClient(index, "benchmark", 2, 2000.0)
        client.open()
        index.call(lambda db: tasks.create_task_set(db, "benchmark", "benchmark", {}))
        array = TaskArray(id="benchmark/s/01", task_set_id="benchmark", stage="s", month=1, elements=chunks, priority=1)
        work = [Chunk(f"{array.id}-{k:03d}", "s", k, 1, 24 * k, 24, {"seconds": seconds}) for k in range(chunks)]
        scheduler = scheduler_process(index.settings)
        assert scheduler is not None
        others = [scheduler.pid, *(p.pid for p in psutil.process_iter() if "postgres" in p.name())]
        before, began = processor_seconds(others), time.perf_counter()
        client.run_array(array, work, "benchmarks.steps:burn", None)
        spent, wall = processor_seconds(others) - before, time.perf_counter() - began
        client.close()
    print(f"{chunks} chunks of {seconds} s on two containers: {wall:.1f} s, containers busy "
          f"{chunks * seconds / 2 / wall:.1%}, scheduling and indexing {spent / (chunks * seconds):.2%} of the work")  # fmt: skip
    return spent / (chunks * seconds)


if __name__ == "__main__":
    main()
