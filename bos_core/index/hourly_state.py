"""Where the hourly arrays of a version are held: pointers to stages of task sets, cut so that no hour has two."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.tables import HourlyState


@dataclass(frozen=True, order=True)
class StateSource:
    """Where an hourly attribute of a version is held: a stage of a task set, for some hours."""

    task_set: str
    stage: str
    first_hour: int
    hours: int

    @property
    def end(self) -> int:
        """The hour after the last one."""
        return self.first_hour + self.hours


async def held(
    db: AsyncSession, lineage: Sequence[int], dataset: str | None = None
) -> dict[str, tuple[StateSource, ...]]:
    """By dataset, of each hour the pointer that was written last in a lineage, in the order of hours."""
    query = select(HourlyState).where(col(HourlyState.scenario_id).in_(lineage))
    if dataset is not None:
        query = query.where(HourlyState.dataset == dataset)
    age = {version: k for k, version in enumerate(lineage)}
    rows = sorted((await db.exec(query)).all(), key=lambda r: age[r.scenario_id])
    out: dict[str, tuple[StateSource, ...]] = {}
    for row in rows:
        new = StateSource(row.task_set_id, row.stage, row.first_hour, row.hours)
        out[row.dataset] = tuple(_painted(out.get(row.dataset, ()), new))
    return dict(sorted(out.items()))


def _painted(old: Iterable[StateSource], new: StateSource) -> list[StateSource]:
    """Sources with `new` over them."""
    out = [new]
    for s in old:
        if s.first_hour < new.first_hour:
            out.append(replace(s, hours=min(s.end, new.first_hour) - s.first_hour))
        if s.end > new.end:
            first = max(s.first_hour, new.end)
            out.append(replace(s, first_hour=first, hours=s.end - first))
    return sorted(out, key=lambda s: s.first_hour)
