"""The steady-state planning chain as a Prefect flow: a Prefect task is one stage of one month, run in containers."""

import uuid
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from prefect.states import Cancelled

from blocks.database import ensure_database
from bos_core.drwop.reader import Piece
from bos_core.drwop.writing import Update, write
from bos_core.index import data, scenarios, tasks
from bos_core.index.client import Index
from bos_core.index.tables import TaskArray
from bos_core.objects.container import ContainerMode
from bos_core.objects.errors import BosError
from bos_core.objects.task import Chunk, TaskState
from bos_core.tccsp.client import SchedulerClient
from bos_core.tccsp.forecast import Job
from bos_core.tccsp.limits import memory_limit
from bos_core.tccsp.task_runner import TCCSPTaskRunner, current_scheduler
from flows.backfill import give_back
from flows.chain import STAGE, STAGES, Month, cut, elements
from flows.ontology import ontology_of
from flows.parameters import Algorithms, PlanningParameters, TransientCheck
from flows.pipeline import Done, LaidDown, run_chain
from flows.presence import Presence, scheduler_lost
from flows.report.artifacts import finish_artifacts, stage_progress
from flows.report.build import build_report
from flows.versions import PREFIX, lay_down_model, version_of
from flows.work import work_by_hour
from slots.algorithms.sequence.profiles import RESERVE_SHARE_OF_LOAD, RESERVE_SHARE_OF_WIND_AND_SUN
from slots.grid.model import Grid
from storage.settings import settings

NAME = "steady-state-planning"
LOST_SCHEDULERS = 5  # that a stage outlives


def _priority(stage: str, month: Month) -> int:
    """Early months first; within a month late stages first, so that months finish."""
    order = [s.name for s in STAGES].index(stage)
    return 100 * month.number - order


@task(
    task_run_name="{stage} {month.label}", cache_policy=NO_CACHE, persist_result=False, log_prints=False,
    retries=LOST_SCHEDULERS, retry_delay_seconds=1, retry_condition_fn=scheduler_lost,
)  # fmt: skip
def run_stage(
    set_id: str, stage: str, month: Month, payload: dict[str, Any], parent: int | None, contingencies: int = 0
) -> Done:
    """Run one stage of one month as a task array in containers; returns its files and scenario version."""
    spec, scheduler = STAGE[stage], current_scheduler()
    array = TaskArray(
        id=f"{set_id}/{stage}/{month.number:02d}", task_set_id=set_id, stage=stage, month=month.number,
        elements=elements(spec, month.hours, contingencies), priority=_priority(stage, month),
        mode=payload.get("mode", ContainerMode.LAUNCHED),
        kind=f"{scheduler.kind} {payload.get('algorithm', '')}{payload.get('copy_of', '')}".strip(),
    )  # fmt: skip
    common = {**payload, "task_set": set_id, "step": spec.step, "scenario": parent,
              "month": (month.first_hour, month.hours)}  # fmt: skip
    work = work_by_hour(spec, month, payload)
    a_day = Job(stage, array.kind, 24.0 * work.mean())
    chunks, offset = [], 0
    for k, (first, hours) in enumerate(cut(spec, month, scheduler.forecast(a_day), scheduler.workers)):
        count, at = elements(spec, hours, contingencies), first - month.first_hour
        size = float(work[at : at + hours].sum())
        chunks.append(Chunk(f"{array.id}-{k:03d}", stage, offset, count, first, hours, common, size))
        offset += count
    with stage_progress(f"{spec.title}, {month.label}") as (advance, told):
        scheduler.run_array(array, chunks, "flows.steps.result:execute", parent, advance, told)

    async def finish(db: Any) -> Done:
        files = await data.outputs(db, set_id, stage, month.number)
        copy = stage == "by-device"  # says nothing new
        version = None if copy else await scenarios.branch(db, parent, f"{stage}/{month.number:02d}", set_id)
        return Done([(o.path, o.first_hour, o.hours) for o in files], version)

    done = scheduler.index.call(finish)
    if done.scenario is not None and stage != "modelling":  # its ontology is still to be written
        pieces = [Piece(*p) for p in done.pieces]
        give_back(scheduler.index, set_id, stage, (month.first_hour, month.hours), done.scenario, pieces)
    return done


