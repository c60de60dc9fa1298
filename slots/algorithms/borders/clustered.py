"""Monthly commitment with units of a class clustered (Palmintier and Webster, 2014) on four-hour blocks.

Integer counts of running units per cluster replace binaries; a cluster costs what its units do on average. The
counts are then dealt to units that are free to change, cheap ones started first and stopped last; whichever are
chosen, enough are free, because the cluster's rows keep the minimum times.
"""

from dataclasses import dataclass

import numpy as np

from bos_core.objects.errors import InfeasibleError, SolverError
from slots.algorithms.borders.limits import Injected, settle_limits
from slots.contracts.unit_commitment import (
    RESERVE_USD_MWH,
    SHED_USD_MWH,
    SPILL_USD_MWH,
    Border,
    Horizon,
    start_share,
    stop_room,
)
from slots.grid.model import Bools, Floats, Ints, Units
from slots.scheduling.highs import Solver
from slots.scheduling.linear import INF, LinearModel

BLOCK_H = 4
GAP = 5e-3
MAX_NODES = 3000
DIVE_FROM = 100  # limits that bind, and the plan is rounded, not searched
MAX_DIVES = 80
WHOLE = 1e-6
ROUND_UP = 0.3  # of a unit, and a count becomes the next whole one
NIGHT_H = 8.0  # for which units that a month's plan stops and starts mostly rest
FAST_UNIT_H = 4.0  # units with shorter minimum times are not held on over a midnight for one block's sake


@dataclass(frozen=True)
class _Blocks:
    """Blocks of hours: first hour, length, and the net needs within."""

    first: Ints
    length: Ints
    mean: Floats
    peak: Floats
    weather: Floats
    weather_peak: Floats
    must_take: Floats


@dataclass(frozen=True)
class _Plan:
    """Result per (block, cluster) and per (block, store)."""

    running: Ints
    power: Floats
    energy: Floats


def clustered(horizon: Horizon, days: int) -> list[Border]:
    """Borders of a month; see the contract.

    Raises:
        InfeasibleError: the start border cannot be continued.
    """
    units = horizon.units
    thermal = np.flatnonzero((units.kind == "thermal") & units.in_service)
    clusters = _clusters(units, thermal)
    blocks = _blocks(horizon)
    plan = _solve(horizon, clusters, blocks)
    on, hours = _deal(horizon, clusters, blocks, plan)
    return [_border(horizon, clusters, blocks, plan, on, hours, day) for day in range(1, days + 1)]


def _clusters(units: Units, thermal: Ints) -> list[Ints]:
    groups: dict[tuple[object, ...], list[int]] = {}
    for g in thermal.tolist():
        key = (units.pmin[g], units.pmax[g], units.min_up[g], units.min_down[g], units.must_run[g])
        groups.setdefault(key, []).append(g)
    return [np.array(v) for v in groups.values()]


def _blocks(h: Horizon) -> _Blocks:
    first = np.concatenate([np.arange(d, min(d + 24, h.hours), BLOCK_H) for d in range(0, h.hours, 24)])
    length = np.diff(np.append(first, h.hours))
    variable = (h.units.kind == "variable") & h.units.in_service
    weather = h.upper()[:, variable].sum(axis=1)
    need = h.demand + h.reserve - weather
    peaks = [a + int(np.argmax(need[a : a + n])) for a, n in zip(first, length, strict=True)]

    def mean(x: Floats) -> Floats:
        return np.asarray(np.add.reduceat(x, first) / length)

    return _Blocks(
        first, length, mean(h.demand), (h.demand + h.reserve)[peaks], mean(weather), weather[peaks],
        mean(np.minimum(h.floor[:, variable].sum(axis=1), weather)),
    )  # fmt: skip


