"""Network losses that a commitment must cover, estimated from the relaxed problem's flows."""

from dataclasses import replace

import numpy as np

from slots.contracts.unit_commitment import Horizon
from slots.grid.model import Floats
from slots.scheduling.routines.day import Day

SAFETY = 1.05  # integer commitments concentrate output and so lose a little more than the relaxation


def with_relaxed_losses(h: Horizon, r_mw: Floats) -> Horizon:
    """The horizon with the DC losses r f² of its own relaxation added to the demand.

    Args:
        h: a horizon whose demand holds no losses.
        r_mw: (branch,) MW lost per MW squared.
    """
    day = Day(h)
    x = day.problem.limits(day.problem.solver()).settle(f"losses from hour {h.first_hour}", relax=True)
    p = day.power(x)
    flow = h.flow(p)[:, : len(r_mw)]
    return replace(h, demand=h.demand + SAFETY * np.asarray((r_mw[None, :] * flow**2).sum(axis=1)))