@flow(name=NAME, task_runner=TCCSPTaskRunner(), validate_parameters=True, persist_result=False)  # type: ignore[arg-type]
def steady_state_planning(parameters: PlanningParameters, task_set: str | None = None) -> Any:
    """Run the chain; returns the task set's id. With the id of an unfinished set, only what is missing runs."""
    parameters.check_horizon()
    ensure_database(settings())
    set_id = task_set or uuid.uuid4().hex[:12]
    with Index(settings()) as index:
        index.hold_lock(set_id)
        parameters = _open_task_set(index, set_id, parameters)
        scheduler = _scheduler(index, set_id, parameters)
        context = FlowRunContext.get()
        assert context is not None
        assert isinstance(context.task_runner, TCCSPTaskRunner)
        context.task_runner.scheduler = scheduler
        presence = Presence(set_id, scheduler.close)
        try:
            with presence:
                scheduler.open()
                laid_down = _laid_down(index, parameters.grid)
                base = laid_down.version if laid_down else None
                run_chain(_Containers(index, set_id, base), parameters, laid_down)
            scheduler.keep_samples()  # the report draws every one
            report = build_report(index, set_id)
            index.call(lambda db: tasks.set_task_set_state(db, set_id, TaskState.SUCCESS, str(report)))
            finish_artifacts(index, set_id, report)
        except BaseException as error:
            why = str(error) if isinstance(error, BosError) else f"{type(error).__name__}: {error}"
            why = "cancelled from Prefect" if presence.cancelled else why
            index.call(lambda db: tasks.set_task_set_state(db, set_id, TaskState.FAILED, why[:500]))
            if presence.cancelled:
                return Cancelled(message=f"task set {set_id} was stopped; `bos resume {set_id}` goes on with it")
            raise
        finally:
            scheduler.close()
    return set_id


def _scheduler(index: Index, set_id: str, p: PlanningParameters) -> SchedulerClient:
    deadline = None if p.deadline is None else 60.0 * p.deadline
    return SchedulerClient(
        index, set_id, p.workers, memory_limit(p.memory_limit), p.criticality, deadline,
        kind=f"{Path(p.grid).name} {'all' if p.keep_kv is None else f'{p.keep_kv:g} kV'}",
    )  # fmt: skip


def _open_task_set(index: Index, set_id: str, parameters: PlanningParameters) -> PlanningParameters:
    """Note a new task set, or open a known one again; its parameters with the versions of programs that it began with."""
    known = index.call(lambda db: tasks.find_task_set(db, set_id))
    if known is None:
        parameters = parameters.with_versions()
        plain = parameters.model_dump()
        index.call(lambda db: tasks.create_task_set(db, set_id, NAME, plain))
    else:
        parameters = parameters.model_copy(update=_begun_with(known.parameters))
        index.call(lambda db: tasks.reset_unfinished(db, set_id))
        index.call(lambda db: tasks.set_task_set_state(db, set_id, TaskState.EXECUTING))
    return parameters


def _begun_with(known: dict[str, Any]) -> dict[str, Any]:
    """Programs and models of a task set, by the versions that it began with."""
    out: dict[str, Any] = {"algorithms": Algorithms(**known["algorithms"])}
    return out | ({"transient": TransientCheck(**known["transient"])} if "transient" in known else {})


class _Containers:
    """Stages as tasks in containers, their results in the index."""

    def __init__(self, index: Index, set_id: str, base: int | None) -> None:
        self._index, self._set_id, self._base = index, set_id, base

    def stage(
        self, stage: str, month: Month, payload: dict[str, Any], parent: int | None, contingencies: int = 0
    ) -> Done:
        done: Done = run_stage.submit(self._set_id, stage, month, payload, parent, contingencies).result()
        return done

    def modelled(self, version: int | None, grid: Grid, sequence: str) -> None:
        """Write the modelled grid under its version, once; a grid that is a version's is there already."""
        assert version is not None
        if self._base is not None:
            write(self._index, Update(version))
            return
        shares = (RESERVE_SHARE_OF_LOAD, RESERVE_SHARE_OF_WIND_AND_SUN) if sequence == "profiles" else None
        write(self._index, Update(version, ontology_of(grid, shares)))

    def pieces(self, stage: str) -> list[tuple[str, int, int]]:
        found = self._index.call(partial(data.outputs, set_id=self._set_id, stage=stage))
        return [(o.path, o.first_hour, o.hours) for o in found]


def _laid_down(index: Index, grid: str) -> LaidDown | None:
    """The model of a scenario version, if the grid is one."""
    return LaidDown(lay_down_model(index, grid), version_of(index, grid)) if grid.startswith(PREFIX) else None
