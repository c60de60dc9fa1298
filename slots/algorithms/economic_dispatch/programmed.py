"""Economic dispatch as a linear program, and by dynamic programming, which needs no convex curves."""

from typing import Annotated

import numpy as np

from slots.algorithms.economic_dispatch.merit_order import pieces, within
from slots.contracts.economic_dispatch import EconomicDispatch, EconomicRequest, cost_of
from slots.grid.model import Floats, Ints
from slots.parameters import Parameter
from slots.scheduling.linear import LinearModel


def linear_program(request: EconomicRequest) -> EconomicDispatch:
    """Let HiGHS fill the pieces; the price is the balance's dual."""
    within(request)
    width, slope = pieces(request)
    m = LinearModel()
    x = m.columns(width.shape, 0.0, width, np.where(np.isfinite(slope), slope, 0.0)).index
    rest = request.demand - request.cost_mw[:, 0].sum()
    m.rows([(1.0, x.reshape(1, -1))], rest, rest)
    solver = m.solver()
    found = solver.run("economic dispatch")
    p = request.cost_mw[:, 0] + found[x].sum(axis=1)
    return EconomicDispatch(p, cost_of(request, p), float(solver.row_duals()[0]))


def dynamic_program(
    request: EconomicRequest, *, step: Annotated[float, Parameter("of outputs", unit="MW", ge=0.01, le=100)] = 1.0
) -> EconomicDispatch:
    """Unit after unit, the cheapest way to give each total; then the rest of a step by the marginal units.

    The grid of steps is refined once around what it finds, so convex curves are solved exactly.
    """
    within(request)
    low, high = request.cost_mw[:, 0], request.cost_mw[:, -1]
    total = request.demand - low.sum()
    levels = int(total // step) + 1
    best, choice = np.zeros(levels), list[Ints]()
    best[1:] = np.inf
    for k in range(len(low)):
        steps = np.arange(min(int((high[k] - low[k]) // step), levels - 1) + 1)
        cost = np.interp(low[k] + steps * step, request.cost_mw[k], request.cost_usd[k])
        new, taken = np.full(levels, np.inf), np.zeros(levels, int)
        for j in steps:
            tried = cost[j] + best[: levels - j]
            better = tried < new[j:]
            new[j:][better], taken[j:][better] = tried[better], j
        best, choice = new, [*choice, taken]
    at, p = int(np.flatnonzero(np.isfinite(best))[-1]), low.copy()
    for k in range(len(low) - 1, -1, -1):
        p[k] += step * choice[k][at]
        at -= choice[k][at]
    return _finished(request, p)


def _finished(request: EconomicRequest, p: Floats) -> EconomicDispatch:
    """Close the balance and level the marginal costs by pairs of units."""
    mw, usd = request.cost_mw, request.cost_usd
    p = p.copy()
    for _ in range(20 * p.size):
        up = np.array([_next(mw[k], usd[k], p[k]) for k in range(len(p))])
        down = np.array([_next(mw[k][::-1] * -1, usd[k][::-1], -p[k]) for k in range(len(p))])
        missing = request.demand - p.sum()
        if missing > 1e-9:
            k = int(up[:, 0].argmin())
            p[k] += min(missing, up[k, 1])
            continue
        a, b = int(up[:, 0].argmin()), int((-down[:, 0]).argmax())
        if -down[b, 0] <= up[a, 0] + 1e-9:
            break
        moved = min(up[a, 1], down[b, 1])
        p[a], p[b] = p[a] + moved, p[b] - moved
    price = float(np.array([_next(mw[k], usd[k], p[k])[0] for k in range(len(p))]).min())
    below = max(-_next(mw[k][::-1] * -1, usd[k][::-1], -p[k])[0] for k in range(len(p)))
    return EconomicDispatch(p, cost_of(request, p), price if np.isfinite(price) else float(below))


def _next(mw: Floats, usd: Floats, p: float) -> tuple[float, float]:
    """USD/MWh and MW of the piece that begins at an output; no piece costs infinitely much."""
    for k in range(len(mw) - 1):
        if mw[k + 1] - p > 1e-9 and mw[k + 1] - mw[k] > 1e-9:
            return float((usd[k + 1] - usd[k]) / (mw[k + 1] - mw[k])), float(mw[k + 1] - p)
    return np.inf, 0.0
