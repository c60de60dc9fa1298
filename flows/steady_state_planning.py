"""The steady-state planning chain: modelling, snapshot, equivalence, sequence, commitment, dispatch, N-1, adjustment.

Reads like the chain. A Prefect task is one stage of one month; months flow through the stages as a pipeline
and wait for each other only where the physics needs it: a month's commitment starts where the month before
ended, and its boundary check looks at the midnight between them.
"""

import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
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
from flows.chain import COPIED, STAGE, STAGES, Month, cut, elements, months_of
from flows.ontology import ontology_of
from flows.parameters import Algorithms, PlanningParameters, TransientCheck
from flows.presence import Presence, scheduler_lost
from flows.report.artifacts import finish_artifacts, stage_progress
from flows.report.build import build_report
from flows.steps.inputs import grid_of, network_of
from flows.steps.listed import asked_for
from flows.steps.transient import buses_of
from flows.versions import PREFIX, has_series, lay_down_model, start_of_series, version_of
from flows.work import work_by_hour
from slots.algorithms.sequence.profiles import RESERVE_SHARE_OF_LOAD, RESERVE_SHARE_OF_WIND_AND_SUN
from slots.grid.model import Grid
from slots.grid.reduction import kept_at
from slots.sources.series import UNKNOWN_YEAR, calendar_start
from storage.settings import settings

NAME = "steady-state-planning"
LOOK_AHEAD_H = 48
LOST_SCHEDULERS = 5  # that a stage outlives


@dataclass
class Done:
    """What a stage of a month leaves behind: its files and the scenario version it made."""

    pieces: list[tuple[str, int, int]] = field(default_factory=list)
    scenario: int | None = None

    @property
    def path(self) -> str:
        """The only file of a stage that makes one."""
        return self.pieces[0][0]


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
                _run_chain(index, set_id, parameters)
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
        kind=f"{Path(p.grid).name} {p.keep_kv:g} kV",
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


def _run_chain(index: Index, set_id: str, p: PlanningParameters) -> None:
    """Submit all stages of all months; each waits for what it reads."""
    a = p.algorithms
    laid_down = lay_down_model(index, p.grid) if p.grid.startswith(PREFIX) else ""
    source = {"source": p.grid, "model": laid_down, "inverter_power_factor": p.inverter_power_factor, "seed": p.seed}
    horizon = Month(0, p.start, p.hours)
    base = version_of(index, p.grid) if laid_down else None
    model = run_stage.submit(set_id, "modelling", horizon, {**source, **p.choice("modelling")}, base).result()
    own = has_series(model.path)
    sequence = a.sequence if a.sequence != "auto" else ("own-series" if own else "profiles")
    kept_at(grid_of(model.path), p.keep_kv)
    _write_ontology(index, model.scenario, grid_of(model.path), sequence, base)
    snap = run_stage.submit(
        set_id, "snapshot", horizon, {"grid": model.path, **p.choice("snapshot")}, model.scenario
    ).result()
    reduce = {
        "grid": model.path,
        "snapshot": snap.path,
        "keep_kv": p.keep_kv,
        "seed": p.seed,
        **p.choice("equivalence"),
    }
    reduced = run_stage.submit(set_id, "equivalence", horizon, reduce, snap.scenario).result()
    net, _ = network_of(reduced.path)
    listed = asked_for(net, p.model_dump(include={"contingencies", "unit_outages"}))
    begin = start_of_series(model.path) if own and sequence != "profiles" else calendar_start(UNKNOWN_YEAR)
    buses_of(net, None, p.transient.buses)  # refuse one that is not kept before anything hourly is computed
    months = months_of(p.start, p.hours, begin)
    shape = {**source, "grid": model.path, "network": reduced.path,
             **p.choice("sequence", sequence)}  # fmt: skip
    hourly = [run_stage.submit(set_id, "sequence", m, shape, reduced.scenario) for m in months]
    done = [h.result() for h in hourly]
    Pipeline(set_id, p, months, done, reduced.path, len(net.contingencies), len(listed), index).run()


def _write_ontology(index: Index, version: int | None, grid: Grid, sequence: str, base: int | None) -> None:
    """Write the modelled grid under its version, once; a grid that is a version's is there already."""
    assert version is not None
    if base is not None:
        write(index, Update(version))
        return
    shares = (RESERVE_SHARE_OF_LOAD, RESERVE_SHARE_OF_WIND_AND_SUN) if sequence == "profiles" else None
    write(index, Update(version, ontology_of(grid, shares)))


