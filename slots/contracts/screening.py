"""Slot `screening`: which outages of an hour are likely to be insecure, in the order in which they are worth a power flow."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slots.contracts.n1 import N1Request
from slots.grid.model import Floats, Ints


@dataclass(frozen=True)
class Ranking:
    """The order: (outage,) positions in the network's contingencies, worst first; (outage,) severity of each in that order."""

    order: Ints
    severity: Floats


class ScreeningAlgorithm(Protocol):
    """Ranks the outages of a request of one hour."""

    def __call__(self, request: N1Request) -> Ranking:
        """Rank."""
        ...


def check_ranking(request: N1Request, result: Ranking) -> None:
    """Invariants: every outage once, severities fall."""
    n = len(request.network.contingencies)
    assert sorted(result.order.tolist()) == list(range(n)), "an outage is missing or told twice"
    assert result.severity.shape == (n,), "a severity is missing"
    assert not np.isnan(result.severity).any(), "a severity is not a number"
    assert (result.severity[1:] <= result.severity[:-1] + 1e-12).all(), "the worst is not first"
