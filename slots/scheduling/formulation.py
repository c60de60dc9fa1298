"""The three-bin unit-commitment formulation and its dispatch, shared by UC, APD and the border repair.

Columns: u, v, w (on, started, stopped), segment outputs above the minimum, reserve, weather-driven output,
stores. Rows: logic, minimum times (Rajan and Takriti, 2005), capacity with start and stop limits (Gentile,
Morales-Espana and Ramos, 2017), ramps where they can bind, balance, reserve. Branch limits join as they are
violated.
"""

from dataclasses import dataclass

import numpy as np

from slots.contracts.unit_commitment import (
    OVERLOAD_USD_MWH,
    RESERVE_USD_MWH,
    SHED_USD_MWH,
    SPILL_USD_MWH,
    Horizon,
    Schedule,
)
from slots.grid.model import Bools, Floats, Ints, Units
from slots.scheduling.linear import INF, Block, LinearModel, Solver

NETWORK_TOLERANCE_MW = 0.01
SMALLEST_FACTOR = 1e-4
MAX_ROUNDS = 20
# Among equal schedules prefer the one that moves stores less; keeps solutions unique enough to compare.
STORE_WEAR_USD_MWH = 0.1


@dataclass(frozen=True)
class Columns:
    """Where everything is in the model."""

    thermal: Ints
    variable: Ints
    stores: Ints
    u: Block
    v: Block
    w: Block
    seg: Block
    r: Block
    x: Block
    charge: Block
    discharge: Block
    energy: Block
    shed: Block
    spill: Block
    short: Block


def build(h: Horizon, commitment: Bools | None = None) -> tuple[LinearModel, Columns]:
    """The model of a horizon; with a commitment (hour, unit), its dispatch."""
    units, t_max = h.units, h.hours
    thermal = np.flatnonzero((units.kind == "thermal") & units.in_service)
    variable = np.flatnonzero((units.kind == "variable") & units.in_service)
    stores = np.flatnonzero((units.kind == "storage") & units.in_service)
    m = LinearModel()
    g = len(thermal)
    width = np.diff(units.cost_mw[thermal], axis=1)
    slope = np.divide(np.diff(units.cost_usd[thermal], axis=1), width, out=np.zeros_like(width), where=width > 1e-9)
    low, high = _commitment_bounds(h, thermal) if commitment is None else (commitment[:, thermal],) * 2
    free = commitment is None
    swing = (0.0, 1.0 if free else 0.0)
    u = m.columns((t_max, g), low, high, units.cost_usd[thermal, 0], integer=free)
    v = m.columns((t_max, g), swing[0], swing[1], units.start_cost[thermal], integer=free)
    w = m.columns((t_max, g), swing[0], swing[1])
    seg = m.columns((t_max, g, width.shape[1]), 0.0, width, slope)
    r = m.columns((t_max, g), 0.0, np.minimum(units.ramp_10min, units.pmax)[thermal])
    up = h.upper()[:, variable]
    x = m.columns((t_max, len(variable)), np.minimum(h.floor[:, variable], up), up)
    pc, pmax = units.charge_max[stores], units.pmax[stores]
    charge = m.columns((t_max, len(stores)), 0.0, pc, STORE_WEAR_USD_MWH)
    discharge = m.columns((t_max, len(stores)), 0.0, pmax, STORE_WEAR_USD_MWH)
    energy = m.columns((t_max, len(stores)), 0.0, units.energy_max[stores])
    shed = m.columns((t_max,), 0.0, INF, SHED_USD_MWH)
    spill = m.columns((t_max,), 0.0, INF, SPILL_USD_MWH)
    short = m.columns((t_max,), 0.0, INF, RESERVE_USD_MWH)
    c = Columns(thermal, variable, stores, u, v, w, seg, r, x, charge, discharge, energy, shed, spill, short)
    if free:
        _logic(m, h, c)
        _minimum_times(m, h, c)
    _capacity(m, h, c, commitment)
    _ramps(m, h, c, commitment)
    _stops_at_midnight(m, h, c)
    _stores(m, h, c)
    _balance_and_reserve(m, h, c)
    return m, c


def _commitment_bounds(h: Horizon, thermal: Ints) -> tuple[Floats, Floats]:
    """(hour, thermal) least and most commitment that borders and must-run leave."""
    units, t_max = h.units, h.hours
    low, high = np.zeros((t_max, len(thermal))), np.ones((t_max, len(thermal)))
    low[:, units.must_run[thermal]] = 1.0
    for k, g in enumerate(thermal):
        if h.start is not None:
            least = units.min_up[g] if h.start.on[g] else units.min_down[g]
            rest = int(np.clip(least - h.start.hours[g], 0, t_max))
            if not (units.must_run[g] and not h.start.on[g]):
                low[:rest, k] = high[:rest, k] = float(h.start.on[g])
        if h.end is not None:
            tail = int(min(h.end.hours[g], t_max))
            low[t_max - tail :, k] = high[t_max - tail :, k] = float(h.end.on[g])
    return low, high


