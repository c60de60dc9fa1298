"""Unit commitment as one mixed-integer problem with branch limits added as they are violated.

Limits are gathered on the relaxation, where a round is cheap; the integer solution is then checked against
every branch, and what it violates joins for another solve.
"""

from slots.contracts.unit_commitment import Horizon, Schedule
from slots.scheduling.formulation import build, read_schedule, settle

TIME_LIMIT_S = 240.0


def lazy_network(horizon: Horizon, gap: float) -> Schedule:
    """Solve a horizon to a relative gap.

    Raises:
        InfeasibleError: the borders contradict each other.
    """
    what = f"unit commitment from hour {horizon.first_hour}"
    model, columns = build(horizon)
    solver = model.solver()
    solver.option("mip_rel_gap", gap)
    solver.option("time_limit", TIME_LIMIT_S)
    known: set[tuple[int, int]] = set()
    settle(solver, horizon, columns, known, what, relax=True)
    x = settle(solver, horizon, columns, known, what, relax=False)
    bound = solver.bound
    solver.fix(columns.u.index, x[columns.u.index].round())
    return read_schedule(horizon, columns, settle(solver, horizon, columns, known, what, relax=True), bound)
