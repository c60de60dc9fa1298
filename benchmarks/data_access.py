"""How well data access is planned and how little it costs: `python benchmarks/data_access.py [--quick] [--json]`.

A result of 614 buses and 704 outages (values drawn at random; 8760 hours, with --quick 730) is read by device, hour,
region and worst case: along the planned route, along every other one, and from the same values as Postgres rows.
Then the chain runs (a week, with --quick a day) for the share of its time that reading and writing take. With
--json the last line is one JSON object: {"data_share", "best_route_share", "worst_route_ratio", "plan_ms",
"cached_plan_ms"}. A route counts as best if it is within a tenth of the quickest: less is noise.
"""

import argparse
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from sqlalchemy import text

from bos_core.drwop.access import DataSpace, Request
from bos_core.index import scenarios, tasks
from bos_core.index.client import Index
from bos_core.index.scenarios import Changes, Link, Thing
from bos_core.index.statements import execute
from bos_core.index.tables import TaskArray
from bos_core.objects.data import Dataset, Relation
from bos_core.objects.task import Chunk, Receipt, TaskState
from storage.postgres import EmbeddedPostgres
from storage.results import write_result
from storage.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
BUSES, CASES, REGIONS, FILE_H = 614, 705, 12, 120
REQUESTS, CALIBRATION, REPEATS, NOISE = 200, 100, 3, 1.1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a twelfth of a year, a chain of one day")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bos-data-") as home:
        settings = Settings(Path(home), "", 0)
        server = EmbeddedPostgres(settings)
        server.start()
        try:
            with Index(settings) as index:
                hours = 730 if asked.quick else 8760
                version = _fill(index, hours)
                figures = _routes(index, version, hours)
                if not asked.quick:
                    _against_rows(index, version, hours)
        finally:
            server.stop()
    figures["data_share"] = _chain_share(24 if asked.quick else 168)
    if asked.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{k}: {v:.4g}" for k, v in figures.items()))


def _fill(index: Index, hours: int) -> int:
    """An ontology of buses in regions and the result files of one stage, in both layouts."""
    rng = np.random.default_rng(1)
    values = {"vm": 1 + 0.03 * rng.standard_normal((hours, BUSES)), "loading": rng.random((hours, CASES))}
    buses = np.array([f"{k:04d}" for k in range(BUSES)])
    changes = Changes([Thing("system:s", "system", "s")])
    for k in range(REGIONS):
        changes.things.append(Thing(f"region:{k}", "region", str(k), k))
        changes.links.append(Link(Relation.ORGANISATION, "system:s", f"region:{k}"))
    for k, name in enumerate(buses):
        changes.things.append(Thing(f"bus:{name}", "bus", name, k))
        changes.links.append(Link(Relation.ORGANISATION, f"region:{k * REGIONS // BUSES}", f"bus:{name}"))

    async def ontology(db: Any) -> int:
        version = await scenarios.branch(db, None, "root")
        await scenarios.write(db, version, changes)
        await scenarios.commit(db, version)
        await tasks.create_task_set(db, "set", "benchmark", {})
        return version

    version = index.call(ontology)
    starts = list(range(0, hours, FILE_H))
    _commit(index, [(s, min(FILE_H, hours - s)) for s in starts], values, buses, "n1", "")
    _commit(index, [(0, hours)], values, buses, "by-device", "n1")
    return version


def _commit(
    index: Index, spans: list[tuple[int, int]], values: dict[str, Any], buses: Any, stage: str, copy_of: str
) -> None:
    array = TaskArray(id=f"set/{stage}/01", task_set_id="set", stage=stage, month=1, elements=len(spans), priority=1)
    chunks = [Chunk(f"{array.id}-{k:03d}", stage, k, 1, first, n) for k, (first, n) in enumerate(spans)]
    index.call(lambda db: tasks.register_array(db, array, chunks))
    for chunk in chunks:
        rows = slice(chunk.first_hour, chunk.first_hour + chunk.hours)
        by_device = bool(copy_of)
        data = {"bus": Dataset(buses, ("bus",)), "vm": Dataset(values["vm"][rows], ("hour", "bus"), by_device=by_device),
                "loading": Dataset(values["loading"][rows], ("hour", "case"), by_device=by_device)}  # fmt: skip
        if not copy_of:
            data["worst_loading"] = Dataset(values["loading"][rows].max(axis=1), ("hour",))
        path = f"set/{stage}/{chunk.key.replace('/', '-')}.h5"
        digest, size = write_result(index.settings.results / path, data, {})
        receipt = Receipt(path, digest, size, 1.0, 1.0, 1.0, "c", "p@1", 1, copy_of=copy_of)

        async def commit(db: Any, chunk: Chunk = chunk, receipt: Receipt = receipt) -> None:
            await tasks.mark(db, chunk.key, TaskState.EXECUTING)
            await tasks.commit_chunk(db, array, chunk, receipt, None)

        index.call(commit)


def _requests(rng: Any, version: int, hours: int, count: int) -> list[Request]:
    out = []
    for _ in range(count):
        n = int(min(hours, max(1, 2 ** rng.uniform(0, np.log2(hours)))))
        span = (int(rng.integers(0, hours - n + 1)), n)
        kind = rng.integers(4)
        base = {"task_set": "set", "stage": "n1", "hours": span}
        if kind == 0:
            few = rng.choice(BUSES, int(min(BUSES, 2 ** rng.uniform(0, 9))), replace=False)
            out.append(Request(version, devices=tuple(f"bus:{k:04d}" for k in sorted(few)), dataset="vm", **base))
        elif kind == 1:
            out.append(Request(version, dataset="vm", **base))
        elif kind == 2:
            out.append(Request(version, place=f"region:{rng.integers(REGIONS)}", dataset="vm", **base))
        else:
            out.append(Request(version, dataset="loading", worst=True, **base))
    return out