def _solve(h: Horizon, clusters: list[Ints], b: _Blocks) -> _Plan:
    units, n_block = h.units, len(b.first)
    m = LinearModel()
    rep = np.array([c[0] for c in clusters])
    size = np.array([len(c) for c in clusters], dtype=float)
    width, slope, fixed = _mean_costs(units, clusters)
    span = b.length.astype(float)[:, None]
    low, high = _counts(h, clusters, b, size)
    starts = np.array([_change_costs(units, c).mean() for c in clusters])
    n = m.columns((n_block, len(rep)), low, high, fixed * span, integer=True).index
    s = m.columns((n_block, len(rep)), 0.0, size, starts, integer=True).index
    z = m.columns((n_block, len(rep)), 0.0, size).index
    seg = m.columns((n_block, len(rep), width.shape[1]), 0.0, width * size[:, None], slope * span[:, :, None]).index
    x = m.columns((n_block,), b.must_take, np.maximum(b.weather, b.must_take)).index
    shed = m.columns((n_block,), 0.0, INF, SHED_USD_MWH * b.length).index
    spill = m.columns((n_block,), 0.0, INF, SPILL_USD_MWH * b.length).index
    lack = m.columns((n_block,), 0.0, INF, RESERVE_USD_MWH * b.length).index
    store = np.flatnonzero((units.kind == "storage") & units.in_service)
    pc = m.columns((n_block, len(store)), 0.0, units.charge_max[store]).index
    pd = m.columns((n_block, len(store)), 0.0, units.pmax[store]).index
    e = m.columns((n_block, len(store)), 0.0, units.energy_max[store]).index
    if h.start is not None:
        begin = np.array([h.start.on[c].sum() for c in clusters], dtype=float)
        m.rows([(1.0, n[0]), (-1.0, s[0]), (1.0, z[0])], begin, begin)
    else:
        m.rows([(1.0, s[0]), (1.0, z[0])], 0.0, 0.0)
    if n_block > 1:
        m.rows(
            [(1.0, n[1:].ravel()), (-1.0, n[:-1].ravel()), (-1.0, s[1:].ravel()), (1.0, z[1:].ravel())],
            0.0,
            0.0,
        )
    _windows(m, h, rep, size, n, s, z)
    k = len(rep)
    for j in range(width.shape[1]):
        m.rows([(1.0, seg[:, :, j].ravel()), (np.tile(-width[:, j], n_block), n.ravel())], -INF, 0.0)
    balance = [(np.broadcast_to(units.pmin[rep], (n_block, k)), n), (1.0, seg.reshape(n_block, -1)), (1.0, x),
               (1.0, shed), (-1.0, spill)]  # fmt: skip
    capacity = [(np.broadcast_to(units.pmax[rep], (n_block, k)), n), (1.0, lack)]
    if len(store):
        balance += [(1.0, pd), (-1.0, pc)]
        capacity += [(1.0, pd)]
        _levels(m, h, b, store, pc, pd, e)
    m.rows(balance, b.mean, b.mean)
    m.rows(capacity, b.peak - b.weather_peak, INF)
    solver = m.solver()
    solver.option("mip_rel_gap", GAP)
    solver.option("mip_max_nodes", MAX_NODES)
    what = f"monthly unit commitment from hour {h.first_hour}"
    tight, relaxed = settle_limits(
        h, b.first, b.length, _injected(units, clusters, store, n, seg, pc, pd), solver, what
    )
    sol = _dive(solver, n, high, relaxed, what) if tight > DIVE_FROM else solver.run(what)
    running = sol[n].round().astype(np.int64)
    power = running * units.pmin[rep] + sol[seg].sum(axis=2)
    return _Plan(running, power, sol[e])


def _dive(solver: Solver, n: Ints, high: Floats, x: Floats, what: str) -> Floats:
    """Counts from the relaxation, most of them kept as they are and fractional ones rounded up, step by step.

    Where the network binds in many blocks a search takes minutes; what a plan is for, its midnights, needs none.
    `x` is the relaxation's solution: solving it once more, unchanged, can cost HiGHS more than all else here.
    """
    try:
        for _ in range(MAX_DIVES):
            count = x[n]
            part = np.abs(count - count.round()) > WHOLE
            if not part.any():
                return x
            same = np.ones((1, n.shape[1]), bool)
            level = np.abs(np.diff(count, axis=0)) < WHOLE
            still = ~part & np.vstack([same, level]) & np.vstack([level, same])
            solver.fix(n[still], count[still].round())
            share = count - np.floor(count)
            up = part & (share >= min(ROUND_UP, share[part].max()))
            solver.fix(n[up], np.minimum(np.ceil(count[up]), high[up]))
            x = solver.run(what, relax=True)
    except (InfeasibleError, SolverError):  # a count rounded up cannot be
        pass
    solver.bound_columns(n.ravel(), np.zeros(n.size), high.ravel())
    return solver.run(what)


