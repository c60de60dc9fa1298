"""Result files in the index and where they came from."""

from typing import Any

from sqlalchemy import or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.tables import ChunkRow, Output, Scenario, TaskArray, TaskSet


async def outputs(
    db: AsyncSession, set_id: str, stage: str | None = None, month: int | None = None, layout: str | None = "by-time"
) -> list[Output]:
    """Result files of a task set in the order of their hours; of one layout, or of all if it is None."""
    query = select(Output).where(Output.task_set_id == set_id)
    if layout is not None:
        query = query.where(Output.layout == layout)
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
