"""Simulation in the time domain: the implicit trapezoidal rule, all equations solved together by Newton's method.

Steps are as long as asked, shorter before an event. At an event the network and all that has no inertia settle at once,
then a step begins anew. The factors of a step are kept for the next ones while they lead to the solution quickly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import SuperLU

from bos_core.objects.errors import ParameterError
from slots.dynamics.devices import DynamicCase
from slots.dynamics.events import Event
from slots.dynamics.initial import Rest, at_rest
from slots.dynamics.system import System
from slots.grid.model import Complexes, Floats

STEP_S = 1 / 120
TOLERANCE = 1e-9  # p.u. by which equations may miss
SPREAD = np.pi  # rad by which rotors of an island have moved apart since rest when they have lost step
_ROUNDS, _SLOW = 12, 0.2  # of Newton's method; factor by which an iteration must reduce what is missed
_HALVINGS = 6  # of a step without a solution
COLLAPSED, COLLAPSE_S = 0.5, 1.0  # p.u. below which a voltage that stays there so long has collapsed
_ANGLE = "delta"


@dataclass(frozen=True)
class Response:
    """What a simulation tells.

    Attributes:
        t: (time,) s; both sides of an event are told.
        z: (time, unknown) of `system`.
        reason: empty, or why the simulation ended before its time: rotors lost step, voltages collapsed,
            or there was no solution.
    """

    system: System
    t: Floats
    z: Floats
    reason: str

    @property
    def stable(self) -> bool:
        """Whether it went on to the end."""
        return not self.reason

    @property
    def v(self) -> Complexes:
        """(time, bus) voltages, p.u."""
        re, im = np.split(self.z[:, self.system.voltages], 2, axis=1)
        return np.asarray(re + 1j * im)

    def of(self, device: str, variable: str) -> Floats:
        """(time,) a state or algebraic variable of a device.

        Raises:
            ParameterError: there is none.
        """
        try:
            group, i = self.system.place(device)
            row = group.made.unknowns.index(variable)
        except (StopIteration, ValueError):
            raise ParameterError(
                f"device {device} has no variable {variable}", "choose a state or an algebraic variable"
            ) from None
        return self.z[:, group.first + row * len(group.members) + i]


def simulate(
    case: DynamicCase, events: Sequence[Event] = (), seconds: float = 10.0, step: float = STEP_S,
    rest: list[Rest] | None = None, progress: Callable[[float], None] = lambda _: None, theta: float = 0.5,
) -> Response:  # fmt: skip
    """Simulate a case from rest.

    Args:
        events: what happens, in any order.
        step: s, fixed; second order in it where theta is 1/2.
        rest: of `at_rest`, if it is known.
        progress: is told the time reached.
        theta: weight of a step's end in it, 1/2 … 1.

    Raises:
        EquationError: the case has no state of rest.
        ParameterError: an event names what there is not.
    """
    system = System(case, at_rest(case) if rest is None else rest, theta)
    run = _Run(system)
    waiting = sorted(events, key=lambda e: e.at)
    for event in waiting:
        event.check(system)
    t, reason = 0.0, ""
    run.tell(t)
    while t < seconds - 1e-9 and not reason:
        due = [e for e in waiting if e.at <= t + 1e-9]
        if due:
            for event in due:
                event.act(system)
                waiting.remove(event)
            run.settle()
            run.tell(t)
        end = min([t + step, seconds, *(e.at for e in waiting)])
        end = end if end - t > 1e-9 else t + step
        reason = run.advance(end - t)
        t = end
        run.tell(t)
        progress(t)
    return Response(system, np.array(run.t), np.array(run.z), f"{reason} at {t:.3f} s" if reason else "")


class _Run:
    """A simulation under way."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._factors: tuple[float, SuperLU] | None = None
        self._rate: Floats | None = None  # of all unknowns over the step before
        self.t: list[float] = []
        self.z: list[Floats] = []
        self._angles = [g for g in system.groups if _ANGLE in g.made.unknowns[: g.made.states]]
        self._low = np.zeros(system.buses)  # s that each voltage has been low
        self._at_rest = self._rotors()
        self._islands()

    def tell(self, t: float) -> None:
        """Remember the time and all unknowns."""
        self.t.append(t)
        self.z.append(self._system.z.copy())

    def settle(self) -> None:
        """After an event: states stay, all else follows at once."""
        self._system.begin()
        self._factors = self._rate = None
        self._newton(0.0)
        self._factors = None
        self._islands()

    def advance(self, h: float) -> str:
        """One step, in halves where it has no solution; why it could not be taken, or empty."""
        parts = 1
        for _ in range(_HALVINGS):
            start = self._system.z.copy()
            if all(self._step(h / parts) for _ in range(parts)):
                return self._out_of_step() or self._collapsed(h)
            self._system.z[:] = start
            self._factors = self._rate = None
            parts *= 2
        return "no solution: voltages collapse, or the equations have none"

    def _step(self, h: float) -> bool:
        system = self._system
        system.begin()
        before = system.z.copy()
        if self._rate is not None:
            system.z += self._rate * h
        if not self._newton(h):
            if self._rate is None:
                return False
            system.z[:] = before  # the guess was a bad one
            self._factors = None
            if not self._newton(h):
                return False
        self._rate = (system.z - before) / h
        return True

    def _newton(self, h: float) -> bool:
        system = self._system
        if self._factors is not None and abs(self._factors[0] - h) > 1e-12:
            self._factors = None
        missed = np.inf
        for k in range(_ROUNDS):
            residual = system.residual(h)
            before, missed = missed, float(np.abs(residual).max())
            if missed < TOLERANCE and k:
                return True
            if not np.isfinite(missed):
                return False
            if self._factors is None or missed > _SLOW * before:
                try:
                    self._factors = (h, system.factorised(h))
                except RuntimeError:  # singular
                    return False
            system.z -= self._factors[1].solve(residual)
        return False

    def _islands(self) -> None:
        """(bus,) the island of each, and whether something feeds it."""
        self._island = connected_components(abs(self._system.ybus) > 0, directed=False)[1]
        feeds = np.zeros(self._system.buses, bool)
        for g in self._system.groups:
            feeds[g.bus[g.scale > 0]] = True
        self._fed = np.isin(self._island, self._island[feeds])

    def _rotors(self) -> Floats:
        """(machine,) angles, rad."""
        angles = [self._system.x(g)[g.made.unknowns.index(_ANGLE)] for g in self._angles]
        return np.concatenate(angles) if angles else np.zeros(0)

    def _collapsed(self, h: float) -> str:
        low = self._fed & (np.abs(self._system.v) < COLLAPSED)
        self._low = np.where(low, self._low + h, 0.0)
        return "voltages collapsed" if (self._low > COLLAPSE_S).any() else ""

    def _out_of_step(self) -> str:
        if not self._angles:
            return ""
        live = np.concatenate([g.scale > 0 for g in self._angles])
        every, island = (
            (self._rotors() - self._at_rest)[live],
            np.concatenate([self._island[g.bus] for g in self._angles])[live],
        )
        for k in np.unique(island):
            if np.ptp(every[island == k]) > SPREAD:
                return "rotors lost step"
        return ""
