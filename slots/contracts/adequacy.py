"""Slot `adequacy`: whether the units there are can be expected to serve the load (Billinton and Allan, chapters 2 and 3).

Units are on or out by chance, independent of each other; the network does not limit.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slots.grid.model import Floats


@dataclass(frozen=True)
class AdequacyRequest:
    """The system.

    Attributes:
        capacity: (unit,) MW.
        outage_rate: (unit,) share of time in which each is out (forced outage rate), 0 … 1.
        load: (hour,) MW that the units must serve.
        seed: of everything random.
    """

    capacity: Floats
    outage_rate: Floats
    load: Floats
    seed: int = 1


@dataclass(frozen=True)
class Adequacy:
    """What can be expected.

    Attributes:
        lole: hours in which load is not served, of those given (loss of load expectation, h).
        eens: MWh that are not served (expected energy not served).
        lole_error, eens_error: standard error of each where it is sampled; 0 where it is computed.
    """

    lole: float
    eens: float
    lole_error: float = 0.0
    eens_error: float = 0.0


class AdequacyAlgorithm(Protocol):
    """Assesses a system."""

    def __call__(self, request: AdequacyRequest) -> Adequacy:
        """Assess."""
        ...


def check_adequacy(request: AdequacyRequest, result: Adequacy) -> None:
    """Invariants: between nothing and everything."""
    assert -1e-9 <= result.lole <= len(request.load) + 1e-6, "more hours of lost load than there are"
    assert -1e-9 <= result.eens <= request.load.sum() * (1 + 1e-9), "more energy not served than is asked for"
    assert result.lole_error >= 0, "a negative error"
    assert result.eens_error >= 0, "a negative error"
    assert np.isfinite([result.lole, result.eens]).all(), "not a number"