@dataclass
class Pipeline:
    """The months on their way from commitment to re-verification; `contingencies`, `listed`: how many of either."""

    set_id: str
    parameters: PlanningParameters
    months: list[Month]
    sequence: list[Done]
    network: str
    contingencies: int
    listed: int
    index: Index

    def run(self) -> None:
        """Plan month after month; each planned month goes its own way meanwhile.

        What fails ends its own month, the others complete; then the first failure is raised.
        """
        borders: dict[str, str] = {}
        pieces = [p for s in self.sequence for p in s.pieces]
        checked: Future[Done] | None = None
        under_way = []
        with ThreadPoolExecutor(len(self.months), thread_name_prefix="month") as threads:
            for k, month in enumerate(self.months):
                payload = {"network": self.network, "inputs": {"sequence": pieces}, "borders": dict(borders),
                           "look_ahead": self._look_ahead(k)}  # fmt: skip
                plan = self._submit("uc-monthly", "borders", month, payload, self.sequence[k].scenario)
                borders |= {str(h): plan.path for h in _midnights(month, self._end())}
                payload["borders"] = dict(borders)
                before, checked = checked, Future()
                work = copy_context().run
                under_way.append(threads.submit(work, self._month, month, payload, plan.scenario, before, checked))
        for future in under_way:
            future.result()
        with ThreadPoolExecutor(len(COPIED), thread_name_prefix="copy") as threads:
            copies = [threads.submit(copy_context().run, self._copy, k) for k in range(len(COPIED))]
        for copy in copies:
            copy.result()

    def _copy(self, which: int) -> None:
        """Lay out by device what is asked for by device most."""
        stage, hours = COPIED[which], sum(m.hours for m in self.months)
        found = self.index.call(partial(data.outputs, set_id=self.set_id, stage=stage))
        pieces = [(o.path, o.first_hour, o.hours) for o in found]
        payload = {"inputs": {"source": pieces}, "copy_of": stage}
        whole = Month(which + 1, self.months[0].first_hour, hours, stage)
        run_stage.submit(self.set_id, "by-device", whole, payload, None).result()

    def _month(
        self,
        month: Month,
        payload: dict[str, Any],
        planned: int | None,
        before: "Future[Done] | None",
        checked: "Future[Done]",
    ) -> None:
        """From daily commitment to re-verification."""
        try:
            done = self._to_reactive_check(month, payload, planned, before)
        except BaseException as error:
            checked.set_exception(error)
            raise
        checked.set_result(done)
        state = done.pieces
        verified = self._submit("n1", "n1", month, _with(payload, only_adjusted=False, state=state), done.scenario)
        reads = _with(payload, state=state, verification=verified.pieces)
        adjusted = self._submit("adjust", "adjustment", month, reads, verified.scenario)
        again = _with(payload, only_adjusted=True, state=adjusted.pieces, verification=verified.pieces)
        self._submit("reverify", "n1", month, again, adjusted.scenario)
        chosen = [h for h in self.parameters.transient.hours if month.first_hour <= h < month.first_hour + month.hours]
        if chosen:
            asked = self.parameters.transient.model_dump()
            transient = {**_with(payload, state=adjusted.pieces), "transient": asked}
            count = len(chosen) * max(1, len(self.parameters.transient.buses))
            run_stage.submit(self.set_id, "transient", month, transient, adjusted.scenario, count).result()
        if self.listed:
            asked = self.parameters.model_dump(include={"contingencies", "unit_outages"})
            payload = {**_with(payload, state=adjusted.pieces), **asked}
            run_stage.submit(self.set_id, "listed", month, payload, adjusted.scenario, self.listed).result()

    def _to_reactive_check(
        self, month: Month, payload: dict[str, Any], planned: int | None, before: "Future[Done] | None"
    ) -> Done:
        units = self._submit("uc", "unit_commitment", month, payload, planned)
        reads = _with(payload, commitment=units.pieces)
        active = self._submit("apd", "active_dispatch", month, reads, units.scenario)
        reads = _with(reads, dispatch=active.pieces)
        joined = self._submit("apd-check", "active_dispatch", month, reads, active.scenario)
        reactive = self._submit(
            "rpd", "reactive_dispatch", month, _with(payload, dispatch=joined.pieces), joined.scenario
        )
        earlier = before.result().pieces if before is not None else []
        return self._submit(
            "rpd-check", "reactive_dispatch", month, _with(payload, reactive=reactive.pieces, previous=earlier),
            reactive.scenario,
        )  # fmt: skip

    def _look_ahead(self, k: int) -> int:
        return min(LOOK_AHEAD_H, sum(m.hours for m in self.months[k + 1 :]))

    def _end(self) -> int:
        return self.months[-1].first_hour + self.months[-1].hours

    def _submit(self, stage: str, slot: str, month: Month, payload: dict[str, Any], parent: int | None) -> Done:
        full = {**payload, **self.parameters.choice(slot), "gap": self.parameters.gap}
        return run_stage.submit(self.set_id, stage, month, full, parent, self.contingencies).result()


def _with(payload: dict[str, Any], only_adjusted: bool | None = None, **inputs: Any) -> dict[str, Any]:
    """A payload with more inputs."""
    out = {**payload, "inputs": {**payload["inputs"], **inputs}}
    return out if only_adjusted is None else {**out, "only_adjusted": only_adjusted}


def _midnights(month: Month, end: int) -> list[int]:
    """Hours of the midnights that a month's plan gives; one at the horizon's end if it is a midnight."""
    last = month.first_hour + month.hours
    return [h for h in range(month.first_hour + 24, last + 1, 24) if h <= end]
