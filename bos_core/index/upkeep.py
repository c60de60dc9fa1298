"""Upkeep of the result store: is every file there and whole, and which task sets may go."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.statements import execute
from bos_core.index.tables import ChunkRow, HourlyState, Output, Scenario, TaskArray, TaskException, TaskSet, now
from bos_core.objects.errors import ParameterError
from bos_core.objects.task import TaskState

BLOCK = 1 << 20


@dataclass(frozen=True)
class Damage:
    """A result file that is not what the index says."""

    task_set: str
    chunk: str
    path: str
    what: str


async def damaged(db: AsyncSession, root: Path, set_id: str | None = None) -> list[Damage]:
    """Files that are missing or whose checksum differs, of one task set or of all."""
    query = select(Output).order_by(Output.task_set_id, Output.path)
    if set_id is not None:
        query = query.where(Output.task_set_id == set_id)
    out = []
    for o in (await db.exec(query)).all():
        what = _wrong(root / o.path, o.sha256)
        if what:
            out.append(Damage(o.task_set_id, o.chunk_key, o.path, what))
    return out


def _wrong(path: Path, sha256: str) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if digest.hexdigest() == sha256 else "differs from what was written"


def strays(root: Path, known: set[str]) -> list[str]:
    """Result files that no index row names: left by a run that was killed between file and row."""
    found = (p.relative_to(root).as_posix() for p in root.rglob("*") if p.suffix in (".h5", ".part"))
    return sorted(p for p in found if p not in known)


async def known_paths(db: AsyncSession) -> set[str]:
    """Paths of all result files in the index."""
    return set((await db.exec(select(Output.path))).all())


async def forget(db: AsyncSession, damage: list[Damage]) -> None:
    """Take damaged files out of the index, so that `bos resume` computes their chunks again."""
    keys = [d.chunk for d in damage]
    sets = {d.task_set for d in damage}
    await execute(db, delete(Output).where(col(Output.chunk_key).in_(keys)))
    again = update(ChunkRow).where(col(ChunkRow.key).in_(keys)).values(state=TaskState.PENDING.value)
    await execute(db, again)
    failed = update(TaskSet).where(col(TaskSet.id).in_(sets))
    await execute(db, failed.values(state=TaskState.FAILED.value, message="result files were damaged", finished=now()))


async def prunable(db: AsyncSession, set_id: str) -> None:
    """Raise if a task set's results are still needed.

    Raises:
        ParameterError: it is running, or a scenario version of another origin reads its results as its state.
    """
    row = await db.get(TaskSet, set_id)
    if row is None:
        raise ParameterError(f"no task set is called '{set_id}'", "see `bos sets`")
    if row.state == TaskState.EXECUTING.value:
        raise ParameterError(f"task set {set_id} is running", "stop it first with `bos cancel`")
    own = select(Scenario.id).where(Scenario.task_set_id == set_id)
    kept = select(HourlyState.scenario_id).where(
        HourlyState.task_set_id == set_id, col(HourlyState.scenario_id).not_in(own)
    )
    other = (await db.exec(kept.limit(1))).first()
    if other is None:
        children = select(Scenario.id).where(col(Scenario.parent_id).in_(own), Scenario.task_set_id != set_id)
        other = (await db.exec(children.limit(1))).first()
    if other is not None:
        raise ParameterError(
            f"scenario version {other} still refers to task set {set_id}", "keep it, or remove that version first"
        )


async def forget_set(db: AsyncSession, set_id: str) -> list[str]:
    """Take a task set's results out of the index, its tasks and scenario versions stay; paths of the files to remove."""
    await prunable(db, set_id)
    paths = list((await db.exec(select(Output.path).where(Output.task_set_id == set_id))).all())
    arrays = select(TaskArray.id).where(TaskArray.task_set_id == set_id)
    chunks = select(ChunkRow.key).where(col(ChunkRow.array_id).in_(arrays))
    await execute(db, delete(TaskException).where(col(TaskException.chunk_key).in_(chunks)))
    await execute(db, delete(Output).where(col(Output.task_set_id) == set_id))
    await execute(db, delete(HourlyState).where(col(HourlyState.task_set_id) == set_id))
    row = await db.get_one(TaskSet, set_id)
    row.state, row.message = "pruned", "its results were removed"
    db.add(row)
    return paths
