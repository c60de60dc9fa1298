"""Slot `time_domain`: a dynamic case simulated from rest while things happen to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slots.dynamics.devices import DynamicCase
from slots.dynamics.events import Event
from slots.dynamics.initial import Rest
from slots.dynamics.time_domain import STEP_S, Response


@dataclass(frozen=True)
class TimeDomainRequest:
    """What to simulate.

    Attributes:
        case: devices on a network; events: what happens, in any order.
        seconds: how long; step: s, fixed.
        rest: of `at_rest`, if it is known.
        progress: is told the time reached.
    """

    case: DynamicCase
    events: Sequence[Event] = ()
    seconds: float = 10.0
    step: float = STEP_S
    rest: list[Rest] | None = None
    progress: Callable[[float], None] = lambda _: None


class TimeDomainAlgorithm(Protocol):
    """Simulates a case."""

    def __call__(self, request: TimeDomainRequest) -> Response:
        """Simulate.

        Raises:
            EquationError: the case has no state of rest.
            ParameterError: an event names what there is not.
        """
        ...


def check_response(request: TimeDomainRequest, response: Response) -> None:
    """Invariants: it reaches its end or says why not, time never goes back, all unknowns are numbers."""
    assert np.isfinite(response.z).all(), "an unknown is not a number"
    assert (np.diff(response.t) >= 0).all(), "time goes back"
    assert bool(response.reason) or abs(response.t[-1] - request.seconds) < 1e-6, "it ended early and does not say why"
