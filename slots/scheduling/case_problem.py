"""A commitment case as parameters of its routine, and a solution's columns as a schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from bos_core.objects.errors import GridError
from slots.contracts.commitment_case import CaseSchedule, CommitmentCase, running_costs, start_costs, stop_costs
from slots.grid.dc import FactorOperator
from slots.grid.model import Floats, Ints
from slots.scheduling.problem import Problem
from slots.scheduling.routines.case import CommitmentCase as Routine

SHORTEST_PIECE_MW = 1e-9
NO_LIMIT_MW = 1e6  # of ramps that never bind


def compile_case(case: CommitmentCase) -> Problem:
    """The problem of a case."""
    return Routine.compile(
        {**_balance(case), **_units(case), **_states(case), **_tiers(case), **_ramps(case), **_reserve(case),
         **_profiled(case), **_stores(case), **_lines(case)}
    )  # fmt: skip


def _at(rows: int, of: Ints, values: Any = 1.0) -> sp.csr_matrix:
    n = len(of)
    return sp.csr_matrix((np.broadcast_to(values, n).astype(float), (of, np.arange(n))), shape=(rows, n))


def _balance(case: CommitmentCase) -> dict[str, Any]:
    soft = case.miss_price is not None
    return {
        "step": case.step_h, "demand": case.load, "miss_price": case.miss_price if soft else np.zeros(case.steps),
        "miss_most": np.full(case.load.shape, np.inf if soft else 0.0),
    }  # fmt: skip


def _units(case: CommitmentCase) -> dict[str, Any]:
    g = case.thermal
    width, rise = np.diff(g.mw, axis=2), np.diff(g.usd, axis=2)
    unit, k = np.nonzero((width > SHORTEST_PIECE_MW).any(axis=0))
    width, rise = width[:, unit, k], rise[:, unit, k]
    top, bottom = g.mw[0, unit, k + 1], g.mw[0, unit, k]
    start, stop = (
        np.clip(top - np.maximum(x[unit], g.mw[0, unit, 0]), 0.0, top - bottom) for x in (g.start_limit, g.stop_limit)
    )
    brief = (g.min_up[unit] < 2) & (start > 1e-9) & (stop > 1e-9)
    return {
        "piece_start": start, "piece_stop": stop, "piece_brief": brief,
        "piece_late": np.where(brief, np.maximum(stop - start, 0.0), stop), "piece_early": np.maximum(start - stop, 0.0),
        "at_bus": _at(len(case.buses), g.bus), "piece_of": _at(len(g.name), unit), "pmin": g.pmin, "width": width,
        "slope": np.divide(rise, width, out=np.zeros_like(width), where=width > SHORTEST_PIECE_MW),
        "no_load": g.usd[:, :, 0], "above_before": np.where(g.on, g.power - g.pmin[0], 0.0),
    }  # fmt: skip


def _states(case: CommitmentCase) -> dict[str, Any]:
    g, hour = case.thermal, np.arange(case.steps)[:, None]
    held = hour < np.where(g.on, g.min_up, g.min_down) - g.since
    low = np.where(held & g.on, 1.0, g.must_run.astype(float))
    high = np.where(held & ~g.on, 0.0, 1.0 - g.must_rest)
    if (low > high).any():
        name = g.name[np.argwhere(low > high)[0, 1]]
        raise GridError(
            f"unit {name} of {case.name} must run and rest in the same step", "mend its minimum times or state"
        )
    stop = np.ones(low.shape)
    stop[0, g.on & (g.power > np.maximum(g.stop_limit, g.pmin[0]) + 1e-6)] = 0.0
    stop[0, g.on & (g.power - g.pmin[0] > g.fall + 1e-6)] = 0.0
    return {
        "u_low": low, "u_high": high, "stop_high": stop, "u_before": g.on.astype(float),
        "min_up": np.clip(g.min_up, 1, case.steps), "min_down": np.clip(g.min_down, 1, case.steps),
        "start_cost": _coldest(case), "stop_cost": g.stop_usd,
    }  # fmt: skip


def _coldest(case: CommitmentCase) -> Floats:
    """(unit,) USD of a start after a long time off."""
    g = case.thermal
    return np.asarray(np.where(np.isfinite(g.start_off), g.start_usd, -np.inf).max(axis=1))


def _tiers(case: CommitmentCase) -> dict[str, Any]:
    """Arcs of stops and starts that save something, and what first starts save of units that rest before."""
    g, steps = case.thermal, case.steps
    cold, longest = _coldest(case), np.where(np.isfinite(g.start_off), g.start_off, 0.0).max(axis=1)
    pairs = [
        (k, d) for k in np.flatnonzero(longest > g.start_off[:, 0])
        for d in range(int(g.min_down[k]), int(min(np.ceil(longest[k]), steps)))
    ]  # fmt: skip
    unit, off = (np.array([pair[j] for pair in pairs], np.int64) for j in (0, 1))
    saving = cold[unit] - _start_usd(case, unit, off)
    keep = saving > 0
    unit, off, saving = unit[keep], off[keep], saving[keep]
    hour = np.arange(steps)[:, None]
    rested = np.flatnonzero(~g.on & (longest > np.maximum(g.since, g.start_off[:, 0])))
    first = np.array([cold[rested] - _start_usd(case, rested, g.since[rested] + t) for t in range(steps)])
    tiered = np.zeros(len(g.name))
    tiered[unit] = tiered[rested] = 1.0
    return {
        "arc_of": _at(len(g.name), unit), "off_for": off, "off_and_one": off + 1, "arc_saving": saving,
        "within": (hour + off < steps).astype(float), "tiered": tiered, "rest_of": _at(len(g.name), rested),
        "rest_saving": first, "rest_high": (first > 0).astype(float),
    }  # fmt: skip


def _start_usd(case: CommitmentCase, unit: Ints, off: Floats | Ints) -> Floats:
    """USD of starts of units after some steps off."""
    g = case.thermal
    tier = (g.start_off[unit] <= np.maximum(off, g.start_off[unit, 0])[:, None]).sum(axis=1) - 1
    return np.asarray(g.start_usd[unit, tier])


def _ramps(case: CommitmentCase) -> dict[str, Any]:
    g, steps = case.thermal, case.steps
    span, most, least = (g.pmax - g.pmin).max(axis=0), g.pmax.max(axis=0), g.pmin.min(axis=0)
    steady = (np.ptp(g.pmin, axis=0) < 1e-9) & (np.ptp(g.pmax, axis=0) < 1e-9)
    limited = np.isfinite(g.start_limit) | np.isfinite(g.stop_limit) | (np.minimum(g.rise, g.fall) < span - 1e-6)
    if (limited & ~steady).any():
        name = g.name[np.flatnonzero(limited & ~steady)[0]]
        raise GridError(
            f"unit {name} of {case.name} has limits of output that change beside ramps or limits of starts",
            "give it the same limits in all steps",
        )
    rise, fall = np.minimum(g.rise, NO_LIMIT_MW), np.minimum(g.fall, NO_LIMIT_MW)
    start = np.maximum(most - np.maximum(g.start_limit, least), 0.0)
    stop = np.maximum(most - np.maximum(g.stop_limit, least), 0.0)
    apart = (stop > 1e-9) & ((g.min_up < 2) & (start > 1e-9) | (not case.stop_room_holds_reserve))
    rises, falls = np.tile(rise < span - 1e-6, (steps, 1)), np.tile(fall < span - 1e-6, (steps, 1))
    first = g.power - g.pmin[0]
    rises[0] = np.where(g.on, rise < span - np.minimum(first, span) - 1e-6, rises[0] & g.rise_from_rest)
    falls[0] = g.on & (fall < first - 1e-6)
    joint = case.stop_room_holds_reserve
    lag_1, lag_2 = (np.where(g.min_up >= k + 2, np.maximum(start - k * rise, 0.0), 0.0) for k in (1, 2))
    late = (lag_1 > 0).astype(int) + (lag_2 > 0)
    lead_1, lead_2 = (np.where(g.min_up >= k + 2 + late, np.maximum(stop - k * fall, 0.0), 0.0) for k in (1, 2))
    return {
        "start_cut_1": lag_1, "start_cut_2": lag_2, "stop_cut_1": lead_1, "stop_cut_2": lead_2, "winding": lead_1 > 0,
        "span": g.pmax - g.pmin, "start_cut": start, "stop_cut": stop, "brief": apart,
        "late_cut": np.where(apart, np.maximum(stop - start, 0.0) if joint else 0.0, stop),
        "early_cut": np.where(apart & (g.min_up < 2), np.maximum(start - stop, 0.0), np.where(apart, start, 0.0)),
        "rise_most": rise, "fall_most": fall, "rise_cut": np.maximum(rise - (span - start), 0.0),
        "fall_cut": np.maximum(fall - (span - stop), 0.0), "rises": rises, "falls": falls,
        "stops_hold": float(joint),
    }  # fmt: skip


def _reserve(case: CommitmentCase) -> dict[str, Any]:
    pairs = [(g, k) for k, p in enumerate(case.products) for g in np.flatnonzero(p.eligible).tolist()]
    unit, product = (np.array([pair[j] for pair in pairs], np.int64) for j in (0, 1))
    prices = [p.price for p in case.products]
    need = np.array([p.need for p in case.products]).reshape(len(prices), case.steps).T
    return {
        "offer_of": _at(len(case.thermal.name), unit), "offer_for": _at(len(prices), product), "need": need,
        "short_price": np.array([x or 0.0 for x in prices]),
        "short_most": np.array([0.0 if x is None else np.inf for x in prices]),
    }  # fmt: skip


def _profiled(case: CommitmentCase) -> dict[str, Any]:
    x = case.profiled
    return {"profiled_at": _at(len(case.buses), x.bus, x.sign), "x_low": x.low, "x_high": x.high, "x_price": x.price}


def _stores(case: CommitmentCase) -> dict[str, Any]:
    s = case.stores
    names = ("level_before", "level_low", "level_high", "kept", "eta_in", "eta_out", "charge_low", "charge_high",
             "discharge_low", "discharge_high", "charge_price", "discharge_price")  # fmt: skip
    return {"store_at": _at(len(case.buses), s.bus), "one_way": s.one_way, **{k: getattr(s, k) for k in names}}


def _lines(case: CommitmentCase) -> dict[str, Any]:
    b, n = case.lines, len(case.buses)
    m, k = len(b.name), len(b.outages)
    empty: dict[str, Any] = {"rate": b.limit, "overload_price": b.price, "emergency": b.emergency}
    if not m:
        none = sp.csr_matrix((0, n))
        return {**empty, "factors": none, "outage_factors": none, "moved": none[:, :0], "watched": np.ones((0, 0))}
    ends = _at(n, b.f) - _at(n, b.t)
    operator = FactorOperator(sp.csr_matrix(ends), sp.csr_matrix(sp.diags(b.susceptance) @ ends.T), 0)
    across = np.asarray(sp.csr_matrix(ends.T)[b.outages].toarray())  # a MW in where an outage begins, out where it ends
    share = operator.apply(across).T
    alone = 1.0 - share[b.outages, np.arange(k)]
    moved = np.divide(share, alone, out=np.zeros_like(share), where=np.abs(alone) > 1e-6)
    watched = np.ones((m, k))
    watched[b.outages, np.arange(k)] = 0.0
    watched[:, np.abs(alone) <= 1e-6] = 0.0
    return {
        **empty,
        "factors": operator,
        "outage_factors": np.asarray(operator.rows(b.outages)),
        "moved": moved,
        "watched": watched,
    }


def schedule_of(case: CommitmentCase, problem: Problem, x: Floats, bound: float, seconds: float) -> CaseSchedule:
    """A solution's columns as a schedule, its costs counted anew from the cost curves and the times off."""

    def value(name: str) -> Floats:
        return np.array(problem.value(name, x))

    on = value("u") > 0.5
    p = np.where(on, value("p"), 0.0)
    s, y = case.stores, case.profiled
    short, spill, lack = value("short_power"), value("spill"), value("short")
    over = _overload(problem, x)
    parts = {
        "running": float(running_costs(case, on, p).sum()), "starts": float(start_costs(case, on).sum()),
        "stops": float(stop_costs(case, on).sum()), "profiled": float((y.price * value("x")).sum()),
        "stores": float((s.charge_price * value("charge") + s.discharge_price * value("discharge")).sum()),
        "balance": 0.0 if case.miss_price is None else float((case.miss_price[:, None] * (short + spill)).sum()),
        "reserve": float(sum((k.price or 0.0) * lack[:, i].sum() for i, k in enumerate(case.products))),
        "lines": float((case.lines.price * over).sum()),
    }  # fmt: skip
    return CaseSchedule(
        on, p, np.where(on, value("held"), 0.0), value("x"), value("charge"), value("discharge"), value("level"),
        short, spill, lack, over, sum(parts.values()), bound, seconds, parts,
    )  # fmt: skip


def _overload(problem: Problem, x: Floats) -> Floats:
    """(step, line) MW above limits: of the intact grid, and of each outage beyond the emergency limit, added up."""
    from slots.scheduling.lazy import TOLERANCE

    flow = np.array(problem.value("flow", x))
    out = np.maximum(np.abs(flow) - problem.data.values["rate"] - TOLERANCE, 0.0)
    moved, watched = (problem.data.values[k] for k in ("moved", "watched"))
    if not flow.shape[1] or not np.shape(moved)[1]:
        return np.asarray(out)
    lost = np.array(problem.value("lost", x))
    for k in range(lost.shape[1]):
        after = np.abs(flow + np.asarray(moved)[:, k] * lost[:, k : k + 1]) - problem.data.values["emergency"]
        out += np.maximum(after - TOLERANCE, 0.0) * np.asarray(watched)[:, k]
    return np.asarray(out)
