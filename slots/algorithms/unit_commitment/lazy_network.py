"""Unit commitment as one mixed-integer problem with branch limits added as they are violated.

Limits are gathered on the relaxation, where a round is cheap; the integer solution is then checked against
every branch, and what it violates joins for another solve.
"""

from slots.contracts.unit_commitment import Horizon, Schedule
from slots.grid.model import Floats
from slots.scheduling.formulation import Columns, add_limits, build, read_schedule, unit_power, violated
from slots.scheduling.linear import Solver

MAX_RELAXED_ROUNDS = 12
MAX_INTEGER_ROUNDS = 6
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
    for _ in range(MAX_RELAXED_ROUNDS):
        if not _tighten(solver, horizon, columns, solver.run(what, relax=True), known):
            break
    for _ in range(MAX_INTEGER_ROUNDS):
        x = solver.run(what)
        bound = solver.bound
        if not _tighten(solver, horizon, columns, x, known):
            break
    on = x[columns.u.index].round()
    solver.fix(columns.u.index, on)
    return read_schedule(horizon, columns, solver.run(what, relax=True), bound)


def _tighten(solver: Solver, h: Horizon, c: Columns, x: Floats, known: set[tuple[int, int]]) -> bool:
    """Add the limits that `x` violates; whether there were any."""
    pairs = violated(h, unit_power(h, c, x), known)
    known.update(pairs)
    if pairs:
        add_limits(solver, h, c, pairs)
    return bool(pairs)
