"""Writing by what is to be written: the update becomes a plan that keeps the transactional order, problem (4).

The order: entities before their attributes and relations; all rows, and the hourly state, before the version
is closed. How rows travel is the plan's choice: INSERT, or COPY through a temporary table. One transaction
holds it all, so nobody ever sees a part.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log2
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.drwop.costs import CostModel, Features
from bos_core.drwop.graph import DataGraph, Edge
from bos_core.drwop.planning import Plan, plan_write
from bos_core.index import backfill, scenarios
from bos_core.index.client import Index
from bos_core.index.scenarios import Changes, Rows
from bos_core.index.statements import put
from bos_core.objects.errors import OntologyError

INSERT, COPY, CLOSE = "relational/insert", "relational/copy", "relational/close"
_HOURLY = frozenset({"hourly"})
GRAPH = DataGraph((
    Edge("checked", "entities", INSERT), Edge("checked", "entities", COPY),
    Edge("entities", "attributes", INSERT), Edge("entities", "attributes", COPY),
    Edge("entities", "relations", INSERT), Edge("entities", "relations", COPY),
    Edge("entities", "hourly state", INSERT, _HOURLY),
    Edge("attributes", "version", CLOSE), Edge("relations", "version", CLOSE),
    Edge("hourly state", "version", CLOSE, _HOURLY),
))  # fmt: skip


@dataclass(frozen=True)
class Child:
    """A version to be made: under a committed one, or a root of its own."""

    parent: int | None
    label: str


@dataclass(frozen=True)
class Update:
    """What is to be written to an open version, or to one that is made with it.

    Attributes:
        version: the version.
        changes: of the ontology and its hourly state.
        problems: what validation found wrong with hourly arrays, by dataset; anything refuses the whole update.
        close: commit the version with it.
    """

    version: int | Child
    changes: Changes = field(default_factory=Changes)
    problems: Mapping[str, str] = field(default_factory=dict)
    close: bool = True

    @property
    def targets(self) -> tuple[str, ...]:
        """Vertices of the data graph that it asks to be written."""
        if self.close:
            return ("version",)
        return ("attributes", "relations", *(("hourly state",) if self.changes.hourly else ()))


@dataclass(frozen=True)
class Written:
    """How an update was written: into which version, by which plan, and what each of its edges took (s)."""

    version: int
    plan: Plan
    seconds: dict[Edge, float]


def write(index: Index, update: Update, costs: CostModel | None = None) -> Written | None:
    """Plan, write in one transaction, measure; None if the version is closed: it has the update already.

    Raises:
        OntologyError: an entity is unknown or changes its kind, a value is not valid, a relation dangles, a
            result does not cover its hours, a label is taken; nothing is written.
    """
    model = costs or CostModel()

    async def transaction(db: AsyncSession) -> Written | None:
        version = await _made(db, update.version) if isinstance(update.version, Child) else update.version
        if (await scenarios.version(db, version)).committed:
            return None
        return await _follow(db, version, update, await scenarios.prepare(db, version, update.changes), model)

    return index.call(transaction)


def write_child(index: Index, parent: int | None, label: str, changes: Changes) -> int:
    """A committed version of its own label with changes; its id.

    Raises:
        OntologyError: as `write`; nothing is written, and the label stays free.
    """
    written = write(index, Update(Child(parent, label), changes))
    assert written is not None, "a version that was just made is open"
    return written.version


async def _made(db: AsyncSession, child: Child) -> int:
    if await scenarios.labelled(db, child.label) is not None:
        raise OntologyError(f"a scenario version is already called {child.label}", "choose another label")
    return await scenarios.branch(db, child.parent, child.label)


def plan(update: Update, rows: Mapping[str, Rows], costs: CostModel) -> Plan:
    """The quickest plan that keeps the order; sizes count by powers of the square root of two, so plans are kept."""
    graph = GRAPH.usable({"hourly"} if update.changes.hourly else ())
    prices = {e: costs.seconds(e.route, _features(e, rows, rounded=True)) for e in graph.edges}
    return plan_write(graph, prices, update.targets)


def _features(e: Edge, rows: Mapping[str, Rows], rounded: bool = False) -> Features:
    """(tables, 1000 rows) that an edge writes: what its time depends on."""
    parts = [len(r) for r in rows.get(e.target, {}).values() if r]
    many = float(sum(parts))
    if rounded:
        many = 2.0 ** (round(2 * log2(many + 1)) / 2) - 1
    return float(len(parts) or 1), many / 1000, 0.0, 0.0


async def _follow(
    db: AsyncSession, version: int, update: Update, rows: Mapping[str, Rows], costs: CostModel
) -> Written:
    chosen = plan(update, rows, costs)
    seconds: dict[Edge, float] = {}
    last = {e.target: e for e in chosen.edges}  # a vertex is written when all that leads to it is there
    for e in chosen.edges:
        began = time.perf_counter()
        if last[e.target] is e:
            await _write(db, e, version, update, rows)
        seconds[e] = time.perf_counter() - began
        if e.route in (INSERT, COPY):
            costs.note(e.route, _features(e, rows), seconds[e])
    return Written(version, chosen, seconds)


async def _write(db: AsyncSession, e: Edge, version: int, update: Update, rows: Mapping[str, Any]) -> None:
    if e.target == "version":
        await scenarios.commit(db, version)
    else:
        if e.target == "hourly state":
            await backfill.check(db, update.changes, update.problems)
        for table, kept in rows[e.target].items():
            await put(db, table, kept, bulk=e.route == COPY)