def _time(work: Callable[[], Any]) -> float:
    """Median of some runs (s)."""
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken)


def _routes(index: Index, version: int, hours: int) -> dict[str, float]:
    """How often the planner picks the quickest route, the worst ratio, and what planning costs."""
    space, rng = DataSpace(index), np.random.default_rng(7)
    for r in _requests(rng, version, hours, CALIBRATION):  # what a few days of use would teach it
        for plan in space.alternatives(r):
            space.follow(r, plan)
    for route in list(space.costs.measured):
        space.costs.fit(route)
    space.forget_plans()
    best, worst, fresh, cached = 0, 1.0, [], []
    for r in _requests(rng, version, hours, REQUESTS):
        space.forget_plans()
        fresh.append(_once(lambda r=r: space.plan(r)))
        cached.append(_once(lambda r=r: space.plan(r)))
        chosen = space.plan(r)
        ways = {p.edges: _time(lambda p=p, r=r: space.follow(r, p)) for p in space.alternatives(r)}
        quickest, mine = min(ways.values()), ways[chosen.edges]
        best += mine <= NOISE * quickest
        worst = max(worst, mine / quickest)
    return {"best_route_share": best / REQUESTS, "worst_route_ratio": worst,
            "plan_ms": 1e3 * median(fresh), "cached_plan_ms": 1e3 * median(cached)}  # fmt: skip


def _once(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _against_rows(index: Index, version: int, hours: int) -> None:
    """The four questions along the planned route, from time-major files, and from the same values as rows."""
    space = DataSpace(index)
    base = {"task_set": "set", "stage": "n1"}
    month = (min(744, hours // 2), min(720, hours // 3))
    asked = {
        "one device over the year": Request(version, devices=("bus:0100",), dataset="vm", hours=(0, hours), **base),
        "one hour over all devices": Request(version, dataset="vm", hours=(hours // 2, 1), **base),
        "one region over a month": Request(version, place="region:3", dataset="vm", hours=month, **base),
        "worst N-1 case per hour": Request(version, dataset="loading", worst=True, hours=(0, hours), **base),
    }
    sql = {
        "one device over the year": "select vm from vm_rows where bus = 100 order by hour",
        "one hour over all devices": f"select vm from vm_rows where hour = {hours // 2} order by bus",
        "one region over a month": "select vm from vm_rows where bus between 154 and 204 and hour >= "
        f"{month[0]} and hour < {month[0] + month[1]} order by hour, bus",
        "worst N-1 case per hour": "select max(loading) from loading_rows group by hour order by hour",
    }
    _rows(index, space, version, hours)
    print("| question | planned | time-major files | Postgres rows |\n|---|---|---|---|")
    for name, r in asked.items():
        space.read(r)
        naive = next(
            p
            for p in space.alternatives(r)
            if all("by-device" not in str(e) and "digest" not in str(e) for e in p.edges)
        )
        planned, files = _time(lambda r=r: space.read(r)), _time(lambda r=r, p=naive: space.follow(r, p))

        async def query(db: Any, q: str = sql[name]) -> None:
            (await execute(db, text(q))).all()

        rows = _time(lambda q=query: index.call(q))
        print(f"| {name} | {1e3 * planned:.1f} ms | {1e3 * files:.1f} ms | {1e3 * rows:.1f} ms |")


def _rows(index: Index, space: DataSpace, version: int, hours: int) -> None:
    """The same values as rows, with the primary key and the index that the questions want."""
    for name, width in (("vm", BUSES), ("loading", CASES)):
        r = Request(version, task_set="set", stage="n1", dataset=name, hours=(0, hours))
        values = space.read(r).series
        column = "bus" if name == "vm" else "case_no"
        flat = zip(np.repeat(np.arange(hours), width).tolist(), np.tile(np.arange(width), hours).tolist(),
                   values.ravel().tolist(), strict=True)  # fmt: skip

        async def load(db: Any, name: str = name, column: str = column, flat: Any = flat) -> None:
            await execute(db, text(f"create unlogged table {name}_rows (hour int, {column} int, {name} float8)"))
            raw = (await (await db.connection()).get_raw_connection()).driver_connection
            await raw.copy_records_to_table(f"{name}_rows", records=flat, columns=["hour", column, name])
            await execute(db, text(f"create index on {name}_rows (hour, {column})"))
            await execute(db, text(f"create index on {name}_rows ({column}, hour)"))

        index.call(load)


def _chain_share(hours: int) -> float:
    """Share of the chain's work that is reading and writing data."""
    import subprocess

    with tempfile.TemporaryDirectory(prefix="bos-data-") as home, socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        env = {**os.environ, "BOS_HOME": home, "BOS_PREFECT_PORT": str(s.getsockname()[1])}
        s.close()

        def bos(*arguments: str) -> str:
            command = [sys.executable, "-m", "console.main", *arguments]
            return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True,
                                  stdin=subprocess.DEVNULL).stdout  # fmt: skip

        try:
            bos("run", "steady-state-planning", "--keep-kv", "230", "--hours", str(hours))
            rows = json.loads(bos("tasks", "latest", "--json"))
        finally:
            bos("down")
    return sum(r["data_s"] for r in rows) / sum(r["serial_s"] for r in rows)


if __name__ == "__main__":
    main()
