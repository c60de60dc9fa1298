"""Where the hourly arrays of a version are held: pointers to stages of task sets, cut so that no hour of a device has two.

What a run computes is of all devices; what a user brings may be of a few. Pointers of a few lie over those of all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.tables import HourlyState


@dataclass(frozen=True)
class StateSource:
    """Where an hourly attribute of a version is held: a stage of a task set, for some hours.

    `devices`: names of those that are meant, sorted; None: all that the stage's files hold, and all others have nothing.
    """

    task_set: str
    stage: str
    first_hour: int
    hours: int
    devices: tuple[str, ...] | None = None

    @property
    def end(self) -> int:
        """The hour after the last one."""
        return self.first_hour + self.hours


async def held(
    db: AsyncSession, lineage: Sequence[int], dataset: str | None = None
) -> dict[str, tuple[StateSource, ...]]:
    """By dataset, of each hour and device the pointer that was written last in a lineage.

    Those of all devices come first, in the order of hours; those of some devices lie over them.
    """
    query = select(HourlyState).where(col(HourlyState.scenario_id).in_(lineage))
    if dataset is not None:
        query = query.where(HourlyState.dataset == dataset)
    age = {version: k for k, version in enumerate(lineage)}
    rows = sorted((await db.exec(query)).all(), key=lambda r: (age[r.scenario_id], r.layer, r.first_hour))
    out: dict[str, tuple[StateSource, ...]] = {}
    for row in rows:
        named = None if row.devices is None else tuple(row.devices)
        new = StateSource(row.task_set_id, row.stage, row.first_hour, row.hours, named)
        out[row.dataset] = tuple(painted(out.get(row.dataset, ()), new))
    return dict(sorted(out.items()))


def painted(old: Iterable[StateSource], new: StateSource) -> list[StateSource]:
    """Sources with `new` over them: of each hour and device at most one of all devices and one of some."""
    out = [new]
    for s in old:
        if s.devices is not None and new.devices is not None:
            mine = set(new.devices)
            rest = tuple(d for d in s.devices if d not in mine)
            if rest:
                out.append(replace(s, devices=rest))
            s = replace(s, devices=tuple(d for d in s.devices if d in mine))
            if not s.devices:
                continue
        elif s.devices is None and new.devices is not None:
            out.append(s)
            continue
        out += _outside(s, new)
    return sorted(out, key=lambda s: (s.devices is not None, s.first_hour, s.devices or (), s.task_set, s.stage))


def _outside(s: StateSource, new: StateSource) -> list[StateSource]:
    """What of a source lies before and after another."""
    out = []
    if s.first_hour < new.first_hour:
        out.append(replace(s, hours=min(s.end, new.first_hour) - s.first_hour))
    if s.end > new.end:
        first = max(s.first_hour, new.end)
        out.append(replace(s, first_hour=first, hours=s.end - first))
    return out
