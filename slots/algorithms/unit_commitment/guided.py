"""Unit commitment guided by its relaxation: the default.

The relaxation with all branch limits it needs says which units could profit from another commitment: those
that it leaves fractional or changes during the day, and, where those alone prove too few, those whose cheapest change
costs less than a small share of the day's cost by reduced costs. Only they stay free; the rest keep the
relaxation's commitment. The bound reported is the relaxation's, or that of the search where nothing was fixed.
"""

import numpy as np

from slots.contracts.unit_commitment import Horizon, Schedule
from slots.grid.model import Bools, Floats
from slots.scheduling.formulation import Columns, add_limits, build, read_schedule, unit_power, violated
from slots.scheduling.linear import LinearModel, Solver

MAX_ROUNDS = 12
MAX_NODES = 4000
# Of the day's cost: what a change may cost by reduced costs and still be tried. First only what the relaxation
# leaves open, which most days proves good enough; then more.
CHANGE_SHARES = (0.0, 2e-4)


def guided(horizon: Horizon, gap: float) -> Schedule:
    """Solve a horizon; `gap` bounds the search among the free units.

    Raises:
        InfeasibleError: the borders contradict each other.
    """
    what = f"unit commitment from hour {horizon.first_hour}"
    model, columns = build(horizon)
    relaxed = model.solver()
    known: set[tuple[int, int]] = set()
    x = _settle(relaxed, horizon, columns, known, what, relax=True)
    bound, reduced = relaxed.objective, relaxed.reduced_costs()
    best = None
    for share in CHANGE_SHARES:
        free = _undecided(horizon, columns, x, reduced, share * abs(bound))
        found = _restricted(horizon, model, columns, known, x, free, gap, what, bound)
        best = found if best is None or found.cost < best.cost else best
        if best.cost - bound <= gap * abs(best.cost):
            break  # the relaxation itself proves that nothing much better exists
    assert best is not None
    return best


def _restricted(
    h: Horizon, model: LinearModel, c: Columns, known: set[tuple[int, int]], relaxed: Floats, free: Bools,
    gap: float, what: str, bound: float,
) -> Schedule:  # fmt: skip
    """The best schedule with all but the free units as in the relaxation."""
    solver = model.solver()
    solver.option("mip_rel_gap", gap)
    solver.option("mip_max_nodes", MAX_NODES)  # a limit in nodes, unlike one in time, gives the same result everywhere
    if known:
        add_limits(solver, h, c, sorted(known))
    u = c.u.index
    solver.fix(u[:, ~free], relaxed[u[:, ~free]].round())
    known = set(known)
    x = _settle(solver, h, c, known, what, relax=False)
    if free.all():
        bound = max(bound, solver.bound)
    solver.fix(u, x[u].round())
    return read_schedule(h, c, _settle(solver, h, c, known, what, relax=True), bound)


def _settle(solver: Solver, h: Horizon, c: Columns, known: set[tuple[int, int]], what: str, relax: bool) -> Floats:
    """Solve until no branch limit outside the model is violated."""
    for _ in range(MAX_ROUNDS):
        x = solver.run(what, relax=relax)
        pairs = violated(h, unit_power(h, c, x), known)
        if not pairs:
            break
        known.update(pairs)
        add_limits(solver, h, c, pairs)
    return x


def _undecided(h: Horizon, c: Columns, x: Floats, reduced: Floats, budget: float) -> Bools:
    """(thermal,) whether another commitment of a unit might pay."""
    u, cost = x[c.u.index], reduced[c.u.index]
    start = np.maximum(reduced[c.v.index].min(axis=0), 0.0)
    out = ((u > 1e-6) & (u < 1 - 1e-6)).any(axis=0) | (np.ptp(u, axis=0) > 1e-6)
    for k in np.flatnonzero(~out):
        g = c.thermal[k]
        running = u[0, k] > 0.5
        span = int(np.clip(h.units.min_down[g] if running else h.units.min_up[g], 1, h.hours))
        window = np.convolve(-cost[:, k] if running else cost[:, k], np.ones(span), "valid").min()
        out[k] = max(window, 0.0) + (0.0 if running else start[k]) < budget
    return np.asarray(out)
