"""Implicit one-step rules, all equations solved together: M (x - x') = h (theta f + (1 - theta) f').

One half is the trapezoidal rule: second order, and oscillations neither grow nor fade by it. One is Euler's backward rule: first
order, and what is fast dies away at once. Between them what the trapezoidal rule leaves ringing after an event is damped, at
little loss (Hairer and Wanner, Solving Ordinary Differential Equations II, 1996, section IV.3).
"""

from typing import Annotated

from slots.contracts.time_domain import TimeDomainRequest
from slots.dynamics.time_domain import Response, simulate
from slots.parameters import Parameter


def trapezoidal(request: TimeDomainRequest) -> Response:
    """Simulate by the trapezoidal rule."""
    return _simulated(request, 0.5)


def backward_euler(request: TimeDomainRequest) -> Response:
    """Simulate by Euler's backward rule; it damps oscillations that are real, so steps must be short."""
    return _simulated(request, 1.0)


def damped_trapezoidal(
    request: TimeDomainRequest, *,
    theta: Annotated[float, Parameter("weight of a step's end", unit="1", ge=0.5, le=1)] = 0.52,
) -> Response:  # fmt: skip
    """Simulate by a rule a little beyond the trapezoidal one."""
    return _simulated(request, theta)


def _simulated(r: TimeDomainRequest, theta: float) -> Response:
    return simulate(r.case, r.events, r.seconds, r.step, r.rest, r.progress, theta)