def _logic(m: LinearModel, h: Horizon, c: Columns) -> None:
    u, v, w = c.u.index, c.v.index, c.w.index
    if h.start is None:  # free history: no start is paid for in the first hour
        m.rows([(1.0, v[0]), (1.0, w[0])], 0.0, 0.0)
    else:
        before = h.start.on[c.thermal].astype(float)
        m.rows([(1.0, u[0]), (-1.0, v[0]), (1.0, w[0])], before, before)
        limit = stop_limit(h.units)[c.thermal]
        slow = (limit < h.units.pmax[c.thermal] - 1e-6) & (h.start.cap[c.thermal] > limit + 1e-6)
        if slow.any():  # the day before may end above what a unit can stop from
            m.rows([(1.0, w[0][slow])], 0.0, 0.0)
    if h.hours > 1:
        m.rows(
            [(1.0, u[1:].ravel()), (-1.0, u[:-1].ravel()), (-1.0, v[1:].ravel()), (1.0, w[1:].ravel())],
            0.0,
            0.0,
        )


def _minimum_times(m: LinearModel, h: Horizon, c: Columns) -> None:
    u, v, w = c.u.index, c.v.index, c.w.index
    for k, g in enumerate(c.thermal):
        for times, change, sign, top in (
            (h.units.min_up[g], v, -1.0, 0.0),
            (h.units.min_down[g], w, 1.0, 1.0),
        ):
            span = int(min(max(times, 1), h.hours))
            offset = np.arange(h.hours)[:, None] - np.arange(span)[None, :]
            cols = change[np.maximum(offset, 0), k]
            m.rows([((offset >= 0).astype(float), cols), (sign, u[:, k])], -INF, top)


def stop_limit(units: Units) -> Floats:
    """(unit,) MW a unit can start to or stop from within an hour."""
    return np.asarray(np.minimum(np.maximum(units.pmin, units.ramp), units.pmax))


def _capacity(m: LinearModel, h: Horizon, c: Columns, commitment: Bools | None) -> None:
    units, u, v, w = h.units, c.u.index, c.v.index, c.w.index
    span = (units.pmax - units.pmin)[c.thermal]
    cut = units.pmax[c.thermal] - stop_limit(h.units)[c.thermal]
    t, g = h.hours, len(c.thermal)
    if commitment is None:
        nxt = np.vstack([w[1:], w[-1:]])
        later = np.ones((t, g))
        later[-1] = 0.0
        terms = [
            (1.0, c.seg.index.reshape(t * g, -1)), (1.0, c.r.index.ravel()), (np.tile(-span, t), u.ravel()),
            (np.tile(cut, t), v.ravel()), ((cut * later).ravel(), nxt.ravel()),
        ]  # fmt: skip
        m.rows(terms, -INF, 0.0)
    else:
        on = commitment[:, c.thermal].astype(float)
        before = h.start.on[c.thermal][None, :] if h.start is not None else on[:1].astype(bool)
        previous = np.vstack([before, on[:-1] > 0.5])
        following = np.vstack([on[1:] > 0.5, on[-1:] > 0.5])
        limit = span * on - cut * on * ~previous - cut * on * ~following
        m.rows(
            [(1.0, c.seg.index.reshape(t * g, -1)), (1.0, c.r.index.ravel())],
            -INF,
            np.maximum(limit, 0).ravel(),
        )
    quick = np.minimum(units.ramp_10min, units.pmax)[c.thermal]
    m.rows([(1.0, c.r.index.ravel()), (np.tile(-quick, t), u.ravel())], -INF, 0.0)
    wide = (np.diff(units.cost_mw[c.thermal], axis=1) > 1e-9).ravel()
    if commitment is None:  # each segment closes with its unit: tightens the relaxation
        k = c.seg.shape[2]
        widths = np.tile(np.diff(units.cost_mw[c.thermal], axis=1).ravel(), t)
        keep = np.tile(wide, t)
        cols, owner = c.seg.index.ravel(), np.repeat(u.ravel(), k)
        m.rows([(1.0, cols[keep]), (-widths[keep], owner[keep])], -INF, 0.0)