def _injected(units: Units, clusters: list[Ints], store: Ints, n: Ints, seg: Ints, pc: Ints, pd: Ints) -> Injected:
    """What the columns of the plan inject: of clusters minimum and segments, of stores both ways."""
    members = [*clusters, *(store[k : k + 1] for k in range(len(store)))]
    blocks, ks = len(n), len(clusters)
    parts = [(n, np.arange(ks), units.pmin[[c[0] for c in clusters]])]
    parts += [(seg[:, :, j], np.arange(ks), np.ones(ks)) for j in range(seg.shape[2])]
    parts += [
        (pd, ks + np.arange(len(store)), np.ones(len(store))),
        (pc, ks + np.arange(len(store)), -np.ones(len(store))),
    ]
    block = np.concatenate([np.repeat(np.arange(blocks), x.shape[1]) for x, _, _ in parts])
    who = np.concatenate([np.tile(w, blocks) for _, w, _ in parts])
    mw = np.concatenate([np.tile(v, blocks) for _, _, v in parts])
    return Injected(block, [members[k] for k in who], np.concatenate([x.ravel() for x, _, _ in parts]), mw)


def _mean_costs(units: Units, clusters: list[Ints]) -> tuple[Floats, Floats, Floats]:
    """(cluster, segment) width and slope of the mean cost curve, (cluster,) cost at minimum.

    Its breakpoints are the means of the members', so that pieces stay fine where theirs are.
    """
    mw = np.array([units.cost_mw[c].mean(axis=0) for c in clusters])
    usd = np.array(
        [
            np.mean([np.interp(x, units.cost_mw[g], units.cost_usd[g]) for g in c], axis=0)
            for x, c in zip(mw, clusters, strict=True)
        ]
    )
    width = np.diff(mw, axis=1)
    slope = np.divide(np.diff(usd, axis=1), width, out=np.zeros_like(width), where=width > 1e-9)
    return width, slope, usd[:, 0]


def _change_costs(units: Units, members: Ints) -> Floats:
    """(member,) USD of a start after a night off, and of the stop before it."""
    off = np.maximum(units.min_down[members], NIGHT_H)
    share = np.array([start_share(units, int(g), float(t)) for g, t in zip(members, off, strict=True)])
    return np.asarray(units.start_cost[members] * share + units.stop_cost[members])


def _counts(h: Horizon, clusters: list[Ints], b: _Blocks, size: Floats) -> tuple[Floats, Floats]:
    """(block, cluster) least and most running units that history and must-run leave."""
    low, high = np.zeros((len(b.first), len(clusters))), np.tile(size, (len(b.first), 1))
    for k, c in enumerate(clusters):
        if h.units.must_run[c[0]]:
            low[:, k] = size[k]
        if h.start is None:
            continue
        for g in c:
            least = h.units.min_up[g] if h.start.on[g] else h.units.min_down[g]
            locked = b.first < least - h.start.hours[g] - 1e-9
            if h.start.on[g]:
                low[locked, k] += 0 if h.units.must_run[g] else 1
            elif not h.units.must_run[g]:
                high[locked, k] -= 1
    return np.minimum(low, high), high


