"""The search for a commitment case's schedule: from its relaxation to a schedule and a bound as near as asked for.

1. The relaxation: its cost is a bound, its reduced costs tell what each decision would cost to take otherwise.
2. A dive that rounds it, and a search of the hours around what is fractional or changes.
3. Where units are few, the same over all hours of the units that are undecided. Else in turn a tree on how many units of
   a kind run (`count_tree`), which lifts the bound, and searches of the hours around what its best node leaves undecided
   or changes, and of stretches of hours of the best schedule, which lower the cost.
4. A search of everything, but for the decisions that reduced costs prove dearer than the best schedule found.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from bos_core.objects.errors import BosError, InfeasibleError, SolverError
from slots.contracts.commitment_case import CaseSchedule, CommitmentCase
from slots.grid.model import Floats, Ints
from slots.scheduling.case_problem import compile_case, schedule_of
from slots.scheduling.count_tree import CountTree, Sums
from slots.scheduling.highs import Solver
from slots.scheduling.problem import Problem
from slots.scheduling.search import Effort, Relaxation, still

WHOLE = 1e-6
LARGE = 20_000  # commitments from which a dive comes first
FEW = 1_000  # commitments up to which no tree on counts is needed
LEAST_SECONDS = 5.0
SPELL_SECONDS = 10.0  # of a tree's growth before schedules are looked for again
SEARCH_SECONDS = 15.0  # of a search between
STRETCH = 16  # hours searched together
CUT = 0.99  # share of the gap at which a tree is cut off, so that one that is cut off to the last proves the gap


@dataclass
class _Best:
    """The best schedule so far, its columns, the bound, and the clock."""

    case: CommitmentCase
    problem: Problem
    began: float
    seconds: float
    bound: float = -np.inf
    x: Floats | None = None
    schedule: CaseSchedule | None = None

    def left(self) -> float:
        """CPU seconds left."""
        return self.seconds - (time.process_time() - self.began)

    def offer(self, x: Floats) -> None:
        """Keep columns if they cost less."""
        found = schedule_of(self.case, self.problem, x, -np.inf, 0.0)
        if self.schedule is None or found.cost < self.schedule.cost:
            self.schedule, self.x = found, x

    def near(self, gap: float) -> bool:
        """Whether the best is within the gap."""
        return self.schedule is not None and self.schedule.cost - self.bound <= gap * abs(self.schedule.cost)


def solve_case(case: CommitmentCase, gap: float = 1e-3, seconds: float = 600.0) -> CaseSchedule:
    """A schedule of a case within a relative gap of a proven bound, or the best found in so many CPU seconds.

    Raises:
        InfeasibleError: there is no schedule.
        SolverError: none was found in the time given.
    """
    began = time.process_time()
    problem = compile_case(case)
    what = f"unit commitment of {case.name}"
    large = case.steps * len(case.thermal.name) > LARGE
    effort = Effort(gap, seconds=lambda: seconds - (time.process_time() - began))
    relaxed = Relaxation.of(
        problem, lambda x: schedule_of(case, problem, x, -np.inf, 0.0), effort, what, "ipm" if large else "choose"
    )
    best = _Best(case, problem, began, seconds, relaxed.bound)
    failed: BosError | None = None
    few = case.steps * len(case.thermal.name) <= FEW
    for search in ((_dive,) if large else ()) + (_around, _units if few or large else _counts, _all):
        try:
            search(relaxed, best, gap)
        except (InfeasibleError, SolverError) as error:  # a decision kept from the relaxation cannot be, or time is up
            failed = error
        if best.near(gap) or best.left() < LEAST_SECONDS:
            break
    if best.schedule is None:
        assert failed is not None
        raise failed
    bound = min(best.bound, best.schedule.cost)
    return replace(best.schedule, bound=bound, seconds=time.process_time() - began)


def _dive(relaxed: Relaxation[CaseSchedule], best: _Best, gap: float) -> None:
    del gap
    best.offer(relaxed.rounded())


def _around(relaxed: Relaxation[CaseSchedule], best: _Best, gap: float) -> None:
    u = relaxed.x[relaxed.running]
    keep = still(u)
    _search(relaxed, best, gap / 2, relaxed.running[keep], u[keep].round(), share=0.3)


def _units(relaxed: Relaxation[CaseSchedule], best: _Best, gap: float) -> None:
    u = relaxed.x[relaxed.running]
    moot = np.abs(u - u.round()) > WHOLE
    if best.x is not None:
        moot |= np.abs(u - best.x[relaxed.running]) > 0.5
    keep = ~np.tile(moot.any(axis=0), (len(u), 1))
    _search(relaxed, best, gap / 2, relaxed.running[keep], u[keep].round(), share=0.3)


def _counts(relaxed: Relaxation[CaseSchedule], best: _Best, gap: float) -> None:
    tree, spell = CountTree(Sums.of(best.case, best.problem), relaxed), SPELL_SECONDS
    searched = False  # all stretches of the best schedule
    while not best.near(gap) and best.left() > LEAST_SECONDS and not tree.stuck:
        if best.schedule is not None:
            tree.cut(best.schedule.cost * (1 - CUT * gap))
        tree.grow(min(spell, best.left()))
        best.bound = max(best.bound, tree.bound)
        x, before = None if best.near(gap) else tree.point(), best.x
        if x is None:
            break
        u = x[relaxed.running]
        keep = still(u)
        _tried(relaxed, best, gap, relaxed.running[keep], u[keep].round())
        if best.x is not before:
            searched = False
        elif not searched:
            _stretches(relaxed, best, gap)
            searched = True
        spell *= 1.2


def _stretches(relaxed: Relaxation[CaseSchedule], best: _Best, gap: float) -> None:
    """Searches of all units in a stretch of hours of the best schedule, the rest as it is."""
    for first in range(0, best.case.steps if best.x is not None else 0, STRETCH):
        if not best.near(gap) and best.x is not None:
            u = best.x[relaxed.running]
            keep = np.ones(u.shape, bool)
            keep[first : first + STRETCH] = False
            _tried(relaxed, best, gap, relaxed.running[keep], u[keep].round())


def _tried(relaxed: Relaxation[CaseSchedule], best: _Best, gap: float, fixed: Ints, values: Floats) -> None:
    """A short search that may find nothing."""
    with suppress(InfeasibleError, SolverError):
        _search(relaxed, best, gap / 5, fixed, values, share=SEARCH_SECONDS / max(best.left(), SEARCH_SECONDS))


def _all(relaxed: Relaxation[CaseSchedule], best: _Best, gap: float) -> None:
    """A search whose bound holds: what is fixed would cost more than the best schedule known."""
    columns = np.concatenate([relaxed.problem.columns[name].index.ravel() for name in ("u", "v", "w")])
    value = relaxed.x[columns]
    room = best.schedule.cost - relaxed.bound if best.schedule is not None else np.inf
    dear = (np.abs(value - value.round()) < WHOLE) & (np.abs(relaxed.reduced[columns]) > room)
    proven = _search(relaxed, best, gap, columns[dear], value[dear].round(), share=1.0)
    best.bound = max(best.bound, proven)


def _search(
    relaxed: Relaxation[CaseSchedule], best: _Best, gap: float, fixed: Ints, values: Floats, share: float
) -> float:
    """A mixed-integer search with some columns fixed, from the best schedule; its bound."""
    problem, running = relaxed.problem, relaxed.running
    solver = Solver(problem.template)
    solver.option("mip_rel_gap", gap)
    solver.option("time_limit", max(LEAST_SECONDS, share * best.left()))
    solver.option("mip_heuristic_run_rens", False)
    solver.fix(fixed, values)
    limits = problem.limits(solver, relaxed.limits)
    if best.x is not None and len(best.x) == problem.space.columns and not any(limits.known.values()):
        solver.start_from(best.x)
    x = limits.settle(relaxed.what)
    bound = solver.bound
    solver.fix(running, x[running].round())
    best.offer(limits.settle(relaxed.what, relax=True))
    return bound
