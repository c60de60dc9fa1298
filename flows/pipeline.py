"""The stages of the steady-state planning chain in their order, whoever runs them.

Months flow through the stages as a pipeline and wait for each other only where the physics needs it: a month's
commitment starts where the month before ended, and its boundary check looks at the midnight between them.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Protocol

from flows.chain import COPIED, Month, months_of
from flows.parameters import PlanningParameters
from flows.steps.inputs import grid_of, network_of
from flows.steps.listed import asked_for
from flows.steps.transient import buses_of
from flows.versions import has_series, start_of_series
from slots.grid.model import Grid
from slots.grid.reduction import kept_at, level_for
from slots.sources.series import UNKNOWN_YEAR, calendar_start

LOOK_AHEAD_H = 48


@dataclass
class Done:
    """What a stage of a month leaves behind: its files and the scenario version it made."""

    pieces: list[tuple[str, int, int]] = field(default_factory=list)
    scenario: int | None = None

    @property
    def path(self) -> str:
        """The only file of a stage that makes one."""
        return self.pieces[0][0]


class Runner(Protocol):
    """Who runs stages: tasks in containers, or this process."""

    def stage(
        self, stage: str, month: Month, payload: dict[str, Any], parent: int | None, contingencies: int = 0
    ) -> Done:
        """Run a stage of a month and wait for it; `parent` is the scenario version that it reads."""
        ...

    def modelled(self, version: int | None, grid: Grid, sequence: str) -> None:
        """Note the grid that modelling made, before anything else is computed."""
        ...

    def pieces(self, stage: str) -> Sequence[tuple[str, int, int]]:
        """The files of a stage, of all months."""
        ...


@dataclass(frozen=True)
class LaidDown:
    """A scenario version as the model of a run: the file that steps read, and the version."""

    path: str
    version: int


def run_chain(runner: Runner, p: PlanningParameters, laid_down: LaidDown | None = None) -> None:
    """Run all stages of all months; each waits for what it reads.

    Raises:
        BosError: what stopped it.
    """
    a = p.algorithms
    source = {"source": p.grid, "model": laid_down.path if laid_down else "",
              "inverter_power_factor": p.inverter_power_factor, "seed": p.seed}  # fmt: skip
    horizon = Month(0, p.start, p.hours)
    base = laid_down.version if laid_down else None
    model = runner.stage("modelling", horizon, {**source, **p.choice("modelling")}, base)
    own = has_series(model.path)
    sequence = a.sequence if a.sequence != "auto" else ("own-series" if own else "profiles")
    grid = grid_of(model.path)
    level = level_for(grid, p.keep_kv)
    kept_at(grid, level.kv)
    runner.modelled(model.scenario, grid, sequence)
    snap = runner.stage("snapshot", horizon, {"grid": model.path, **p.choice("snapshot")}, model.scenario)
    reduce = {"grid": model.path, "snapshot": snap.path, "keep_kv": level.kv, "kept": level.told,
              "seed": p.seed, **p.choice("equivalence")}  # fmt: skip
    reduced = runner.stage("equivalence", horizon, reduce, snap.scenario)
    net, _ = network_of(reduced.path)
    listed = asked_for(net, p.model_dump(include={"contingencies", "unit_outages"}))
    begin = start_of_series(model.path) if own and sequence != "profiles" else calendar_start(UNKNOWN_YEAR)
    buses_of(net, None, p.transient.buses)  # refuse one that is not kept before anything hourly is computed
    months = months_of(p.start, p.hours, begin)
    shape = {**source, "grid": model.path, "network": reduced.path, "allow_shedding": p.allow_shedding,
             **p.choice("sequence", sequence)}  # fmt: skip
    with ThreadPoolExecutor(len(months), thread_name_prefix="sequence") as threads:
        begun = [
            threads.submit(copy_context().run, runner.stage, "sequence", m, shape, reduced.scenario) for m in months
        ]
    hourly = [b.result() for b in begun]
    Pipeline(runner, p, months, hourly, reduced.path, len(net.contingencies), len(listed)).run()


@dataclass
class Pipeline:
    """The months on their way from commitment to re-verification; `contingencies`, `listed`: how many of either."""

    runner: Runner
    parameters: PlanningParameters
    months: list[Month]
    sequence: list[Done]
    network: str
    contingencies: int
    listed: int

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
        payload = {"inputs": {"source": self.runner.pieces(stage)}, "copy_of": stage}
        whole = Month(which + 1, self.months[0].first_hour, hours, stage)
        self.runner.stage("by-device", whole, payload, None)

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
            self.runner.stage("transient", month, transient, adjusted.scenario, count)
        if self.listed:
            asked = self.parameters.model_dump(include={"contingencies", "unit_outages"})
            payload = {**_with(payload, state=adjusted.pieces), **asked}
            self.runner.stage("listed", month, payload, adjusted.scenario, self.listed)

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
        return self.runner.stage(stage, month, full, parent, self.contingencies)


def _with(payload: dict[str, Any], only_adjusted: bool | None = None, **inputs: Any) -> dict[str, Any]:
    """A payload with more inputs."""
    out = {**payload, "inputs": {**payload["inputs"], **inputs}}
    return out if only_adjusted is None else {**out, "only_adjusted": only_adjusted}


def _midnights(month: Month, end: int) -> list[int]:
    """Hours of the midnights that a month's plan gives; one at the horizon's end if it is a midnight."""
    last = month.first_hour + month.hours
    return [h for h in range(month.first_hour + 24, last + 1, 24) if h <= end]
