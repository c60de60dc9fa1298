"""What the scheduler writes to the index: each in one transaction with what it belongs to."""

from collections.abc import Sequence

from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index import containers as container_index
from bos_core.index import tasks
from bos_core.objects.container import Container
from bos_core.objects.task import Receipt, TaskState
from bos_core.tccsp.board import Choice
from bos_core.tccsp.request import Work


async def containers(db: AsyncSession, pool: Sequence[Container], running: bool) -> None:
    """Every container of a pool; one without a quota does not run."""
    for c in pool:
        await container_index.note_container(db, c, "running" if running and c.quota.memory_mib else "stopped")


async def sent(db: AsyncSession, choice: Choice[Work]) -> None:
    """A chunk goes to a container."""
    work = choice.work
    await tasks.mark(
        db, work.chunk.key, TaskState.EXECUTING, container=choice.container, forecast_s=choice.forecast.seconds,
        forecast_mib=choice.forecast.peak_mib + choice.forecast.margin_mib, waited_s=choice.waited,
        weight=choice.weight,
    )  # fmt: skip
    await container_index.note_service(db, choice.container, work.array.stage, "working", work.chunk.key)


async def done(db: AsyncSession, container: str, work: Work, receipt: Receipt) -> None:
    """A chunk is done, with its output."""
    await tasks.commit_chunk(db, work.array, work.chunk, receipt, work.scenario_id)
    await container_index.note_service(db, container, work.array.stage, "idle", work.chunk.key)


async def undone(db: AsyncSession, container: str, work: Work, state: TaskState, why: str) -> None:
    """A chunk came back from a container without a result."""
    await tasks.mark(db, work.chunk.key, state, error=why)
    await container_index.note_service(db, container, work.array.stage, "idle", work.chunk.key)


async def withdrawn(db: AsyncSession, container: str, work: Work) -> None:
    """A chunk's request has left; it may have come back by now, and begun anew."""
    await tasks.put_back(db, work.chunk.key)
    await container_index.note_service(db, container, work.array.stage, "idle", work.chunk.key)
