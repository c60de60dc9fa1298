"""What scenario versions cost: `python benchmarks/scenarios.py [--quick] [--json]`.

A grid of 500 buses as root, then a chain of 100 child versions that change 1 % of its branches and loads each. With
--json the last line is one JSON object: {"size_ratio", "read_ratio", "commit_ms"}: disk space of the children over
100 full copies, time to read the last child over time to read the root, and time to write and commit a child.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from sqlalchemy import text

from bos_core.index import scenarios
from bos_core.index.client import Index
from bos_core.index.scenarios import Changes
from bos_core.index.statements import execute
from bos_core.objects.data import Category
from flows.ontology import ontology_of
from slots.grid.model import Grid
from slots.sources.catalogue import load_source
from storage.postgres import EmbeddedPostgres
from storage.settings import Settings

CHILDREN, SHARE, REPEATS = 100, 0.01, 9
_SIZE = "select sum(pg_total_relation_size(oid)) from pg_class where relkind = 'r' and relname ~ '^(ontology|entity)'"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a grid of 118 buses")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bos-scenarios-") as home:
        settings = Settings(Path(home), "", 0)
        server = EmbeddedPostgres(settings)
        server.start()
        try:
            with Index(settings) as index:
                figures = _measure(index, load_source("case118" if asked.quick else "case_ACTIVSg500").grid)
        finally:
            server.stop()
    print(json.dumps(figures) if asked.json else "\n".join(f"{k}: {v:.4g}" for k, v in figures.items()))


def _measure(index: Index, grid: Grid) -> dict[str, float]:
    rng, taken = np.random.default_rng(1), []
    empty = _size(index)
    root = last = _version(index, None, "root", ontology_of(grid))
    full = _size(index) - empty
    for k in range(CHILDREN):
        began = time.perf_counter()
        last = _version(index, last, f"child {k}", _some(grid, rng))
        taken.append(time.perf_counter() - began)
    children = _size(index) - empty - full
    return {"size_ratio": children / (CHILDREN * full), "read_ratio": _read(index, last) / _read(index, root),
            "commit_ms": 1e3 * median(taken)}  # fmt: skip


def _some(grid: Grid, rng: Any) -> Changes:
    out = Changes()
    for rows, kind, names, category, attribute in (
        (len(grid.branches), "branch", grid.branches.name, Category.STATIC_MODEL, "rate"),
        (grid.n_bus, "bus", grid.buses.number, Category.ENTITY_STATE, "pd"),
    ):
        for k in rng.choice(rows, max(1, round(SHARE * rows)), replace=False):
            out.values.append((category, f"{kind}:{names[k]}", {attribute: float(rng.uniform(1, 500))}))
    return out


def _version(index: Index, parent: int | None, label: str, changes: Changes) -> int:
    async def work(db: Any) -> int:
        made = await scenarios.branch(db, parent, label)
        await scenarios.write(db, made, changes)
        await scenarios.commit(db, made)
        return made

    return index.call(work)


def _size(index: Index) -> float:
    async def ask(db: Any) -> float:
        return float((await execute(db, text(_SIZE))).scalar_one())

    return index.call(ask)


def _read(index: Index, version: int) -> float:
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        index.call(lambda db: scenarios.read(db, version))
        taken.append(time.perf_counter() - began)
    return median(taken)


if __name__ == "__main__":
    main()
