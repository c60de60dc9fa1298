"""Outputs, scenario versions and the ontology in the index."""

from typing import Any

from sqlalchemy import or_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.tables import (
    ChunkRow,
    Entity,
    EntityAttributes,
    EntityRelation,
    Output,
    Scenario,
    TaskArray,
    TaskSet,
)

BATCH = 2000


async def outputs(db: AsyncSession, set_id: str, stage: str | None = None, month: int | None = None) -> list[Output]:
    """Result files of a task set in the order of their hours."""
    query = select(Output).where(Output.task_set_id == set_id)
    if stage is not None:
        query = query.where(Output.stage == stage)
    if month is not None:
        query = query.where(Output.month == month)
    return list((await db.exec(query.order_by(Output.stage, col(Output.first_hour)))).all())


async def trace(db: AsyncSession, path_or_key: str) -> dict[str, Any] | None:
    """From a file (the end of its path) or a chunk to everything it came from."""
    query = select(Output).where(or_(col(Output.chunk_key) == path_or_key, col(Output.path).endswith(path_or_key)))
    output = (await db.exec(query.limit(1))).first()
    if output is None:
        return None
    chunk = await db.get_one(ChunkRow, output.chunk_key)
    array = await db.get_one(TaskArray, chunk.array_id)
    task_set = await db.get_one(TaskSet, array.task_set_id)
    lineage, scenario_id = [], output.scenario_id
    while scenario_id is not None:
        scenario = await db.get_one(Scenario, scenario_id)
        lineage.append({"id": scenario.id, "label": scenario.label})
        scenario_id = scenario.parent_id
    return {
        "file": output.path, "sha256": output.sha256, "chunk": chunk.key,
        "tasks": f"{array.id}+{chunk.offset}…{chunk.offset + chunk.count - 1}", "state": chunk.state,
        "program": output.program, "stage": array.stage, "hours": [output.first_hour, output.hours],
        "scenario": lineage, "task_set": task_set.id, "flow": task_set.flow, "parameters": task_set.parameters,
    }  # fmt: skip


async def scenario_version(db: AsyncSession, set_id: str, label: str, parent_id: int | None) -> int:
    """The id of a scenario version, made if it does not exist yet."""
    made = insert(Scenario).values(task_set_id=set_id, label=label, parent_id=parent_id, created=_now())
    await db.exec(made.on_conflict_do_nothing(index_elements=["task_set_id", "label"]))  # type: ignore[call-overload]
    query = select(Scenario.id).where(Scenario.task_set_id == set_id, Scenario.label == label)
    found = (await db.exec(query)).one()
    assert found is not None
    return found


def _now() -> Any:
    from bos_core.index.tables import now

    return now()


async def write_ontology(
    db: AsyncSession,
    scenario_id: int,
    entities: list[dict[str, Any]],
    attributes: list[dict[str, Any]],
    relations: list[dict[str, Any]],
) -> None:
    """Write entities, their attributes and relations under a scenario version; idempotent."""
    for table, rows in ((Entity, entities), (EntityAttributes, attributes), (EntityRelation, relations)):
        for k in range(0, len(rows), BATCH):
            batch = [{"scenario_id": scenario_id, **r} for r in rows[k : k + BATCH]]
            await db.exec(insert(table).values(batch).on_conflict_do_nothing())  # type: ignore[call-overload]


async def ontology_counts(db: AsyncSession, set_id: str) -> dict[str, int]:
    """Number of entities by kind in a task set's scenario."""
    query = select(Entity.kind).join(Scenario, col(Scenario.id) == col(Entity.scenario_id))
    kinds = (await db.exec(query.where(Scenario.task_set_id == set_id))).all()
    return {k: kinds.count(k) for k in sorted(set(kinds))}
