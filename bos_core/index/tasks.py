"""Task sets, task arrays and chunks in the index; every write is idempotent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, case, func, insert, update
from sqlalchemy import select as columns
from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.statements import add, execute, put
from bos_core.index.tables import ChunkRow, Output, TaskArray, TaskException, TaskSet, now
from bos_core.objects.task import TRANSITIONS, Chunk, Receipt, TaskState, check_transition

DEPOSIT = "deposit"  # flow of task sets that hold data from outside


async def create_task_set(db: AsyncSession, set_id: str, flow: str, parameters: dict[str, Any]) -> None:
    """Record a new request as executing."""
    db.add(TaskSet(id=set_id, flow=flow, parameters=parameters, state=TaskState.EXECUTING))


async def find_task_set(db: AsyncSession, prefix: str) -> TaskSet | None:
    """The task set whose id is, or alone begins with, `prefix`; `latest` means the newest run."""
    if prefix == "latest":
        runs = select(TaskSet).where(TaskSet.flow != DEPOSIT)
        return (await db.exec(runs.order_by(col(TaskSet.created).desc()).limit(1))).first()
    found = (await db.exec(select(TaskSet).where(col(TaskSet.id).startswith(prefix)).limit(2))).all()
    return found[0] if len(found) == 1 else None


async def list_task_sets(db: AsyncSession, deposits: bool = False) -> list[TaskSet]:
    """All runs, newest first; with `deposits` also the sets that hold data from outside."""
    query = select(TaskSet).order_by(col(TaskSet.created).desc())
    return list((await db.exec(query if deposits else query.where(TaskSet.flow != DEPOSIT))).all())


async def set_task_set_state(db: AsyncSession, set_id: str, state: str, message: str = "") -> None:
    """Record what became of a request."""
    row = await db.get_one(TaskSet, set_id)
    row.state, row.message = state, message
    row.finished = now() if state in (TaskState.SUCCESS, TaskState.FAILED, "cancelled") else None
    db.add(row)


async def register_array(db: AsyncSession, array: TaskArray, chunks: list[Chunk]) -> list[ChunkRow]:
    """Register an array with its chunks unless it exists; returns its rows, as they were cut the first time.

    Chunks that are not done go back to pending: the caller alone works on the array, and has not begun.
    """
    values = array.model_dump(exclude={"started", "finished"}) | {"started": now()}
    new = await add(db, SQLModel.metadata.tables["taskarray"], values | {"finished": None})
    if new and chunks:
        await execute(db, insert(ChunkRow), [_row_of(array.id, c, k) for k, c in enumerate(chunks)])
    elif not new:
        await _to_pending(db, ChunkRow.array_id == array.id)
    mine = select(ChunkRow).where(ChunkRow.array_id == array.id)
    return list((await db.exec(mine.order_by(col(ChunkRow.offset), col(ChunkRow.key)))).all())


def _row_of(array_id: str, chunk: Chunk, position: int) -> dict[str, Any]:
    place = {k: getattr(chunk, k) for k in ("key", "offset", "count", "first_hour", "hours", "size")}
    row = ChunkRow(array_id=array_id, position=position, state=TaskState.PENDING.value, **place)
    return row.model_dump()


async def split_chunk(db: AsyncSession, key: str, parts: list[Chunk]) -> None:
    """Put the parts of a chunk in its place."""
    row = await db.get_one(ChunkRow, key)
    await execute(db, insert(ChunkRow), [_row_of(row.array_id, part, row.position) for part in parts])
    await db.delete(row)


async def span(db: AsyncSession, set_id: str, stages: Sequence[str] = ()) -> tuple[datetime, datetime]:
    """When a task set's first chunk began and its last one ended; of some stages, or of all. Now if none has."""
    query = columns(func.min(ChunkRow.started), func.max(ChunkRow.finished)).where(col(ChunkRow.key).startswith(set_id))
    if stages:
        query = query.join(TaskArray, col(ChunkRow.array_id) == col(TaskArray.id)).where(
            col(TaskArray.stage).in_(stages)
        )
    first, last = (await execute(db, query)).one()
    return first or now(), last or now()


async def finish_array(db: AsyncSession, array_id: str) -> None:
    """Record that an array is done."""
    await execute(db, update(TaskArray).where(col(TaskArray.id) == array_id).values(finished=now()))


async def mark(db: AsyncSession, key: str, state: TaskState, **changes: Any) -> None:
    """Move a chunk to a state, through the one table of allowed transitions.

    Raises:
        ValueError: it is in a state that this one cannot follow.
    """
    if state is TaskState.EXECUTING:
        changes["started"] = now()
    given = {f"to_{name}": value for name, value in changes.items()} | {"of_key": key}
    if not (await execute(db, _moved(state, tuple(changes)), given)).rowcount:
        check_transition(TaskState((await db.get_one(ChunkRow, key)).state), state)


@cache
def _moved(state: TaskState, changes: tuple[str, ...]) -> Any:
    """A chunk moved to a state with other changes; made once, which takes longer than running it."""
    values: dict[str, Any] = {"state": state.value} | {name: bindparam(f"to_{name}") for name in changes}
    if state is TaskState.EXECUTING:
        values["attempts"] = col(ChunkRow.attempts) + 1
    before = [old.value for old in TaskState if state in TRANSITIONS[old]]
    return (
        update(ChunkRow).where(col(ChunkRow.key) == bindparam("of_key"), col(ChunkRow.state).in_(before)).values(values)
    )


