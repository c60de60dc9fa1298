"""Economic dispatch by merit order and by the price: exact for curves of straight pieces."""

import numpy as np

from bos_core.objects.errors import InfeasibleError
from slots.contracts.economic_dispatch import EconomicDispatch, EconomicRequest, cost_of
from slots.grid.model import Floats


def merit_order(request: EconomicRequest) -> EconomicDispatch:
    """Fill pieces of all curves from the cheapest on until the demand is met."""
    within(request)
    mw, usd = request.cost_mw, request.cost_usd
    width, slope = pieces(request)
    p = mw[:, 0].copy()
    left, price = request.demand - p.sum(), 0.0
    for k in np.argsort(slope, axis=None, kind="stable"):
        unit = k // slope.shape[1]
        if left <= 1e-12 or width.flat[k] <= 0:
            continue
        given = min(left, float(width.flat[k]))
        p[unit] += given
        left, price = left - given, float(slope.flat[k])
    if request.demand - mw[:, 0].sum() <= 1e-12:
        price = float(slope[width > 0].min(initial=0.0))
    return EconomicDispatch(p, cost_of(request, p), price) if usd.size else EconomicDispatch(p, 0.0, 0.0)


def lambda_iteration(request: EconomicRequest) -> EconomicDispatch:
    """Halve the interval that the price lies in until the outputs at its ends enclose the demand closely."""
    within(request)
    width, slope = pieces(request)
    low, high = float(slope[width > 0].min(initial=0.0)) - 1.0, float(slope[width > 0].max(initial=0.0)) + 1.0

    def outputs(price: float, most: bool) -> Floats:
        taken = slope <= price if most else slope < price
        return np.asarray(request.cost_mw[:, 0] + (width * taken).sum(axis=1))

    while high - low > 1e-9 * (1 + abs(high)):
        middle = (low + high) / 2
        low, high = (middle, high) if outputs(middle, True).sum() < request.demand else (low, middle)
    least, most = outputs(low, True), outputs(high, True)
    span = most.sum() - least.sum()
    share = (request.demand - least.sum()) / span if span > 1e-12 else 0.0
    p = least + share * (most - least)
    return EconomicDispatch(p, cost_of(request, p), high)


def pieces(request: EconomicRequest) -> tuple[Floats, Floats]:
    """(unit, piece) MW and USD/MWh of the curves' pieces."""
    width, rise = np.diff(request.cost_mw, axis=1), np.diff(request.cost_usd, axis=1)
    return width, np.divide(rise, width, out=np.full_like(width, np.inf), where=width > 1e-9)


def within(request: EconomicRequest) -> None:
    """Raise InfeasibleError for a demand that the units cannot meet."""
    low, high = request.cost_mw[:, 0].sum(), request.cost_mw[:, -1].sum()
    if not low - 1e-9 <= request.demand <= high + 1e-9:
        raise InfeasibleError(
            f"a demand of {request.demand:.1f} MW is outside the {low:.1f} to {high:.1f} MW that the units can give",
            "commit other units",
        )
