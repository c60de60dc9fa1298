"""Unit commitment guided by its relaxation: the default. Its searches are each wider and dearer than the one before.

They are `slots.scheduling.search`'s. The first schedule within the gap asked for is returned, else the best.
"""

from dataclasses import replace

from slots.contracts.unit_commitment import Horizon, Schedule
from slots.grid.model import Floats
from slots.scheduling.routines.day import Day
from slots.scheduling.search import Effort, Relaxation


def guided(horizon: Horizon, gap: float) -> Schedule:
    """Solve a horizon until cost and bound are within `gap`, or all searches are done.

    Raises:
        InfeasibleError: the borders contradict each other.
    """
    day = Day(horizon)

    def schedule(x: Floats) -> Schedule:
        return day.schedule(x, -float("inf"))

    relaxed = Relaxation.of(day.problem, schedule, Effort(gap), f"unit commitment from hour {horizon.first_hour}")
    best, bound = None, relaxed.bound
    for found, proven in relaxed.found():
        bound = max(bound, proven)
        best = found if best is None or found.cost < best.cost else best
        if best.cost - bound <= gap * abs(best.cost):
            break
    assert best is not None
    return replace(best, bound=bound)
