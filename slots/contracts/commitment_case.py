"""A unit commitment case as the field states it: what public instances hold, whatever their file.

Steps of time are of `step_h` hours; minimum times, ramps and prices are per step. Powers are MW, money USD.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from slots.grid.model import Bools, Floats, Ints, Strings
from slots.grid.reading import Reading

TOLERANCE_MW = 1e-4


@dataclass(frozen=True)
class ThermalUnits:
    """Units that are committed; arrays begin with (unit,) or (step, unit).

    Attributes:
        mw, usd: (step, unit, K) breakpoints of the cost of a step, convex; the first is the least output, and points that
            repeat the last fill the rest.
        must_run, must_rest: (step, unit) states that are given.
        min_up, min_down: steps.
        rise, fall: MW per step, of the output above the least together with the reserve held; inf: none.
        start_limit, stop_limit: MW in the first and last step of running; inf: none.
        start_off, start_usd: (unit, K) steps off from which a start costs so much, growing; inf fills the rest.
        stop_usd: USD.
        on, since, power: state before the first step, for how many steps it has been so, and MW then.
        rise_from_rest: whether the ramp also holds in the first step for units that rested.
    """

    name: Strings
    bus: Ints
    mw: Floats
    usd: Floats
    must_run: Bools
    must_rest: Bools
    min_up: Floats
    min_down: Floats
    rise: Floats
    fall: Floats
    start_limit: Floats
    stop_limit: Floats
    start_off: Floats
    start_usd: Floats
    stop_usd: Floats
    on: Bools
    since: Floats
    power: Floats
    rise_from_rest: bool

    @property
    def pmin(self) -> Floats:
        """(step, unit) least output while running."""
        return self.mw[:, :, 0]

    @property
    def pmax(self) -> Floats:
        """(step, unit) most output."""
        return self.mw[:, :, -1]


@dataclass(frozen=True)
class Profiled:
    """Units with limits of each step, and loads with a price; arrays (step, element) but `name`, `bus` and `sign`.

    `sign`: 1 injects, -1 takes. `price`: USD per MW and step; what a load is worth counts negative.
    """

    name: Strings
    bus: Ints
    sign: Floats
    low: Floats
    high: Floats
    price: Floats


@dataclass(frozen=True)
class Product:
    """A reserve: MW needed in each step, which units may hold it, USD per MW and step missing (None: never)."""

    name: str
    need: Floats
    eligible: Bools
    price: float | None


@dataclass(frozen=True)
class CaseStores:
    """Stores; arrays (step, store) but `name`, `bus` and `level_before` (MWh)."""

    name: Strings
    bus: Ints
    level_before: Floats
    level_low: Floats
    level_high: Floats
    kept: Floats
    eta_in: Floats
    eta_out: Floats
    charge_low: Floats
    charge_high: Floats
    discharge_low: Floats
    discharge_high: Floats
    charge_price: Floats
    discharge_price: Floats
    one_way: Bools


@dataclass(frozen=True)
class CaseLines:
    """Branches between bus positions `f` and `t`; limits and prices (step, line), inf: none.

    `outages`: (outage,) positions of lines of which each may fail by itself.
    """

    name: Strings
    f: Ints
    t: Ints
    susceptance: Floats
    limit: Floats
    emergency: Floats
    price: Floats
    outages: Ints


@dataclass(frozen=True)
class CommitmentCase:
    """A case.

    Attributes:
        load: (step, bus) MW.
        miss_price: (step,) USD per MW and step by which the balance is missed; None: never.
        stop_room_holds_reserve: whether reserve too must stay within the limit before a stop.
        ramps_hold_reserve: reserve counts in the rise.
    """

    name: str
    step_h: float
    buses: Strings
    load: Floats
    miss_price: Floats | None
    thermal: ThermalUnits
    profiled: Profiled
    products: tuple[Product, ...]
    stores: CaseStores
    lines: CaseLines
    stop_room_holds_reserve: bool
    reading: Reading = field(default_factory=Reading)

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.load)


@dataclass(frozen=True)
class CaseSchedule:
    """A schedule of a case: arrays are (step, element) MW unless said otherwise.

    Attributes:
        on: commitment of thermal units; p: their output; reserve: what they hold of all products together.
        profiled: power of profiled units and of loads with a price.
        charge, discharge: of stores; level: MWh.
        short, spill: (step, bus) load not served, generation too much; reserve_short: (step, product).
        overload: (step, line) MW above the limit, the worst of the intact grid and of the outages.
        cost, bound: USD, and what no schedule can be cheaper than; seconds: of CPU that the search took.
        parts: USD by kind of cost.
    """

    on: Bools
    p: Floats
    reserve: Floats
    profiled: Floats
    charge: Floats
    discharge: Floats
    level: Floats
    short: Floats
    spill: Floats
    reserve_short: Floats
    overload: Floats
    cost: float
    bound: float
    seconds: float
    parts: dict[str, float]

    @property
    def gap(self) -> float:
        """Share of the cost by which a cheaper schedule is not excluded."""
        return max(0.0, self.cost - self.bound) / max(abs(self.cost), 1e-9)


def start_costs(case: CommitmentCase, on: Bools) -> Floats:
    """(unit,) USD of the starts in a commitment (step, unit), by the time off before each."""
    g = case.thermal
    out = np.zeros(len(g.name))
    for k in range(len(g.name)):
        state, since = bool(g.on[k]), float(g.since[k])
        for now in on[:, k]:
            if now == state:
                since += 1
                continue
            if now:
                tier = int(np.flatnonzero(g.start_off[k] <= max(since, g.start_off[k, 0]))[-1])
                out[k] += g.start_usd[k, tier]
            state, since = bool(now), 1.0
    return out


def stop_costs(case: CommitmentCase, on: Bools) -> Floats:
    """(unit,) USD of the stops."""
    before = np.vstack([case.thermal.on, on[:-1]])
    return np.asarray((before & ~on).sum(axis=0) * case.thermal.stop_usd)


def running_costs(case: CommitmentCase, on: Bools, p: Floats) -> Floats:
    """(unit,) USD of the outputs on the cost curves."""
    g = case.thermal
    out = np.zeros(len(g.name))
    for t, k in np.argwhere(on):
        out[k] += np.interp(p[t, k], g.mw[t, k], g.usd[t, k])
    return out


def check_case_schedule(case: CommitmentCase, s: CaseSchedule, eps: float = 1e-3) -> None:
    """Assert every rule of a case to `eps` MW, and the cost, both counted anew."""
    _check_states(case, s.on)
    _check_outputs(case, s, eps)
    _check_system(case, s, eps)
    counted = running_costs(case, s.on, s.p).sum() + start_costs(case, s.on).sum() + stop_costs(case, s.on).sum()
    counted += (case.profiled.price * s.profiled).sum()
    counted += (case.stores.charge_price * s.charge + case.stores.discharge_price * s.discharge).sum()
    if case.miss_price is not None:
        counted += (case.miss_price[:, None] * (s.short + s.spill)).sum()
    counted += sum((p.price or 0.0) * s.reserve_short[:, k].sum() for k, p in enumerate(case.products))
    told = sum(v for k, v in s.parts.items() if k != "lines")
    assert abs(counted - told) <= 1e-6 * abs(counted) + 1.0, f"cost {told:.1f}, counted {counted:.1f}"
    assert abs(sum(s.parts.values()) - s.cost) <= 1e-6 * abs(s.cost) + 1e-3, "the parts are not the cost"
    assert s.bound <= s.cost + 1e-6 * abs(s.cost) + 1e-3, "the bound lies above the cost"


def _check_states(case: CommitmentCase, on: Bools) -> None:
    g = case.thermal
    assert (on | ~g.must_run).all(), "a unit that must run rests"
    assert (~on | ~g.must_rest).all(), "a unit that must rest runs"
    for k, name in enumerate(g.name):
        state, since = bool(g.on[k]), float(g.since[k])
        for t, now in enumerate(on[:, k]):
            if now != state:
                least = g.min_up[k] if state else g.min_down[k]
                assert since >= least, f"unit {name} changes in step {t} after {since} steps, least {least}"
                state, since = bool(now), 0.0
            since += 1


def _check_outputs(case: CommitmentCase, s: CaseSchedule, eps: float) -> None:
    g = case.thermal
    low, high = g.pmin * s.on, g.pmax * s.on
    assert (s.p >= low - eps).all(), "below the least output"
    assert (s.p + s.reserve <= high + eps).all(), "output and reserve above the most output"
    assert (s.reserve >= -eps).all(), "reserve is negative"
    before_on = np.vstack([g.on, s.on[:-1]])
    above = s.p - low
    before = np.vstack([np.where(g.on, g.power - g.pmin[0], 0.0), above[:-1]])
    first = np.arange(case.steps)[:, None] == 0
    rises = np.ones_like(s.on) if g.rise_from_rest else ~(first & ~g.on)
    assert (above + s.reserve - before <= g.rise + eps)[rises].all(), "a rise above the ramp"
    assert (before - above <= g.fall + eps)[before_on].all(), "a fall above the ramp"
    started, stopping = s.on & ~before_on, before_on & ~s.on
    assert (s.p + s.reserve <= np.maximum(g.start_limit, g.pmin) + eps)[started].all(), "above the start limit"
    reserve = s.reserve if case.stop_room_holds_reserve else 0.0
    given = np.vstack([np.where(g.on, g.power, 0.0), (s.p + reserve)[:-1]])
    limit = np.maximum(g.stop_limit, np.vstack([g.pmin[:1], g.pmin[:-1]]))
    assert (given <= limit + eps)[stopping].all(), "above the stop limit"


def _check_system(case: CommitmentCase, s: CaseSchedule, eps: float) -> None:
    x, e = case.profiled, case.stores
    made = s.p.sum(axis=1) + (x.sign * s.profiled).sum(axis=1) + (s.discharge - s.charge).sum(axis=1)
    missed = (s.short - s.spill).sum(axis=1)
    assert np.abs(made + missed - case.load.sum(axis=1)).max() < eps * max(1.0, len(case.buses) ** 0.5), "no balance"
    if case.miss_price is None:
        assert max(s.short.max(initial=0.0), s.spill.max(initial=0.0)) < eps, "the balance is missed"
    assert (s.profiled >= x.low - eps).all(), "a profiled unit below its least power"
    assert (s.profiled <= x.high + eps).all(), "a profiled unit above its most power"
    able = np.zeros((case.steps, len(case.products)))
    for k, product in enumerate(case.products):
        able[:, k] = s.reserve[:, product.eligible].sum(axis=1)
        assert (able[:, k] + s.reserve_short[:, k] >= product.need - eps).all(), f"reserve {product.name} is not held"
        assert product.price is not None or s.reserve_short[:, k].max(initial=0.0) < eps, "reserve is missing"
    assert (s.level >= e.level_low - eps).all(), "a store below its least content"
    assert (s.level <= e.level_high + eps).all(), "a store above its most content"
    before = np.vstack([e.level_before, s.level[:-1]])
    change = case.step_h * (e.eta_in * s.charge - s.discharge / e.eta_out)
    assert np.abs(s.level - e.kept * before - change).max(initial=0.0) < eps, "a store whose energy does not add up"