def _ramps(m: LinearModel, h: Horizon, c: Columns, commitment: Bools | None) -> None:
    """Ramps of units whose hourly ramp is below their range, and the border bands."""
    units = h.units
    tight = np.flatnonzero((units.ramp < units.pmax - units.pmin - 1e-6)[c.thermal])
    if not len(tight):
        return
    g, n = c.thermal[tight], len(tight)
    seg, u, v, w = c.seg.index[:, tight], c.u.index[:, tight], c.v.index[:, tight], c.w.index[:, tight]
    if h.hours > 1:
        t = h.hours - 1
        ramp, extra = np.tile(units.ramp[g], t), np.tile(units.pmax[g], t)
        low = np.tile(units.pmin[g], t)
        now, past = seg[1:].reshape(t * n, -1), seg[:-1].reshape(t * n, -1)
        stays = (u[1:].ravel(), u[:-1].ravel(), v[1:].ravel(), w[1:].ravel())
        if commitment is None:
            m.rows([(1.0, now), (-1.0, past), (low, stays[0]), (-low, stays[1]), (-extra, stays[2])], -INF, ramp)
            m.rows([(1.0, past), (-1.0, now), (low, stays[1]), (-low, stays[0]), (-extra, stays[3])], -INF, ramp)
        else:
            both = (commitment[1:, g] & commitment[:-1, g]).ravel()
            bound = np.where(both, ramp, 2 * extra)
            m.rows([(1.0, now), (-1.0, past)], -bound, bound)
    for border, hour in ((h.start, 0), (h.end, h.hours - 1)):
        if border is None:
            continue
        mine = border.on[g] & np.isfinite(border.power[g])
        if not mine.any():
            continue
        half, slack = units.ramp[g][mine] / 2, units.pmax[g][mine]
        above = border.power[g][mine] - units.pmin[g][mine]
        rows = seg[hour][mine]
        # A unit that stops in the first hour is not held to the band (u = 0 relaxes it).
        m.rows([(1.0, rows), (slack, u[hour][mine])], -INF, above + half + slack)
        m.rows([(-1.0, rows), (slack, u[hour][mine])], -INF, half - above + slack)


def _stops_at_midnight(m: LinearModel, h: Horizon, c: Columns) -> None:
    """Units that the next day may stop at once end the day at an output they can stop from."""
    if h.end is None:
        return
    room = h.end.cap[c.thermal] - h.units.pmin[c.thermal]
    capped = np.flatnonzero(h.end.on[c.thermal] & np.isfinite(room))
    if len(capped):
        m.rows([(1.0, c.seg.index[-1][capped])], -INF, room[capped])


def _stores(m: LinearModel, h: Horizon, c: Columns) -> None:
    if not len(c.stores):
        return
    units, s = h.units, c.stores
    one_way = np.sqrt(units.efficiency[s])
    e, pc, pd = c.energy.index, c.charge.index, c.discharge.index
    before = h.start.energy[s] if h.start is not None else units.energy_initial[s]
    for t in range(h.hours):
        # Inflow that does not fit is spilled: the balance is an upper bound on the store's content.
        level = [(1.0, e[t]), (-one_way, pc[t]), (1 / one_way, pd[t])]
        if t:
            level.append((-1.0, e[t - 1]))
        base = h.inflow[t, s] + (before if t == 0 else 0.0)
        m.rows(level, np.where(h.inflow[:, s].max(axis=0) > 0, -INF, base), base)
    if h.end is not None:
        m.rows([(1.0, e[-1])], h.end.energy[s] - 1e-6, INF)


def _balance_and_reserve(m: LinearModel, h: Horizon, c: Columns) -> None:
    t, units = h.hours, h.units
    pmin = units.pmin[c.thermal]
    terms = [
        (np.broadcast_to(pmin, c.u.shape), c.u.index), (1.0, c.seg.index.reshape(t, -1)),
        (1.0, c.shed.index), (-1.0, c.spill.index),
    ]  # fmt: skip
    if len(c.variable):
        terms.append((1.0, c.x.index))
    if len(c.stores):
        terms += [(1.0, c.discharge.index), (-1.0, c.charge.index)]
    m.rows(terms, h.demand, h.demand)
    held = [(1.0, c.r.index), (1.0, c.short.index)]
    spare = 0.0
    if len(c.variable):  # curtailed weather-driven power can come back at once
        held.append((-1.0, c.x.index))
        spare = h.upper()[:, c.variable].sum(axis=1)
    m.rows(held, h.reserve - spare, INF)


def unit_power(h: Horizon, c: Columns, x: Floats) -> Floats:
    """(hour, unit) MW of a solution."""
    p = np.zeros((h.hours, len(h.units)))
    p[:, c.thermal] = x[c.u.index] * h.units.pmin[c.thermal] + x[c.seg.index].sum(axis=2)
    p[:, c.variable] = x[c.x.index]
    p[:, c.stores] = x[c.discharge.index] - x[c.charge.index]
    return p


