"""Backfilling: results become the hourly state of the next scenario version, as pointers to their stage's files."""

from collections.abc import Mapping

from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index import data, scenarios
from bos_core.index.hourly_state import StateSource, held
from bos_core.index.scenarios import Changes
from bos_core.objects.errors import OntologyError


async def backfill(
    db: AsyncSession, scenario_id: int, sources: Mapping[str, StateSource], problems: Mapping[str, str]
) -> None:
    """Make stages' results the state of an open version: dataset name -> where it is.

    Args:
        problems: what validation found wrong, by dataset; anything in it refuses the whole backfill.

    Raises:
        OntologyError: a result is not valid, does not cover its hours, or the version is committed.
    """
    changes = Changes(hourly=list(sources.items()))
    await check(db, changes, problems)
    await scenarios.write(db, scenario_id, changes)


async def check(db: AsyncSession, changes: Changes, problems: Mapping[str, str]) -> None:
    """Refuse hourly state that is not valid or not whole.

    Raises:
        OntologyError: a result is not valid or does not cover its hours.
    """
    for dataset, source in changes.hourly:
        if dataset in problems:
            raise OntologyError(
                f"{dataset} of stage {source.stage} cannot become the next version's state: {problems[dataset]}",
                "compute the stage again",
            )
        await _refuse_gaps(db, source)


async def _refuse_gaps(db: AsyncSession, source: StateSource) -> None:
    at = source.first_hour
    for o in await data.outputs(db, source.task_set, source.stage):
        if o.first_hour <= at < o.first_hour + o.hours:
            at = o.first_hour + o.hours
    if at < source.end:
        raise OntologyError(f"stage {source.stage} of task set {source.task_set} lacks hour {at}", "run `bos resume`")


async def state_of(db: AsyncSession, scenario_id: int, dataset: str) -> list[StateSource]:
    """Where a version's hourly attribute is held, by hours; of each hour what was backfilled last.

    Raises:
        OntologyError: the version does not exist.
    """
    lineage = (await scenarios.version(db, scenario_id)).lineage
    return list((await held(db, lineage, dataset)).get(dataset, ()))
