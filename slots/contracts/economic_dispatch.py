"""Slot `economic_dispatch`: one demand shared by units at least cost, without network or time (Wood and Wollenberg, chapter 3)."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slots.grid.model import Floats


@dataclass(frozen=True)
class EconomicRequest:
    """Units that run, and what they must give.

    Attributes:
        cost_mw, cost_usd: (unit, K) breakpoints of convex hourly cost curves; first at the least output, last at the most.
        demand: MW.
    """

    cost_mw: Floats
    cost_usd: Floats
    demand: float


@dataclass(frozen=True)
class EconomicDispatch:
    """The outputs (unit,) MW, their cost (USD/h), and the price of one more MW (USD/MWh)."""

    p: Floats
    cost: float
    price: float


class EconomicDispatchAlgorithm(Protocol):
    """Shares a demand."""

    def __call__(self, request: EconomicRequest) -> EconomicDispatch:
        """Share.

        Raises:
            InfeasibleError: the demand is below the least or above the most.
        """
        ...


def cost_of(request: EconomicRequest, p: Floats) -> float:
    """USD/h of outputs."""
    return float(sum(np.interp(x, mw, usd) for x, mw, usd in zip(p, request.cost_mw, request.cost_usd, strict=True)))


def check_economic(request: EconomicRequest, result: EconomicDispatch) -> None:
    """Invariants: balance and limits to 1e-4 MW, the cost is that of the outputs, nobody is cheaper than the price says."""
    mw, usd, p = request.cost_mw, request.cost_usd, result.p
    assert abs(p.sum() - request.demand) < 1e-4, "the demand is not met"
    assert ((p >= mw[:, 0] - 1e-4) & (p <= mw[:, -1] + 1e-4)).all(), "an output beyond its limits"
    assert abs(result.cost - cost_of(request, p)) <= 1e-6 * (1 + abs(result.cost)), (
        "the cost is not that of the outputs"
    )
    for k in range(
        len(p)
    ):  # a unit that could give more asks at least the price; what it gives was asked for at most the price
        below, above = _slopes(mw[k], usd[k], float(p[k]))
        assert above >= result.price - 1e-4, f"unit {k + 1} could give more for less"
        assert below <= result.price + 1e-4, f"unit {k + 1} gives what costs more than the price"


def _slopes(mw: Floats, usd: Floats, p: float, near: float = 1e-3) -> tuple[float, float]:
    """USD/MWh just below and just above an output; minus and plus infinity at its ends."""
    below = -np.inf if p <= mw[0] + near else (np.interp(p, mw, usd) - np.interp(p - near, mw, usd)) / near
    above = np.inf if p >= mw[-1] - near else (np.interp(p + near, mw, usd) - np.interp(p, mw, usd)) / near
    return float(below), float(above)
