"""Unit commitment by rounding: the relaxation's fractions become one or nothing, then minimum times are kept."""

from typing import Annotated

import numpy as np

from slots.contracts.unit_commitment import Horizon, Schedule
from slots.grid.model import Bools
from slots.parameters import Parameter
from slots.scheduling.routines.day import Day

SLOT = "unit_commitment"


def rounded(
    horizon: Horizon,
    gap: float,
    *,
    least: Annotated[float, Parameter("fraction from which a unit runs", unit="1", ge=0.001, le=1)] = 0.05,
) -> Schedule:
    """Commit what the relaxation commits in part, for as long as units must run, then dispatch."""
    day = Day(horizon)
    relaxed = day.problem.solver()
    x = day.problem.limits(relaxed).settle("the relaxation", relax=True)
    on = np.zeros((horizon.hours, len(horizon.units)), bool)
    on[:, day.thermal] = day.problem.value("u", x) > least
    for g in day.thermal:
        on[:, g] = _held(on[:, g], _before(horizon, g), horizon.units.min_up[g], horizon.units.min_down[g])
    bound, dispatch = relaxed.objective, Day(horizon, on)
    return dispatch.schedule(dispatch.problem.solve().x, bound)


def _before(horizon: Horizon, g: int) -> tuple[bool, float] | None:
    start = horizon.start
    return None if start is None else (bool(start.on[g]), float(start.hours[g]))


def _held(on: Bools, before: tuple[bool, float] | None, up: float, down: float) -> Bools:
    """The commitment of one unit with short pauses filled and short runs made longer."""
    out, hours = on.copy(), len(on)
    state, since = before if before is not None else (bool(on[0]), np.inf)
    for t in range(hours):
        if out[t] and not state and since < down:  # not yet: it starts once it may
            out[t] = False
        if not out[t] and state and (since < up or out[t : t + int(down)].any()):
            out[t] = True
        state, since = bool(out[t]), since + 1 if out[t] == state else 1.0
    return out
