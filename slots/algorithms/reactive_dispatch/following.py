"""An hour's reactive dispatch from that of the hour before, banks and taps given: Mehrotra's interior-point method.

The steps that IPOPT takes from a warm start, as unguarded, at a fraction of their price: Newton's system is factorised
in the pattern of the network. Where they lead nowhere in time, IPOPT has the hour.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from slots.algorithms.reactive_dispatch.newton_step import NewtonStep
from slots.algorithms.reactive_dispatch.nonlinear import TIES
from slots.algorithms.reactive_dispatch.stated import WARM_PUSH, Solution, Stated
from slots.grid.model import Bools, Floats, Ints

TOLERANCE = 1e-5  # of the optimality conditions, in MW of losses; the last steps are cheap
BALANCE = 1e-8  # p.u. of power at every bus
MOST_STEPS = 40
TO_BOUND = 0.995  # of the way to the nearest bound that a step goes at most
LEAST_BARRIER = 0.1 * TOLERANCE
PINNED = 1e12  # on the diagonal of the slack bus's angle, which stays


@dataclass(frozen=True)
class _Hour:
    """The hour's numbers by bus in elimination order, and the places of bounded unknowns (u, free q, gap) in all."""

    p_fix: Floats
    q_fix: Floats  # with what buses without a range give
    share: Floats
    free: Bools  # (bus,) whether reactive power has a range
    places: Ints
    linear: Floats  # cost of the bounded unknowns
    squared: Floats  # its second derivative

    @classmethod
    def of(cls, stated: Stated, bus: Ints, buses: int) -> "_Hour":
        given, low = stated.given, stated.low[2 * buses + bus]
        free = stated.high[2 * buses + bus] > low
        places = np.concatenate([buses + bus, 2 * buses + bus[free], [3 * buses]])
        n, weights = len(bus), given[3 * buses :]
        linear, squared = np.zeros(len(places)), np.zeros(len(places))
        linear[-1] = weights[0]
        squared[:n], squared[n:-1] = 2 * weights[1], 2 * TIES
        q_fix = given[buses + bus] + np.where(free, 0.0, low)
        return cls(given[bus], q_fix, given[2 * buses + bus], free, places, linear, squared)


@dataclass(frozen=True)
class _Point:
    """Where the iteration stands; also a step of it."""

    angle: Floats
    x: Floats  # u, free q, gap
    of_balance: Floats  # (2, bus)
    of_low: Floats
    of_high: Floats

    def moved(self, step: "_Point", primal: float, dual: float) -> "_Point":
        """After a step of these lengths."""
        return _Point(
            self.angle + primal * step.angle, self.x + primal * step.x, self.of_balance + dual * step.of_balance,
            self.of_low + dual * step.of_low, self.of_high + dual * step.of_high,
        )  # fmt: skip


def follow(system: NewtonStep, stated: Stated, start: Solution) -> Solution | None:
    """The hour's optimum near a solution of another hour; None where the steps do not reach it.

    Args:
        system: the network's, with banks and taps as the hour has them.
        stated: the hour; banks and taps as they are, voltages within their limits.
        start: the other hour's.
    """
    bus, buses = system.bus, len(start.of_balance) // 2
    hour = _Hour.of(stated, bus, buses)
    low, high = stated.low[hour.places], stated.high[hour.places]
    if not (low < high).all():
        return None
    point = _begin(hour, low, high, bus, start)
    for _ in range(MOST_STEPS):
        iteration = _Iteration(system, hour, point, low, high)
        if iteration.done():
            return _solution(hour, point, bus, stated, start)
        step = iteration.step()
        if step is None:
            return None
        point = point.moved(*step)
    return None


def _begin(hour: _Hour, low: Floats, high: Floats, bus: Ints, start: Solution) -> _Point:
    room = WARM_PUSH * np.minimum(np.maximum(1.0, np.minimum(np.abs(low), np.abs(high))), high - low)
    signed = start.of_bounds[hour.places]
    return _Point(
        start.x[bus], np.clip(start.x[hour.places], low + room, high - room), start.of_balance.reshape(2, -1)[:, bus],
        np.maximum(-signed, WARM_PUSH), np.maximum(signed, WARM_PUSH),
    )  # fmt: skip


def _solution(hour: _Hour, point: _Point, bus: Ints, stated: Stated, start: Solution) -> Solution:
    x, of_bounds = np.clip(start.x, stated.low, stated.high), np.zeros_like(start.x)
    of_balance = np.zeros_like(start.of_balance)
    x[bus], x[hour.places] = point.angle, point.x
    of_bounds[hour.places] = point.of_high - point.of_low
    of_balance.reshape(2, -1)[:, bus] = point.of_balance
    return Solution(x, of_bounds, of_balance)