def violated(h: Horizon, p: Floats, known: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """(hour, branch) pairs above their limit that are not in the model yet."""
    flow = h.fixed_flow + p @ h.unit_factors.T
    over = np.argwhere(np.abs(flow) > h.rate[None, :] + NETWORK_TOLERANCE_MW)
    return [(int(t), int(b)) for t, b in over if (int(t), int(b)) not in known]


def add_limits(solver: Solver, h: Horizon, c: Columns, pairs: list[tuple[int, int]]) -> None:
    """Add the branch limits of `pairs`, soft at OVERLOAD_USD_MWH."""
    over = solver.add_columns(2 * len(pairs), OVERLOAD_USD_MWH).reshape(-1, 2)
    rows, lo, hi = [], [], []
    for (t, b), slack in zip(pairs, over, strict=True):
        f = np.where(np.abs(h.unit_factors[b]) > SMALLEST_FACTOR, h.unit_factors[b], 0.0)
        cols = [
            c.u.index[t],
            c.seg.index[t].ravel(),
            c.x.index[t],
            c.discharge.index[t],
            c.charge.index[t],
            slack,
        ]
        vals = [
            f[c.thermal] * h.units.pmin[c.thermal], np.repeat(f[c.thermal], c.seg.shape[2]), f[c.variable],
            f[c.stores], -f[c.stores], np.array([-1.0, 1.0]),
        ]  # fmt: skip
        index, value = np.concatenate(cols), np.concatenate(vals)
        rows.append((index[value != 0], value[value != 0]))
        lo.append(-h.rate[b] - h.fixed_flow[t, b])
        hi.append(h.rate[b] - h.fixed_flow[t, b])
    solver.add_rows(rows, np.array(lo), np.array(hi))


def settle(solver: Solver, h: Horizon, c: Columns, known: set[tuple[int, int]], what: str, relax: bool) -> Floats:
    """Solve until no branch limit outside the model is violated; those found join `known`."""
    for _ in range(MAX_ROUNDS):
        x = solver.run(what, relax=relax)
        pairs = violated(h, unit_power(h, c, x), known)
        if not pairs:
            break
        known.update(pairs)
        add_limits(solver, h, c, pairs)
    return x


def read_schedule(h: Horizon, c: Columns, x: Floats, bound: float) -> Schedule:
    """The schedule of a solution, with its costs recomputed from the cost curves."""
    units, n = h.units, len(h.units)
    on = np.broadcast_to(units.in_service, (h.hours, n)).copy()
    on[:, units.kind == "thermal"] = False
    on[:, c.thermal] = x[c.u.index] > 0.5
    p = unit_power(h, c, x)
    reserve, energy = np.zeros((h.hours, n)), np.zeros((h.hours, n))
    reserve[:, c.thermal] = x[c.r.index]
    reserve[:, c.variable] = np.maximum(h.upper()[:, c.variable] - p[:, c.variable], 0.0)
    energy[:, c.stores] = x[c.energy.index]
    flow = h.fixed_flow + p @ h.unit_factors.T
    overload = np.maximum(np.abs(flow) - h.rate[None, :] - NETWORK_TOLERANCE_MW, 0.0)
    shed, spill, short = x[c.shed.index], x[c.spill.index], x[c.short.index]
    penalty = SHED_USD_MWH * shed.sum() + SPILL_USD_MWH * spill.sum() + RESERVE_USD_MWH * short.sum()
    penalty += OVERLOAD_USD_MWH * overload.sum()
    penalty += STORE_WEAR_USD_MWH * (x[c.charge.index].sum() + x[c.discharge.index].sum())
    return Schedule(
        on, p, reserve, energy, shed, spill, short, overload, fuel_cost(h, on, p), starts_cost(h, on),
        float(penalty), bound,
    )  # fmt: skip


def fuel_cost(h: Horizon, on: Bools, p: Floats) -> float:
    """Hourly cost of the thermal units' outputs on their curves, summed (USD)."""
    total = 0.0
    for g in np.flatnonzero(h.units.kind == "thermal"):
        run = on[:, g]
        mw, usd = h.units.cost_mw[g], h.units.cost_usd[g]
        total += float(np.interp(p[run, g], mw, usd).sum())
    return total


def starts_cost(h: Horizon, on: Bools) -> float:
    """Start-up costs within the horizon, counted from its start border if it has one (USD)."""
    before = h.start.on[None, :] if h.start is not None else on[:1]
    started = np.diff(np.vstack([before, on]).astype(int), axis=0) > 0
    thermal = h.units.kind == "thermal"
    return float((started[:, thermal] * h.units.start_cost[thermal]).sum())
