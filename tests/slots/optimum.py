"""An independent unit commitment: one binary per unit and hour, minimum times by pairs, written in Pyomo, solved by SCIP.

It shares nothing with the product's formulation but the data. Branch limits join as a solution violates them;
without those not yet added it is a relaxation, so what it proves impossible is impossible in the full problem.
"""

from pathlib import Path

import numpy as np
import pyomo.environ as pyo
import pyscipopt

from slots.contracts.unit_commitment import OVERLOAD_USD_MWH, RESERVE_USD_MWH, SHED_USD_MWH, SPILL_USD_MWH, Horizon


def cheaper_exists(h: Horizon, limits: list[tuple[int, int]], cost: float, folder: Path, seconds: float) -> bool | None:
    """Whether a schedule below `cost` (USD) exists; None if SCIP cannot tell in time.

    Asking for a proof that none exists is far quicker than asking for the optimum.
    """
    path = folder / "uc.lp"
    _model(h, limits).write(str(path), io_options={"symbolic_solver_labels": False})
    scip = pyscipopt.Model()
    scip.hideOutput()
    scip.setParam("limits/time", seconds)
    scip.setParam("limits/solutions", 1)
    scip.readProblem(str(path))
    scip.setObjlimit(cost)
    scip.optimize()
    return {"infeasible": False, "sollimit": True, "optimal": True}.get(scip.getStatus())


def _model(h: Horizon, limits: list[tuple[int, int]]) -> pyo.ConcreteModel:
    units, hours = h.units, range(h.hours)
    thermal = np.flatnonzero((units.kind == "thermal") & units.in_service).tolist()
    variable = np.flatnonzero((units.kind == "variable") & units.in_service).tolist()
    up = h.upper()
    m = pyo.ConcreteModel()
    m.u = pyo.Var(thermal, hours, domain=pyo.Binary)
    m.start = pyo.Var(thermal, hours, bounds=(0, 1))
    m.stop = pyo.Var(thermal, hours, bounds=(0, 1))
    m.p = pyo.Var(thermal, hours, domain=pyo.NonNegativeReals)
    m.cost = pyo.Var(thermal, hours, domain=pyo.NonNegativeReals)
    m.r = pyo.Var(thermal, hours, domain=pyo.NonNegativeReals)
    m.x = pyo.Var(variable, hours, bounds=lambda _, g, t: (min(h.floor[t, g], up[t, g]), up[t, g]))
    m.shed = pyo.Var(hours, domain=pyo.NonNegativeReals)
    m.spill = pyo.Var(hours, domain=pyo.NonNegativeReals)
    m.short = pyo.Var(hours, domain=pyo.NonNegativeReals)
    m.over = pyo.Var(range(len(limits)), domain=pyo.NonNegativeReals)
    m.rows = pyo.ConstraintList()
    for g in thermal:
        _unit(m, h, g)
    for t in hours:
        made = sum(m.p[g, t] for g in thermal) + sum(m.x[g, t] for g in variable)
        m.rows.add(made + m.shed[t] - m.spill[t] == h.demand[t])
        spare = sum(up[t, g] - m.x[g, t] for g in variable)
        m.rows.add(sum(m.r[g, t] for g in thermal) + spare + m.short[t] >= h.reserve[t])
    for k, (t, b) in enumerate(limits):
        f = h.unit_factors[b]
        flow = h.fixed_flow[t, b] + sum(f[g] * m.p[g, t] for g in thermal) + sum(f[g] * m.x[g, t] for g in variable)
        m.rows.add(flow <= h.rate[b] + m.over[k] + 0.01)
        m.rows.add(flow >= -h.rate[b] - m.over[k] - 0.01)
    m.total = pyo.Objective(
        expr=sum(
            m.cost[g, t] + units.start_cost[g] * m.start[g, t] + units.stop_cost[g] * m.stop[g, t]
            for g in thermal
            for t in hours
        )
        + sum(SHED_USD_MWH * m.shed[t] + SPILL_USD_MWH * m.spill[t] + RESERVE_USD_MWH * m.short[t] for t in hours)
        + sum(OVERLOAD_USD_MWH * m.over[k] for k in range(len(limits)))
    )
    return m


def _unit(m: pyo.ConcreteModel, h: Horizon, g: int) -> None:
    units = h.units
    mw, usd = units.cost_mw[g], units.cost_usd[g]
    before = None if h.start is None else (bool(h.start.on[g]), float(h.start.hours[g]))
    limit = min(max(units.pmin[g], units.ramp[g]), units.pmax[g])
    if h.end is not None and h.end.on[g] and np.isfinite(h.end.cap[g]):
        m.rows.add(m.p[g, h.hours - 1] <= h.end.cap[g])
    for t in range(h.hours):
        u = m.u[g, t]
        if units.must_run[g]:
            u.setlb(1)
        m.rows.add(m.p[g, t] >= units.pmin[g] * u)
        m.rows.add(m.p[g, t] + m.r[g, t] <= units.pmax[g] * u)
        m.rows.add(m.r[g, t] <= units.ramp_10min[g] * u)
        if limit < units.pmax[g] - 1e-6:
            cut = units.pmax[g] - limit
            m.rows.add(m.p[g, t] + m.r[g, t] <= units.pmax[g] * u - cut * m.start[g, t])
            if t + 1 < h.hours:
                m.rows.add(m.p[g, t] + m.r[g, t] <= units.pmax[g] * u - cut * (u - m.u[g, t + 1]))
            if t == 0 and before is not None and before[0] and h.start.cap[g] > limit + 1e-6:
                u.setlb(1)
        for a in range(len(mw) - 1):  # cost above every tangent of the convex curve
            if mw[a + 1] - mw[a] > 1e-9:
                slope = (usd[a + 1] - usd[a]) / (mw[a + 1] - mw[a])
                m.rows.add(m.cost[g, t] >= slope * (m.p[g, t] - mw[a] * u) + usd[a] * u)
        if mw[-1] - mw[0] < 1e-9:
            m.rows.add(m.cost[g, t] >= usd[0] * u)
        last = m.u[g, t - 1] if t else (u if before is None else float(before[0]))
        m.rows.add(m.start[g, t] >= u - last)
        m.rows.add(m.stop[g, t] >= last - u)
        for later in range(t + 1, min(t + int(units.min_up[g]), h.hours)):
            m.rows.add(m.u[g, later] >= u - last)
        for later in range(t + 1, min(t + int(units.min_down[g]), h.hours)):
            m.rows.add(m.u[g, later] <= 1 - (last - u))
    if before is not None and not (units.must_run[g] and not before[0]):
        least = units.min_up[g] if before[0] else units.min_down[g]
        for t in range(int(np.clip(least - before[1], 0, h.hours))):
            m.u[g, t].fix(int(before[0]))
    if h.end is not None:
        for t in range(h.hours - int(min(h.end.hours[g], h.hours)), h.hours):
            m.u[g, t].fix(int(h.end.on[g]))