async def commit_chunk(
    db: AsyncSession, array: TaskArray, chunk: Chunk, receipt: Receipt, scenario_id: int | None
) -> None:
    """Mark a chunk successful and list its output in the same transaction."""
    await mark(
        db, chunk.key, TaskState.SUCCESS, seconds=receipt.seconds, cpu_seconds=receipt.cpu_seconds,
        data_seconds=receipt.data_seconds, peak_mib=receipt.peak_mib, container=receipt.container, finished=now(), error="", count=receipt.tasks, load_s=receipt.load_seconds, start_mib=receipt.start_mib,
    )  # fmt: skip
    output = Output(
        chunk_key=chunk.key, task_set_id=array.task_set_id, stage=receipt.copy_of or array.stage, month=array.month,
        layout="by-device" if receipt.copy_of else "by-time", path=receipt.path, sha256=receipt.sha256, size=receipt.size, program=receipt.program,
        scenario_id=scenario_id, first_hour=chunk.first_hour, hours=chunk.hours, summary=receipt.summary,
    )  # fmt: skip
    await put(db, SQLModel.metadata.tables["output"], [output.model_dump()])
    for offset, reason in receipt.exceptions:
        await db.merge(TaskException(chunk_key=chunk.key, offset=offset, reason=reason))


async def history(
    db: AsyncSession, limit: int = 3000
) -> list[tuple[str, str, float, float, float, float, float, float]]:
    """Of the latest chunks that succeeded, oldest first.

    Returns:
        (stage, kind, size, seconds, of them loading, of them for data, MiB before, peak MiB) of each.
    """
    wanted = (TaskArray.stage, TaskArray.kind, ChunkRow.size, ChunkRow.seconds, ChunkRow.load_s,
              ChunkRow.data_seconds, ChunkRow.start_mib, ChunkRow.peak_mib)  # fmt: skip
    query = (
        columns(*(col(c) for c in wanted))
        .join(ChunkRow, col(ChunkRow.array_id) == col(TaskArray.id))
        .where(col(ChunkRow.state) == TaskState.SUCCESS.value, col(ChunkRow.seconds) > 0)
        .order_by(col(ChunkRow.finished).desc())
        .limit(limit)
    )
    return [tuple(r) for r in reversed((await execute(db, query)).all())]


async def reset_unfinished(db: AsyncSession, set_id: str) -> int:
    """Send chunks that were under way or failed back to pending; how many. For `resume`."""
    arrays = select(TaskArray.id).where(TaskArray.task_set_id == set_id)
    return await _to_pending(db, col(ChunkRow.array_id).in_(arrays))


async def put_back(db: AsyncSession, key: str) -> None:
    """Send a chunk back to pending if it is not done."""
    await _to_pending(db, ChunkRow.key == key)


async def _to_pending(db: AsyncSession, *which: Any) -> int:
    """Send chunks that are not done back to pending; how many were not there already."""
    settled = (TaskState.SUCCESS.value, TaskState.PENDING.value)
    done = await execute(
        db,
        update(ChunkRow).where(*which, col(ChunkRow.state).not_in(settled)).values(state=TaskState.PENDING.value),
    )
    return int(done.rowcount)


@dataclass(frozen=True)
class StageCounts:
    """Progress and cost of one stage of a task set.

    Attributes:
        tasks: BOS tasks registered; done, failed, retrying: of them.
        chunks: messages they travelled in; recomputed: attempts beyond the first.
        serial_s: summed time on containers; data_s: of it, on reading and writing data.
        wall_s: from the first start to the last end.
        peak_mib: largest resident memory of a container while it ran the stage.
    """

    stage: str
    tasks: int
    done: int
    failed: int
    retrying: int
    chunks: int
    chunks_done: int
    attempts: int
    serial_s: float
    data_s: float
    wall_s: float
    peak_mib: float


async def stage_counts(db: AsyncSession, set_id: str) -> list[StageCounts]:
    """Counts per stage of a task set."""

    def tasks_in(state: TaskState) -> Any:
        return func.coalesce(func.sum(case((col(ChunkRow.state) == state.value, col(ChunkRow.count)), else_=0)), 0)

    query = (
        select(  # type: ignore[call-overload]  # SQLModel types four columns at most
            TaskArray.stage, func.sum(ChunkRow.count), tasks_in(TaskState.SUCCESS), tasks_in(TaskState.FAILED),
            tasks_in(TaskState.RETRYING), func.count(),
            func.sum(case((col(ChunkRow.state) == TaskState.SUCCESS.value, 1), else_=0)), func.sum(ChunkRow.attempts),
            func.sum(ChunkRow.seconds), func.sum(ChunkRow.data_seconds),
            func.coalesce(func.extract("epoch", func.max(ChunkRow.finished) - func.min(ChunkRow.started)), 0.0),
            func.max(ChunkRow.peak_mib),
        )
        .join(ChunkRow, col(ChunkRow.array_id) == col(TaskArray.id))
        .where(TaskArray.task_set_id == set_id)
        .group_by(TaskArray.stage)
    )  # fmt: skip
    rows = (await db.exec(query)).all()
    return [StageCounts(r[0], *(int(x) for x in r[1:8]), *(float(x or 0) for x in r[8:])) for r in rows]


async def exceptions_of(db: AsyncSession, set_id: str, limit: int = 1000) -> list[tuple[str, int, str]]:
    """(chunk, task offset, reason) of tasks that need attention, failed chunks included."""
    noted = await db.exec(
        select(TaskException.chunk_key, TaskException.offset, TaskException.reason)
        .where(col(TaskException.chunk_key).startswith(set_id))
        .order_by(TaskException.chunk_key, col(TaskException.offset))
        .limit(limit)
    )
    failed = await db.exec(
        select(ChunkRow.key, ChunkRow.offset, ChunkRow.error).where(
            col(ChunkRow.key).startswith(set_id), ChunkRow.state == TaskState.FAILED.value
        )
    )
    return [(r[0], r[1], r[2]) for r in [*failed.all(), *noted.all()]]
