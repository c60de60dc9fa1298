"""An independent model of commitment cases: one binary per unit and step, start costs by pairs, written in Pyomo for SCIP.

It shares nothing with the product's formulation but the data: states alone decide, starts and their costs are bounded from
below by what the states of the steps before say, costs lie above the curves' tangents.
"""

from pathlib import Path

import numpy as np
import pyomo.environ as pyo
import pyscipopt

from slots.contracts.commitment_case import CommitmentCase


def optimum(
    case: CommitmentCase, folder: Path, gap: float, seconds: float, start: str | None = None
) -> tuple[float, float]:
    """Cost of the best schedule found and the bound (USD), by SCIP; networks are left out."""
    path = folder / "case.lp"
    model(case).write(str(path), io_options={"symbolic_solver_labels": False})
    scip = pyscipopt.Model()
    scip.hideOutput()
    scip.setParam("limits/time", seconds)
    scip.setParam("limits/gap", gap)
    scip.readProblem(str(path))
    scip.optimize()
    return scip.getObjVal() if scip.getNSols() else np.inf, scip.getDualbound()


def model(case: CommitmentCase) -> pyo.ConcreteModel:
    """The whole but for lines."""
    g, steps = case.thermal, range(case.steps)
    units = range(len(g.name))
    m = pyo.ConcreteModel()
    m.u = pyo.Var(units, steps, domain=pyo.Binary)
    m.start = pyo.Var(units, steps, domain=pyo.NonNegativeReals)
    m.stop = pyo.Var(units, steps, domain=pyo.NonNegativeReals)
    m.p = pyo.Var(units, steps, domain=pyo.NonNegativeReals)
    m.r = pyo.Var(units, range(len(case.products)), steps, domain=pyo.NonNegativeReals)
    m.cost = pyo.Var(units, steps)
    m.x = pyo.Var(
        range(len(case.profiled.name)),
        steps,
        bounds=lambda _, k, t: (case.profiled.low[t, k], case.profiled.high[t, k]),
    )
    m.miss = pyo.Var(steps, domain=pyo.NonNegativeReals)
    m.over = pyo.Var(steps, domain=pyo.NonNegativeReals)
    m.lack = pyo.Var(range(len(case.products)), steps, domain=pyo.NonNegativeReals)
    m.rows = pyo.ConstraintList()
    for k in units:
        _unit(m, case, k)
    for t in steps:
        made = sum(m.p[k, t] for k in units) + sum(
            case.profiled.sign[k] * m.x[k, t] for k in range(len(case.profiled.name))
        )
        m.rows.add(made + m.miss[t] - m.over[t] == float(case.load[t].sum()))
        if case.miss_price is None:
            m.miss[t].fix(0)
            m.over[t].fix(0)
        for j, product in enumerate(case.products):
            m.rows.add(
                sum(m.r[k, j, t] for k in np.flatnonzero(product.eligible).tolist()) + m.lack[j, t] >= product.need[t]
            )
            if product.price is None:
                m.lack[j, t].fix(0)
    price = np.zeros(case.steps) if case.miss_price is None else case.miss_price
    m.total = pyo.Objective(
        expr=sum(m.cost[k, t] + m.start[k, t] + m.stop[k, t] for k in units for t in steps)
        + sum(case.profiled.price[t, k] * m.x[k, t] for k in range(len(case.profiled.name)) for t in steps)
        + sum(price[t] * (m.miss[t] + m.over[t]) for t in steps)
        + sum((p.price or 0.0) * m.lack[j, t] for j, p in enumerate(case.products) for t in steps)
    )
    return m


