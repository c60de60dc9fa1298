"""Searches for a commitment, guided by its relaxation: each wider and dearer than the one before.

The relaxation with all branch limits it needs decides most commitments; its cost is a proven lower bound.

1. A dive: whole decisions are kept, fractional ones rounded up, the relaxation solved again from where it ended.
2. A neighbourhood: a mixed-integer search over the hours around fractional or changing decisions alone.
3. Reduced-cost fixing: each decision's reduced cost is the least by which any schedule grows dearer that decides
   otherwise. Decisions dearer than a small share of the cost are fixed and the rest is searched. Where the schedule found
   costs no more than that share above the relaxation, nothing better was excluded, and the search's own bound holds;
   elsewhere the bound is the relaxation's.
4. Where the best is still far from the bound, as on small grids, the same with only those decisions fixed that are dearer
   than the best schedule known: nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from bos_core.objects.errors import InfeasibleError, SolverError
from slots.grid.model import Bools, Floats, Ints
from slots.scheduling.highs import Solver
from slots.scheduling.lazy import LazyLimits
from slots.scheduling.problem import Problem

MAX_NODES = 4000
FIXING_SHARE = 2e-3  # of the cost; smaller fixes more but proves less
FAR = 1e-2  # of the cost; a schedule further from the bound is searched for once more, without loss
SMALL = 1000  # commitments up to which that is done
WHOLE = 1e-6
ROUND_UP = 0.3  # commitments above become one in a dive
PATIENCE = 8  # rounds of a dive, after which anything above LAST_ROUND_UP becomes one
LAST_ROUND_UP = 0.02
MAX_ROUNDS = 60


class Costed(Protocol):
    """A schedule with its cost (USD)."""

    @property
    def cost(self) -> float:
        """USD."""
        ...


S = TypeVar("S", bound=Costed)


@dataclass(frozen=True)
class Effort:
    """What a search may take.

    Attributes:
        gap: relative distance of cost and bound that is wanted.
        nodes: of a mixed-integer search; unlike a limit in time, it gives the same everywhere.
        options: further HiGHS options of the mixed-integer searches.
        seconds: left for a search or the relaxation, asked when it begins; None: no limit.
    """

    gap: float
    nodes: int = MAX_NODES
    options: tuple[tuple[str, object], ...] = ()
    seconds: Callable[[], float] | None = None


@dataclass(frozen=True)
class Relaxation(Generic[S]):
    """A problem's relaxation: its values, reduced costs and cost, and the branch limits it needs.

    Attributes:
        schedule: makes a schedule of a solution's columns.
    """

    problem: Problem
    schedule: Callable[[Floats], S]
    effort: Effort
    what: str
    limits: LazyLimits
    solver: Solver
    x: Floats
    reduced: Floats
    bound: float

    @classmethod
    def of(
        cls, problem: Problem, schedule: Callable[[Floats], S], effort: Effort, what: str, method: str = "choose"
    ) -> Relaxation[S]:
        """Solve the relaxation.

        Raises:
            InfeasibleError: it has no solution.
            SolverError: it was not solved in the time given.
        """
        solver = Solver(problem.template)
        solver.option("solver", method)
        if effort.seconds is not None:
            solver.option("time_limit", max(1.0, effort.seconds()))
        limits = problem.limits(solver)
        x = limits.settle(what, relax=True)
        if not solver.optimal:
            raise SolverError(f"the relaxation of {what} was not solved in the time given", "give it more time")
        solver.option("time_limit", np.inf)
        return cls(problem, schedule, effort, what, limits, solver, x, solver.reduced_costs(), solver.objective)

    @property
    def running(self) -> Ints:
        """(hour, unit) columns of the commitments."""
        return self.problem.columns["u"].index

    def found(self) -> Iterator[tuple[S, float]]:
        """What the searches find, each with a bound on any schedule's cost; at least one.

        Raises:
            InfeasibleError: there is no schedule.
        """
        least = np.inf
        for search in (self.dive, self.neighbourhood):
            try:
                schedule = search()
            except (InfeasibleError, SolverError):  # a decision kept from the relaxation cannot be
                continue
            least = min(least, schedule.cost)
            yield schedule, self.bound
        fixed, proven = self.too_dear(FIXING_SHARE * abs(self.bound)), self.bound
        try:
            schedule, proven = self.without(fixed)
            least = min(least, schedule.cost)
            yield schedule, proven
        except (InfeasibleError, SolverError):
            pass
        # What was fixed may hide much, or all; nothing better is excluded by what costs more than the best.
        far = self.running.size <= SMALL and least - proven > FAR * abs(least)
        if far or not np.isfinite(least):
            schedule, bound = self.among(self.too_dear(least - self.bound), self.effort.gap)
            yield schedule, max(self.bound, min(bound, least))

    def dive(self) -> S:
        """Keep what is whole, round up what is not, solve again."""
        return self.schedule(self.rounded())

    def rounded(self) -> Floats:
        """The columns that the dive ends with."""
        solver, x = self.solver, self.x
        solver.option("solver", "choose")  # from the basis it ended with
        for k in range(MAX_ROUNDS):
            u = x[self.running]
            open_ = np.abs(u - u.round()) > WHOLE
            if not open_.any():
                break
            keep = still(u)
            solver.fix(self.running[keep], u[keep].round())
            least = ROUND_UP if k < PATIENCE else LAST_ROUND_UP
            up = open_ & (u >= min(least, u[open_].max()))
            solver.fix(self.running[up], np.ones(int(up.sum())))
            x = self.limits.settle(self.what, relax=True)
        solver.fix(self.running, x[self.running].round())
        return self.limits.settle(self.what, relax=True)

    def neighbourhood(self) -> S:
        """Search the hours around fractional or changing decisions."""
        fixed = self.running[still(self.x[self.running])]
        return self.among(fixed, self.effort.gap / 2)[0]

    def without(self, fixed: Ints) -> tuple[S, float]:
        """Search all but some decisions that are too dear to take otherwise."""
        schedule, proven = self.among(fixed, self.effort.gap)
        room = FIXING_SHARE * abs(self.bound)
        lossless = schedule.cost <= self.bound + room
        return schedule, max(self.bound, min(proven, self.bound + room)) if lossless else self.bound

    def too_dear(self, room: float) -> Ints:
        """Columns of commitments, starts and stops that another choice would make dearer by more than `room` (USD)."""
        binary = np.concatenate([self.problem.columns[name].index.ravel() for name in ("u", "v", "w")])
        whole = np.abs(self.x[binary] - self.x[binary].round()) < WHOLE
        return np.asarray(binary[whole & (np.abs(self.reduced[binary]) > room)])

    def among(self, fixed: Ints, gap: float) -> tuple[S, float]:
        """The best schedule with some columns as in the relaxation, and the search's bound."""
        solver = Solver(self.problem.template)
        solver.option("mip_rel_gap", gap)
        solver.option("mip_max_nodes", self.effort.nodes)
        solver.option("mip_heuristic_run_rens", False)  # searches again what the fixing has left
        for name, value in self.effort.options:
            solver.option(name, value)
        if self.effort.seconds is not None:
            solver.option("time_limit", max(1.0, self.effort.seconds()))
        solver.fix(fixed, self.x[fixed].round())
        limits = self.problem.limits(solver, self.limits)
        x = limits.settle(self.what)
        bound = solver.bound
        solver.fix(self.running, x[self.running].round())
        return self.schedule(limits.settle(self.what, relax=True)), bound


def still(u: Floats) -> Bools:
    """(hour, unit) where a commitment is whole and the same in the hours beside it."""
    same = np.abs(np.diff(u, axis=0)) < WHOLE
    edge = np.ones((1, u.shape[1]), bool)
    whole = np.abs(u - u.round()) < WHOLE
    return np.asarray(whole & np.vstack([edge, same]) & np.vstack([same, edge]))