def _windows(m: LinearModel, h: Horizon, rep: Ints, size: Floats, n: Ints, s: Ints, z: Ints) -> None:
    n_block = len(n)
    for k, g in enumerate(rep):
        for least, change, sign, top in (
            (h.units.min_up[g], s, -1.0, 0.0),
            (h.units.min_down[g], z, 1.0, size[k]),
        ):
            span = max(1, int(np.ceil(least / BLOCK_H)))
            offset = np.arange(n_block)[:, None] - np.arange(min(span, n_block))[None, :]
            m.rows([((offset >= 0).astype(float), change[np.maximum(offset, 0), k]), (sign, n[:, k])], -INF, top)


def _levels(m: LinearModel, h: Horizon, b: _Blocks, store: Ints, pc: Ints, pd: Ints, e: Ints) -> None:
    one_way = np.sqrt(h.units.efficiency[store])
    begin = h.start.energy[store] if h.start is not None else h.units.energy_initial[store]
    inflow = np.add.reduceat(h.inflow[:, store], b.first, axis=0)
    spills = h.inflow[:, store].max(axis=0) > 0
    for t, hours in enumerate(b.length.astype(float)):
        terms = [(1.0, e[t]), (-one_way * hours, pc[t]), (hours / one_way, pd[t])]
        if t:
            terms.append((-1.0, e[t - 1]))
        base = inflow[t] + (begin if t == 0 else 0.0)
        m.rows(terms, np.where(spills, -INF, base), base)


def _deal(h: Horizon, clusters: list[Ints], b: _Blocks, plan: _Plan) -> tuple[Bools, Floats]:
    """(block, unit) state in each block and hours in that state at the block's end."""
    units, n = h.units, len(h.units)
    on = h.start.on.copy() if h.start is not None else np.zeros(n, bool)
    hours = h.start.hours.copy() if h.start is not None else np.full(n, 1e6)
    if h.start is None:
        for k, c in enumerate(clusters):
            on[c[np.argsort(units.cost_usd[c, -1], kind="stable")[: plan.running[0, k]]]] = True
    price = units.cost_usd[:, -1] / np.maximum(units.pmax, 1e-9)
    states, spans = np.zeros((len(b.first), n), bool), np.zeros((len(b.first), n))
    for t, length in enumerate(b.length):
        for k, c in enumerate(clusters):
            change = int(plan.running[t, k] - on[c].sum())
            state = change < 0
            least = units.min_up[c[0]] if state else units.min_down[c[0]]
            ready = sorted(
                (g for g in c if on[g] == state and hours[g] >= least - 1e-9),
                key=lambda g: (price[g], g),
                reverse=state,
            )
            chosen = np.array(ready[: abs(change)], dtype=int)
            on[chosen], hours[chosen] = not state, 0.0
        hours += length
        states[t], spans[t] = on, hours
    return states, spans


def _border(
    h: Horizon, clusters: list[Ints], b: _Blocks, plan: _Plan, states: Bools, spans: Floats, day: int
) -> Border:
    units = h.units
    last = int(np.searchsorted(b.first, 24 * day) - 1)
    after = min(last + 1, len(b.first) - 1)
    on, hours = states[last].copy(), spans[last].copy()
    past = hours.copy()
    fast = (units.min_up <= FAST_UNIT_H) & (units.min_down <= FAST_UNIT_H) & ~units.must_run
    brief = fast & on & ~states[after]
    on[brief], hours[brief], past[brief] = False, 1.0, 1.0
    least = np.where(on, units.min_up, units.min_down)
    hours = np.clip(hours, 1.0, np.maximum(least, 1.0))
    power = np.full(len(units), np.nan)
    for k, c in enumerate(clusters):
        counts = plan.running[[last, after], k]
        mean = plan.power[[last, after], k].sum() / max(counts.sum(), 1)
        power[c] = np.clip(mean, units.pmin[c], units.pmax[c])
    limit = stop_room(units)
    stops = on & ~states[after] & (limit < units.pmax - 1e-6)
    power[stops] = (limit - units.ramp / 2)[stops]  # the band's upper end is then the cap
    energy = np.zeros(len(units))
    store = np.flatnonzero((units.kind == "storage") & units.in_service)
    energy[store] = plan.energy[last]
    return Border(on, hours, power, energy, np.where(stops, limit, np.inf), past)
