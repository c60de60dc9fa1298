"""Backfilling: results become the hourly state of the next scenario version, as pointers to their stage's files."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index import data, scenarios
from bos_core.index.statements import execute
from bos_core.index.tables import HourlyState
from bos_core.objects.errors import OntologyError


@dataclass(frozen=True)
class StateSource:
    """Where an hourly attribute of a version is held: a stage of a task set, for some hours."""

    task_set: str
    stage: str
    first_hour: int
    hours: int


async def backfill(
    db: AsyncSession, scenario_id: int, sources: Mapping[str, StateSource], problems: Mapping[str, str]
) -> None:
    """Make stages' results the state of an open version: dataset name -> where it is.

    Args:
        problems: what validation found wrong, by dataset; anything in it refuses the whole backfill.

    Raises:
        OntologyError: a result is not valid, does not cover its hours, or the version is committed.
    """
    if (await scenarios.version(db, scenario_id)).committed:
        raise OntologyError(f"scenario version {scenario_id} is committed", "branch from it and write there")
    for dataset, source in sources.items():
        if dataset in problems:
            raise OntologyError(
                f"{dataset} of stage {source.stage} cannot become the next version's state: {problems[dataset]}",
                "compute the stage again",
            )
        await _refuse_gaps(db, source)
        row = {"hours": source.hours, "task_set_id": source.task_set, "stage": source.stage}
        made = insert(HourlyState).values(scenario_id=scenario_id, dataset=dataset, first_hour=source.first_hour, **row)
        keys = ["scenario_id", "dataset", "first_hour"]
        await execute(db, made.on_conflict_do_update(index_elements=keys, set_=row))


async def _refuse_gaps(db: AsyncSession, source: StateSource) -> None:
    at, end = source.first_hour, source.first_hour + source.hours
    for o in await data.outputs(db, source.task_set, source.stage):
        if o.first_hour <= at < o.first_hour + o.hours:
            at = o.first_hour + o.hours
    if at < end:
        raise OntologyError(f"stage {source.stage} of task set {source.task_set} lacks hour {at}", "run `bos resume`")


async def state_of(db: AsyncSession, scenario_id: int, dataset: str) -> list[StateSource]:
    """Where a version's hourly attribute is held, by hours; of each hour what was backfilled last.

    Raises:
        OntologyError: the version does not exist.
    """
    lineage = (await scenarios.version(db, scenario_id)).lineage
    query = select(HourlyState).where(
        col(HourlyState.scenario_id).in_(lineage), HourlyState.dataset == dataset
    ).order_by(col(HourlyState.first_hour), col(HourlyState.scenario_id).desc())  # fmt: skip
    out: list[StateSource] = []
    for row in (await db.exec(query)).all():
        if not out or row.first_hour != out[-1].first_hour:
            out.append(StateSource(row.task_set_id, row.stage, row.first_hour, row.hours))
    return out