def _unit(m: pyo.ConcreteModel, case: CommitmentCase, k: int) -> None:
    g = case.thermal
    before, since = int(g.on[k]), int(g.since[k])
    held = {j: sum(m.r[k, i, j] for i, x in enumerate(case.products) if x.eligible[k]) for j in range(case.steps)}
    for i, x in enumerate(case.products):
        if not x.eligible[k]:
            for t in range(case.steps):
                m.r[k, i, t].fix(0)

    def state(t: int) -> object:
        """The state in a step; steps before the first are known as far as the time in the state tells."""
        if t >= 0:
            return m.u[k, t]
        return before if -t <= since else 1 - before

    tiers = [
        (g.start_off[k, i], g.start_usd[k, i]) for i in range(g.start_off.shape[1]) if np.isfinite(g.start_off[k, i])
    ]
    for t in range(case.steps):
        u, last, low, high = m.u[k, t], state(t - 1), float(g.pmin[t, k]), float(g.pmax[t, k])
        if g.must_run[t, k]:
            u.setlb(1)
        if g.must_rest[t, k]:
            u.setub(0)
        m.rows.add(m.p[k, t] >= low * u)
        m.rows.add(m.p[k, t] + held[t] <= high * u)
        mw, usd = g.mw[t, k], g.usd[t, k]
        m.rows.add(m.cost[k, t] >= usd[0] * u)
        for a in range(len(mw) - 1):
            if mw[a + 1] - mw[a] > 1e-9:
                slope = (usd[a + 1] - usd[a]) / (mw[a + 1] - mw[a])
                m.rows.add(m.cost[k, t] >= slope * (m.p[k, t] - mw[a] * u) + usd[a] * u)
        m.rows.add(m.stop[k, t] >= g.stop_usd[k] * (last - u))
        for i, (off, cost) in enumerate(tiers):  # so much, unless the unit ran within the hours of the tier
            ran = 0 if i == 0 else sum(state(t - n) for n in range(1, int(np.ceil(off)) + 1))
            m.rows.add(m.start[k, t] >= cost * (u - last - ran))
        _times(m, case, k, t, u, last)
        _limits(m, case, k, t, held)
    least = (g.min_up if before else g.min_down)[k]
    for t in range(int(np.clip(least - since, 0, case.steps))):
        m.rows.add(m.u[k, t] == before)


def _times(m: pyo.ConcreteModel, case: CommitmentCase, k: int, t: int, u: object, last: object) -> None:
    g = case.thermal
    for later in range(t + 1, min(t + int(g.min_up[k]), case.steps)):
        m.rows.add(m.u[k, later] >= u - last)
    for later in range(t + 1, min(t + int(g.min_down[k]), case.steps)):
        m.rows.add(m.u[k, later] <= 1 - (last - u))


def _limits(m: pyo.ConcreteModel, case: CommitmentCase, k: int, t: int, held: dict[int, object]) -> None:
    """Ramps of output above the least, and limits of starts and stops, with a large number where they do not hold."""
    g = case.thermal
    u, low, high = m.u[k, t], float(g.pmin[t, k]), float(g.pmax[t, k])
    on = float(g.on[k]) if t == 0 else m.u[k, t - 1]
    above = (float(g.power[k] - g.pmin[0, k]) * on) if t == 0 else m.p[k, t - 1] - float(g.pmin[t - 1, k]) * on
    big = 10 * high + float(g.power[k]) + 1
    free = t == 0 and not g.rise_from_rest and not g.on[k]
    if g.rise[k] < big and not free:
        m.rows.add(m.p[k, t] - low * u + held[t] - above <= g.rise[k])
    if g.fall[k] < big and not (t == 0 and not g.on[k]):
        m.rows.add(above - (m.p[k, t] - low * u) <= g.fall[k])
    if g.start_limit[k] < high:
        m.rows.add(m.p[k, t] + held[t] <= max(g.start_limit[k], low) + big * (1 - u + on))
    reserve = held[t - 1] if case.stop_room_holds_reserve and t else 0
    given = m.p[k, t - 1] + reserve if t else float(g.power[k])
    if g.stop_limit[k] < big and (t or g.on[k]):
        floor = float(g.pmin[max(t - 1, 0), k])
        m.rows.add(given <= max(g.stop_limit[k], floor) + big * (1 - on + u))
