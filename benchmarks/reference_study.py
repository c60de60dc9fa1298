"""The whole planning study of a large region: `python benchmarks/reference_study.py [--days N] [--quick] [--json]`.

All 8760 hours of `aggregated-25k` (16,884 buses, reduced to 614 at 500 kV and above) unless told otherwise: commitment,
active and reactive dispatch, the AC power flow after each of 746 outages in every hour, adjustment, verification again.
Killed, it goes on where it was when started again with the same --home. `--days N` runs N pairs of days spread over the
year instead (the first day of each pair only brings the second into the course of a year) and extrapolates.

The table is laid out like that of a published study of this kind (619 buses, 705 outages, 280 logical cores; Table 6):
tasks, mean task time, serial time, wall time, speed-up, and the ratio to it in core-seconds a task. With --json the last
line is {"stages": {name: {"tasks", "mean_s", "serial_s", "wall_s", "speedup", "cpu_s", "day_s", "ratio"}}, "wall_s",
"year_wall_s", "us_per_case", "uc_day_s", "insecure_hours", "unresolved_hours", "peak_mib", "data_share", "store_mib"};
wall times are of this run and `day_s` is the median of its days. With --days, `year_wall_s` takes the steps before
commitment once and 365 times the mean of the days, shared by the workers; the first day of a pair warms up and is left out.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import col, select

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.home import ROOT
from bos_core.index.client import Index
from bos_core.index.tables import ChunkRow, TaskArray, TaskException, TaskSet
from bos_core.objects.task import TaskState
from storage.settings import Settings

STAGES = {
    "Unit commitment": ("uc-monthly", "uc"),
    "Active power dispatch": ("apd", "apd-check"),
    "Reactive power dispatch": ("rpd", "rpd-check"),
    "AC N-1 verification": ("n1",),
    "Adjustment, verified again": ("adjust", "reverify"),
}
# Tasks and wall seconds of the published study on its 280 logical cores.
PUBLISHED = {
    "Unit commitment": (377, 206), "Active power dispatch": (366, 130), "Reactive power dispatch": (8761, 126),
    "AC N-1 verification": (6_175_800, 52_548), "Adjustment, verified again": (8761, 1785),
}  # fmt: skip
PUBLISHED_CORES = 280
YEAR_H = 8760
MOST_DAYS = 100  # pairs of days; beyond, a year is the better sample


@dataclass(frozen=True)
class Study:
    """What is run: grid, kept voltage (kV), workers; (first hour, hours) of each run."""

    grid: str
    keep_kv: float
    workers: int
    runs: tuple[tuple[int, int], ...]


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="half a day of a smaller region")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument(
        "--days",
        type=_days,
        metavar="N",
        help="pairs of days spread over the year instead of all of it",
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--home", type=Path, default=Path.home() / ".bos-reference-study", help="where results stay")
    parser.add_argument("--port", type=int, default=4299, help="of the Prefect server")
    asked = parser.parse_args()
    home = asked.home / "quick" if asked.quick else asked.home
    home.mkdir(parents=True, exist_ok=True)
    study = _study(asked)
    settings = Settings(home.resolve(), "", asked.port)
    env = {**os.environ, "BOS_HOME": str(settings.home), "BOS_PREFECT_PORT": str(asked.port)}
    try:
        chunks, unresolved = [], 0
        for first, hours in study.runs:
            set_id = _finished(env, settings, study, first, hours)
            with Index(settings) as index:
                chunks += _chunks(index, set_id)
                unresolved += _unresolved(index, set_id)
        figures = _figures(study, chunks) | {"unresolved_hours": unresolved, "store_mib": _store_mib(settings)}
    finally:
        _bos(env, "down")
    _print(figures)
    if asked.json:
        print(json.dumps(figures))


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text} is not a number of days from 1 to {MOST_DAYS}")
    return int(text)


def _study(asked: argparse.Namespace) -> Study:
    if asked.quick:
        return Study("aggregated-2000", 230.0, asked.workers, ((0, 12),))
    if asked.days is None:
        return Study("aggregated-25k", 500.0, asked.workers, ((0, YEAR_H),))
    starts = [24 * round((k + 0.5) * 365 / asked.days - 1) for k in range(asked.days)]
    return Study("aggregated-25k", 500.0, asked.workers, tuple((s, 48) for s in starts))


def _finished(env: dict[str, str], settings: Settings, study: Study, first: int, hours: int) -> str:
    """A finished task set of these hours: the one there is, the one begun, or a new one."""
    wanted = {"grid": study.grid, "start": first, "hours": hours, "keep_kv": study.keep_kv}
    if (known := _known(settings, wanted)) is not None:
        if known.state != TaskState.SUCCESS.value:
            _bos(env, "resume", known.id)
        return known.id
    _bos(
        env, "run", "steady-state-planning", "--grid", study.grid, "--keep-kv", f"{study.keep_kv:g}",
        "--start", str(first), "--hours", str(hours), "--workers", str(study.workers), "--gap", "0.002",
    )  # fmt: skip
    found = _known(settings, wanted)
    assert found is not None
    return found.id


def _known(settings: Settings, wanted: dict[str, Any]) -> TaskSet | None:
    if not (settings.home / "postgres").exists() and not any(settings.home.iterdir()):
        return None
    from blocks.database import ensure_database

    ensure_database(settings)
    with Index(settings) as index:
        sets = index.call(lambda db: db.exec(select(TaskSet).order_by(col(TaskSet.created).desc())))
        return next((s for s in sets if all(s.parameters.get(k) == v for k, v in wanted.items())), None)


def _chunks(index: Index, set_id: str) -> list[tuple[str, ChunkRow]]:
    query = (
        select(TaskArray.stage, ChunkRow)
        .join(ChunkRow, col(ChunkRow.array_id) == col(TaskArray.id))
        .where(TaskArray.task_set_id == set_id)
    )
    return [(stage, row) for stage, row in index.call(lambda db: db.exec(query))]


def _unresolved(index: Index, set_id: str) -> int:
    """Hours that adjustment has left insecure."""
    query = select(TaskException).where(col(TaskException.chunk_key).startswith(f"{set_id}/adjust/"))
    return len(index.call(lambda db: db.exec(query)).all())


def _figures(study: Study, chunks: list[tuple[str, ChunkRow]]) -> dict[str, Any]:
    firsts = {first for first, _ in study.runs} if len(study.runs) > 1 else set()
    stages = {name: _stage([(s, c) for s, c in chunks if s in parts], firsts) for name, parts in STAGES.items()}
    for name, (tasks, wall) in PUBLISHED.items():
        published = wall * PUBLISHED_CORES / tasks
        stages[name]["ratio"] = published / max(stages[name]["cpu_s"] / max(stages[name]["tasks"], 1), 1e-12)
    commitments = [c.cpu_seconds / max(c.count, 1) for s, c in chunks if s == "uc" and c.first_hour not in firsts]
    every = [c for _, c in chunks]
    hours = sum(n for _, n in study.runs)
    hourly = {s for parts in STAGES.values() for s in parts}
    each = [[(s, c) for s, c in chunks if first <= c.first_hour < first + n] for first, n in study.runs]
    wall = math.fsum(_span([c for _, c in run]) for run in each)
    before = math.fsum(_busy([c for s, c in run if s not in hourly]) for run in each) / len(study.runs)
    days = math.fsum(statistics.mean(_days_of(chunks, s, firsts) or [0.0]) for s in hourly)
    year = wall if hours == YEAR_H else before + days * YEAR_H / 24 / study.workers
    verified = stages["AC N-1 verification"]
    return {
        "stages": stages, "wall_s": wall, "year_wall_s": year,
        "us_per_case": 1e6 * verified["cpu_s"] / max(verified["tasks"], 1),
        "uc_day_s": statistics.median(commitments or [0.0]), "peak_mib": study.workers * max(c.peak_mib for c in every),
        "insecure_hours": sum(c.count for s, c in chunks if s == "adjust"),
        "data_share": sum((c.data_seconds for c in every), 0.0) / sum((c.seconds for c in every), 0.0),
    }  # fmt: skip


def _days_of(chunks: list[tuple[str, ChunkRow]], stage: str, firsts: set[int]) -> list[float]:
    """Seconds that each day took in a stage; of chunks that begin on the first day of a pair only where there are no others."""
    rows = [c for s, c in chunks if s == stage]
    rows = [c for c in rows if c.first_hour not in firsts] or rows
    return [24 * c.seconds / c.hours for c in rows]


def _stage(chunks: list[tuple[str, ChunkRow]], firsts: set[int]) -> dict[str, float]:
    rows = [c for _, c in chunks]
    # Cases that are verified again belong to the hour that was adjusted: they are no tasks of their own.
    tasks = sum(c.count for s, c in chunks if s != "reverify")
    serial, wall = sum(c.seconds for c in rows), _busy(rows)
    return {
        "tasks": tasks, "mean_s": serial / max(tasks, 1), "serial_s": serial, "wall_s": wall,
        "speedup": serial / max(wall, 1e-9), "cpu_s": sum(c.cpu_seconds for c in rows),
        "day_s": math.fsum(statistics.median(_days_of(chunks, s, firsts)) for s in {s for s, _ in chunks}),
    }  # fmt: skip


def _busy(rows: list[ChunkRow]) -> float:
    """Wall seconds in which at least one of the chunks was being computed."""
    total, until = 0.0, float("-inf")
    for began, ended in sorted(_seconds(c) for c in rows if c.started and c.finished):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total


def _span(rows: list[ChunkRow]) -> float:
    times = [_seconds(c) for c in rows if c.started and c.finished]
    return max(ended for _, ended in times) - min(began for began, _ in times)


def _seconds(row: ChunkRow) -> tuple[float, float]:
    assert isinstance(row.started, datetime)
    assert isinstance(row.finished, datetime)
    return row.started.timestamp(), row.finished.timestamp()


def _store_mib(settings: Settings) -> float:
    return sum(f.stat().st_size for f in (settings.home / "results").rglob("*.h5")) / 2**20


def _print(figures: dict[str, Any]) -> None:
    print(
        f"{'stage':28}{'tasks':>10}{'mean s':>12}{'serial s':>11}{'wall s':>10}{'speed-up':>10}{'day s':>8}{'x published':>13}"
    )
    for name, s in figures["stages"].items():
        print(
            f"{name:28}{s['tasks']:>10}{s['mean_s']:>12.6f}{s['serial_s']:>11.1f}{s['wall_s']:>10.1f}"
            f"{s['speedup']:>10.2f}{s['day_s']:>8.2f}{s['ratio']:>13.0f}"
        )
    print("\n".join(f"{k}: {v:.4g}" for k, v in figures.items() if k != "stages"))


def _bos(env: dict[str, str], *arguments: str, quiet: bool = False) -> str:
    """A command of the console; its progress is shown unless `quiet`."""
    command = [sys.executable, "-m", "console.main", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if quiet else None, text=True,
    )  # fmt: skip
    if done.returncode and not quiet:
        sys.exit(f"`bos {' '.join(arguments)}` failed; the command goes on from here when started again")
    return done.stdout


if __name__ == "__main__":
    main()
