"""Unit commitment guided by its relaxation: the default. Three searches, each wider and dearer than the one before.

The relaxation with all branch limits it needs decides most commitments; its cost is a proven lower bound.

1. A dive: whole decisions are kept, fractional ones rounded up, the relaxation solved again from where it ended.
2. A neighbourhood: a mixed-integer search over the hours around fractional or changing decisions alone.
3. Reduced-cost fixing: each decision's reduced cost is the least by which any schedule grows dearer that decides
   otherwise. Decisions dearer than a small share of the day's cost are fixed and the rest is searched. Where the
   schedule found costs no more than that share above the relaxation, nothing better was excluded, and the search's
   own bound holds; elsewhere the bound is the relaxation's.

The first schedule within the gap asked for is returned, else the best.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bos_core.objects.errors import InfeasibleError, SolverError
from slots.contracts.unit_commitment import Horizon, Schedule
from slots.grid.model import Bools, Floats, Ints
from slots.scheduling.highs import Solver
from slots.scheduling.lazy import LazyLimits
from slots.scheduling.routines.day import Day

MAX_NODES = 4000
FIXING_SHARE = 2e-3  # of the day's cost; smaller fixes more but proves less
WHOLE = 1e-6
ROUND_UP = 0.3  # commitments above become one in a dive
PATIENCE = 8  # rounds of a dive, after which anything above LAST_ROUND_UP becomes one
LAST_ROUND_UP = 0.02
MAX_ROUNDS = 60


def guided(horizon: Horizon, gap: float) -> Schedule:
    """Solve a horizon until cost and bound are within `gap`, or all searches are done.

    Raises:
        InfeasibleError: the borders contradict each other.
    """
    search = _Search.relax(Day(horizon), gap, f"unit commitment from hour {horizon.first_hour}")
    best: Schedule | None = None
    for found in search.schedules():
        if best is not None:
            bound = max(best.bound, found.bound)
            best = replace(found if found.cost < best.cost else best, bound=bound)
        else:
            best = found
        if best.cost - best.bound <= gap * abs(best.cost):
            break
    assert best is not None
    return best


@dataclass(frozen=True)
class _Search:
    """A day's relaxation: its values, reduced costs and cost, and the branch limits it needs."""

    day: Day
    gap: float
    what: str
    limits: LazyLimits
    solver: Solver
    x: Floats
    reduced: Floats
    bound: float

    @classmethod
    def relax(cls, day: Day, gap: float, what: str) -> "_Search":
        solver = Solver(day.problem.template)
        limits = day.problem.limits(solver)
        x = limits.settle(what, relax=True)
        return cls(day, gap, what, limits, solver, x, solver.reduced_costs(), solver.objective)

    @property
    def running(self) -> Ints:
        """(hour, unit) columns of the commitments."""
        return self.day.problem.columns["u"].index

    def schedules(self) -> Iterator[Schedule]:
        """What the searches find; at least one schedule."""
        tried = 0
        for search in (self._dive, self._neighbourhood):
            try:
                yield search()
                tried += 1
            except (InfeasibleError, SolverError):  # a decision kept from the relaxation cannot be
                continue
        fixed = self._too_dear()
        try:
            yield self._without(fixed)
        except (InfeasibleError, SolverError):
            if not tried:
                schedule, proven = self._among(fixed[:0], self.gap)
                yield replace(schedule, bound=max(self.bound, proven))

    def _dive(self) -> Schedule:
        solver, x = self.solver, self.x
        for k in range(MAX_ROUNDS):
            u = x[self.running]
            open_ = np.abs(u - u.round()) > WHOLE
            if not open_.any():
                break
            still = _still(u)
            solver.fix(self.running[still], u[still].round())
            least = ROUND_UP if k < PATIENCE else LAST_ROUND_UP
            up = open_ & (u >= min(least, u[open_].max()))
            solver.fix(self.running[up], np.ones(int(up.sum())))
            x = self.limits.settle(self.what, relax=True)
        solver.fix(self.running, x[self.running].round())
        return self.day.schedule(self.limits.settle(self.what, relax=True), self.bound)

    def _neighbourhood(self) -> Schedule:
        fixed = self.running[_still(self.x[self.running])]
        return replace(self._among(fixed, self.gap / 2)[0], bound=self.bound)

    def _without(self, fixed: Ints) -> Schedule:
        schedule, proven = self._among(fixed, self.gap)
        room = FIXING_SHARE * abs(self.bound)
        lossless = schedule.cost <= self.bound + room
        return replace(schedule, bound=max(self.bound, min(proven, self.bound + room)) if lossless else self.bound)

    def _too_dear(self) -> Ints:
        """Columns of commitments, starts and stops that another choice would make too dear."""
        binary = np.concatenate([self.day.problem.columns[name].index.ravel() for name in ("u", "v", "w")])
        whole = np.abs(self.x[binary] - self.x[binary].round()) < WHOLE
        return np.asarray(binary[whole & (np.abs(self.reduced[binary]) > FIXING_SHARE * abs(self.bound))])

    def _among(self, fixed: Ints, gap: float) -> tuple[Schedule, float]:
        """The best schedule with some columns as in the relaxation, and the search's bound."""
        solver = Solver(self.day.problem.template)
        solver.option("mip_rel_gap", gap)
        solver.option("mip_max_nodes", MAX_NODES)  # a limit in nodes, unlike one in time, gives the same everywhere
        solver.option("mip_heuristic_run_rens", False)  # searches again what the fixing has left
        solver.fix(fixed, self.x[fixed].round())
        limits = self.day.problem.limits(solver, self.limits)
        x = limits.settle(self.what)
        bound = solver.bound
        solver.fix(self.running, x[self.running].round())
        return self.day.schedule(limits.settle(self.what, relax=True), bound), bound


def _still(u: Floats) -> Bools:
    """(hour, unit) where a commitment is whole and the same in the hours beside it."""
    same = np.abs(np.diff(u, axis=0)) < WHOLE
    edge = np.ones((1, u.shape[1]), bool)
    whole = np.abs(u - u.round()) < WHOLE
    return np.asarray(whole & np.vstack([edge, same]) & np.vstack([same, edge]))
