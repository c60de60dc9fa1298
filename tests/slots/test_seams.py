"""Seams with ramps that bite: RTS-GMLC's own never do within an hour, so they are tightened here."""

from dataclasses import replace

import numpy as np
import pytest

from slots.algorithms.active_dispatch.loss_iterated import broken_seam, join_days, loss_iterated
from slots.algorithms.borders.clustered import clustered
from slots.algorithms.unit_commitment.guided import guided
from slots.contracts.active_dispatch import ActiveRequest
from slots.contracts.unit_commitment import Border, Horizon, check_minimum_times, check_ramps, check_schedule
from slots.grid.dc import ptdf
from slots.suites.states import horizon, network

TIGHT = 0.2  # of a unit's range per hour


def _tight(h: Horizon) -> Horizon:
    units = h.units
    ramp = np.where(units.kind == "thermal", np.maximum(TIGHT * (units.pmax - units.pmin), 1.0), units.ramp)
    return replace(h, units=replace(units, ramp=ramp), demand=1.02 * h.demand)


def _request(h: Horizon, on: np.ndarray) -> ActiveRequest:
    g = network().grid
    return ActiveRequest(h, on, ptdf(g), g.branches.f, g.branches.t, g.branches.r / g.base_mva)


def _steady_commitment(both: Horizon) -> np.ndarray:
    """(hour, unit) the units that an ordinary day needs at some hour, on throughout."""
    needed = guided(horizon(100), 2e-2).on.any(axis=0)
    return np.tile(needed, (both.hours, 1))


@pytest.mark.slow
def test_days_solved_apart_join_in_commitment_and_ramps():
    """Borders make independent days join: minimum times and ramps hold on the concatenated schedule."""
    first, days = 150, 3
    whole = _tight(horizon(first, 24 * (days + 1)))
    borders = clustered(whole, days)
    parts = []
    for k in range(days):
        start = borders[k - 1] if k else None
        h = replace(_tight(horizon(first + k)), start=start, end=borders[k])
        s = guided(h, 2e-2)
        check_schedule(h, s)
        parts.append(s)
    on, p = np.vstack([s.on for s in parts]), np.vstack([s.p for s in parts])
    check_minimum_times(whole.units, on, np.full(len(whole.units), np.inf))
    check_ramps(whole.units, on, p)
    changed = sum((parts[k].p[-1] != parts[k + 1].p[0]).any() for k in range(days - 1))
    assert changed == days - 1  # the seams are real: outputs do move across them


@pytest.mark.slow
def test_a_broken_seam_is_found_and_repaired():
    both = _tight(horizon(100, 48))
    on = _steady_commitment(both)
    halves = [_tight(horizon(100 + k)) for k in range(2)]
    # Apart, the second day knows nothing of the first: make its first hours cheap to shed output in.
    halves[1] = replace(halves[1], demand=halves[1].demand * np.linspace(0.85, 1.0, 24))
    requests = [_request(h, on[24 * k : 24 * k + 24]) for k, h in enumerate(halves)]
    apart = [loss_iterated(r).schedule for r in requests]
    assert broken_seam(halves[0].units, (apart[0].on, apart[1].on), (apart[0].p, apart[1].p)).any()
    joined = join_days(*requests, None, None).schedule
    check_ramps(both.units, joined.on, joined.p)
    assert joined.cost >= sum(a.cost for a in apart) * (1 - 1e-6)  # a repair cannot make it cheaper


@pytest.mark.slow
def test_the_outer_neighbours_of_a_repair_are_respected():
    both = _tight(horizon(100, 48))
    on = _steady_commitment(both)
    halves = [_tight(horizon(100 + k)) for k in range(2)]
    requests = [_request(h, on[24 * k : 24 * k + 24]) for k, h in enumerate(halves)]
    free = join_days(*requests, None, None).schedule
    n = len(both.units)
    border = Border(free.on[0], np.full(n, 99.0), np.full(n, np.nan), np.zeros(n), np.full(n, np.inf))
    before = np.clip(free.p[0] + 0.4 * both.units.ramp, both.units.pmin, both.units.pmax)
    pinned = [replace(requests[0], horizon=replace(halves[0], start=border)), requests[1]]
    held = join_days(pinned[0], pinned[1], before, None).schedule
    thermal = (both.units.kind == "thermal") & free.on[0]
    assert (np.abs(held.p[0] - before)[thermal] <= both.units.ramp[thermal] / 2 + 1e-3).all()


def test_a_slow_unit_may_stop_at_midnight_and_the_day_before_makes_room():
    """A unit that cannot stop from full output within an hour, planned to be off for the whole next day."""
    h = horizon(100)
    units, n = h.units, len(h.units)
    slow = int(np.flatnonzero((units.pmax == 350) & (units.ramp < 350))[0])
    thermal = units.kind == "thermal"
    on = guided(h, 2e-2).on[-1] & thermal
    on[slow] = True
    cap = np.full(n, np.inf)
    cap[slow] = max(units.pmin[slow], units.ramp[slow])
    nan, zero = np.full(n, np.nan), np.zeros(n)
    midnight = Border(on, np.full(n, 99.0), nan, zero, cap)
    before = guided(replace(h, end=replace(midnight, hours=np.ones(n))), 2e-2)
    assert before.on[-1, slow]
    assert before.p[-1, slow] <= cap[slow] + 1e-6
    off = on.copy()
    off[slow] = False
    hours = np.where(np.arange(n) == slow, 24.0, 0.0)
    after = guided(replace(horizon(101), start=midnight, end=Border(off, hours, nan, zero, np.full(n, np.inf))), 2e-2)
    assert not after.on[:, slow].any()
