"""What the scheduler decided for a task set and how its forecasts turned out."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.tables import ChunkRow, TaskArray


@dataclass(frozen=True)
class Sent:
    """A chunk as it was last sent: forecast against what it took (s, MiB), waiting (s) and priority."""

    stage: str
    chunk: str
    state: str
    container: str
    attempts: int
    waited_s: float
    weight: float
    forecast_s: float
    seconds: float
    forecast_mib: float
    peak_mib: float
    error: str


async def sent(db: AsyncSession, set_id: str, stage: str | None = None) -> list[Sent]:
    """Chunks of a task set in the order in which they were started; those never sent are left out."""
    query = (
        select(TaskArray.stage, ChunkRow)
        .join(ChunkRow, col(ChunkRow.array_id) == col(TaskArray.id))
        .where(TaskArray.task_set_id == set_id, ChunkRow.attempts > 0)
        .order_by(col(ChunkRow.started))
    )
    if stage is not None:
        query = query.where(TaskArray.stage == stage)
    return [
        Sent(of, c.key, c.state, c.container, c.attempts, c.waited_s, c.weight, c.forecast_s, c.seconds, c.forecast_mib,
             c.peak_mib, c.error)
        for of, c in (await db.exec(query)).all()
    ]  # fmt: skip


@dataclass(frozen=True)
class StageDecisions:
    """A stage's decisions: chunks, retries, median and longest waiting (s), forecasts against measurements.

    `error`: median of |forecast - measured| / measured; `beyond_mib`: by how much the worst peak exceeded forecast
    and margin, negative if none did.
    """

    stage: str
    chunks: int
    retries: int
    waited_s: float
    longest_s: float
    error: float
    forecast_mib: float
    peak_mib: float
    beyond_mib: float


def by_stage(found: Sequence[Sent]) -> list[StageDecisions]:
    """One line per stage, in the order in which stages began."""
    out = []
    for stage in dict.fromkeys(s.stage for s in found):
        mine = [s for s in found if s.stage == stage]
        done = [s for s in mine if s.seconds > 0] or mine
        out.append(StageDecisions(
            stage, len(mine), sum(s.attempts - 1 for s in mine), median(s.waited_s for s in mine),
            max(s.waited_s for s in mine), median(abs(s.forecast_s - s.seconds) / max(s.seconds, 1e-6) for s in done),
            max(s.forecast_mib for s in done), max(s.peak_mib for s in done),
            max(s.peak_mib - s.forecast_mib for s in done),
        ))  # fmt: skip
    return out