class _Iteration:
    """The optimality conditions at a point, and the step from it."""

    def __init__(self, system: NewtonStep, hour: _Hour, point: _Point, low: Floats, high: Floats) -> None:
        self._system, self._hour, self._point = system, hour, point
        n = self._n = len(hour.p_fix)
        u, q, gap = point.x[:n], np.zeros(n), point.x[-1]
        q[hour.free] = point.x[n:-1]
        of_p, of_q = point.of_balance
        system.assemble(np.exp(u + 1j * point.angle), of_p, of_q)
        self._miss_p = system.powers[0] - hour.p_fix - hour.share * gap
        self._miss_q = system.powers[1] - hour.q_fix - q
        self._by_angle = system.gradient[0].copy()
        self._by_angle[-1] = 0.0  # of the slack bus
        self._gradient = hour.linear + hour.squared * point.x
        self._gradient[:n] += system.gradient[1]
        self._gradient[n:-1] -= of_q[hour.free]
        self._gradient[-1] -= hour.share @ of_p
        self._to_low, self._to_high = point.x - low, high - point.x

    def done(self) -> bool:
        """Whether the point is the optimum, by IPOPT's measure."""
        p = self._point
        size = np.abs(p.of_balance).sum() + p.of_low.sum() + p.of_high.sum()
        allowed = TOLERANCE * max(1.0, size / (100 * (p.of_balance.size + 2 * len(p.x))))
        dual = max(np.abs(self._gradient - p.of_low + p.of_high).max(), np.abs(self._by_angle).max())
        slack = max((p.of_low * self._to_low).max(), (p.of_high * self._to_high).max())
        balance = max(np.abs(self._miss_p).max(), np.abs(self._miss_q).max())
        return bool(balance < BALANCE and dual < allowed and slack < allowed)

    def step(self) -> tuple[_Point, float, float] | None:
        """Mehrotra's step, and its lengths in unknowns and multipliers; None where the system is singular."""
        p, n, hour = self._point, self._n, self._hour
        self._stiff = hour.squared + p.of_low / self._to_low + p.of_high / self._to_high
        pinned, of_q = np.zeros(n), np.zeros(n)
        pinned[-1] = PINNED
        of_q[hour.free] = -1 / self._stiff[n:-1]
        if not self._system.factorise(pinned, self._stiff[:n], of_q):
            return None
        nought = np.zeros(n)
        self._spread = self._system.solve(nought, nought, hour.share, nought)
        count = 2 * len(p.x)
        barrier = float(p.of_low @ self._to_low + p.of_high @ self._to_high) / count
        guess = self._direction(0.0, 0.0)
        primal, dual = self._lengths(guess, 1.0)
        low, high = p.of_low + dual * guess.of_low, p.of_high + dual * guess.of_high
        left = float(low @ (self._to_low + primal * guess.x) + high @ (self._to_high - primal * guess.x)) / count
        aim = max(LEAST_BARRIER, barrier * (left / barrier) ** 3)
        step = self._direction(aim - guess.x * guess.of_low, aim + guess.x * guess.of_high)
        if not np.isfinite(step.x).all():
            return None
        return step, *self._lengths(step, TO_BOUND)

    def _direction(self, low: Any, high: Any) -> _Point:
        """Newton's step towards these products of multipliers and distances to bounds."""
        n, hour, p, stiff = self._n, self._hour, self._point, self._stiff
        side = low / self._to_low - high / self._to_high - self._gradient
        of_q = -self._miss_q
        of_q[hour.free] += side[n:-1] / stiff[n:-1]
        free = self._system.solve(-self._by_angle, side[:n], -self._miss_p, of_q)
        gap = (side[-1] + hour.share @ free[2]) / (stiff[-1] - hour.share @ self._spread[2])
        angle, u, of_p, of_q = free + gap * self._spread
        q = (side[n:-1] + of_q[hour.free]) / stiff[n:-1]
        x = np.concatenate([u, q, [gap]])
        return _Point(
            angle, x, np.array([of_p, of_q]),
            (low - p.of_low * x) / self._to_low - p.of_low, (high + p.of_high * x) / self._to_high - p.of_high,
        )  # fmt: skip

    def _lengths(self, step: _Point, most: float) -> tuple[float, float]:
        """How far unknowns and multipliers may go, one at most."""
        p = self._point
        unknowns = float(np.maximum(-step.x / self._to_low, step.x / self._to_high).max())
        multipliers = float(np.maximum(-step.of_low / p.of_low, -step.of_high / p.of_high).max())
        return min(1.0, most / max(unknowns, 1e-9)), min(1.0, most / max(multipliers, 1e-9))
