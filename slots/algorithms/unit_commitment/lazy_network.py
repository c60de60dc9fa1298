"""Unit commitment as one mixed-integer problem with branch limits added as they are violated.

Limits are gathered on the relaxation, where a round is cheap; the integer solution is then checked against
every branch, and what it violates joins for another solve.
"""

from slots.contracts.unit_commitment import Horizon, Schedule
from slots.scheduling.routines.day import Day

TIME_LIMIT_S = 240.0


def lazy_network(horizon: Horizon, gap: float) -> Schedule:
    """Solve a horizon to a relative gap.

    Raises:
        InfeasibleError: the borders contradict each other.
    """
    what = f"unit commitment from hour {horizon.first_hour}"
    day = Day(horizon)
    solver = day.problem.solver()
    limits = day.problem.limits(solver)
    solver.option("mip_rel_gap", gap)
    solver.option("time_limit", TIME_LIMIT_S)
    limits.settle(what, relax=True)
    x = limits.settle(what)
    bound = solver.bound
    running = day.problem.columns["u"].index
    solver.fix(running, x[running].round())
    return day.schedule(limits.settle(what, relax=True), bound)
