"""Time-domain simulation of frequency: machines behind reactances on a network of constant impedances.

Per machine M dw/dt = p_m - p_e - D (w - 1), d(delta)/dt = w_0 (w - 1) (Kundur, 1994, chapter 3); governors are TGOV1
(IEEE, 1981): valve lag, then reheater as lead-lag. Loads are constant impedances at the initial voltage. The network
is reduced to the machines' internal voltages, before and after the trip.
"""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

from slots.dynamics.machines import DROOP, LEAD_S, REHEAT_S, VALVE_S, Machines
from slots.grid.model import Bools, Complexes, Floats

HZ = 60.0
TOLERANCE = 1e-9
ROCOF_WINDOW_S = 0.5


@dataclass(frozen=True)
class Trip:
    """A machine that trips at a time (s)."""

    machine: int
    at: float = 1.0


@dataclass(frozen=True)
class Response:
    """What a simulation tells.

    Attributes:
        t: (time,) s; speed: (time, machine) p.u.; power: (time, machine) MW.
        frequency: (time,) Hz of the centre of inertia of the machines that stay.
    """

    t: Floats
    speed: Floats
    power: Floats
    frequency: Floats
    trip_at: float

    @property
    def nadir(self) -> float:
        """Lowest frequency (Hz)."""
        return float(self.frequency.min())

    @property
    def rocof(self) -> float:
        """Steepest mean fall (Hz/s) over half a second after the trip."""
        after = self.t >= self.trip_at - 1e-9
        t, f = self.t[after], self.frequency[after]
        later = np.interp(t + ROCOF_WINDOW_S, t, f)
        whole = t + ROCOF_WINDOW_S <= t[-1]
        return float(((f - later)[whole] / ROCOF_WINDOW_S).max())


def simulate(
    ybus: Complexes, v: Complexes, p: Floats, q: Floats, demand: Complexes, base: float, m: Machines, trip: Trip,
    seconds: float = 20.0, step: float = 0.01,
) -> Response:  # fmt: skip
    """Simulate a trip.

    Args:
        ybus: (bus, bus) dense admittance without loads (p.u. on `base`).
        v: (bus,) initial voltages (p.u.); p, q: (machine,) MW, MVAr; demand: (bus,) MW + j MVAr.
        base: MVA of the system.
        step: s between the points told; the integration chooses its own.
    """
    size = m.rating / base
    y: Complexes = np.asarray(size / (1j * m.reactance), np.complex128)
    current = np.conj((p + 1j * q) / base / v[m.bus])
    emf = v[m.bus] + current / y
    loaded = np.asarray(ybus) + np.diag(np.conj(demand / base) / np.abs(v) ** 2)
    stays = np.ones(len(size), bool)
    before = _reduced(loaded, m, y, stays)
    stays[trip.machine] = False
    after = _reduced(loaded, m, y, stays)
    pm = _electrical(before, np.abs(emf), np.angle(emf)) / size
    start = np.concatenate([np.angle(emf), np.ones(len(size)), pm, pm])
    told = np.arange(0.0, seconds + step / 2, step)
    system = _System(np.abs(emf), pm, size, m, HZ)
    x = np.empty((len(told), len(start)))
    first = told < trip.at
    x[first] = start  # an equilibrium until the trip
    solved = solve_ivp(
        system.slope, (trip.at, seconds), start, args=(after, stays), t_eval=told[~first], method="DOP853",
        rtol=TOLERANCE, atol=TOLERANCE,
    )  # fmt: skip
    x[~first] = solved.y.T
    delta, speed = x[:, : len(size)], x[:, len(size) : 2 * len(size)]
    power = np.array([
        _electrical(before if t < trip.at else after, np.abs(emf), d) for t, d in zip(told, delta, strict=True)
    ]) * base  # fmt: skip
    weight = (m.inertia * m.rating)[stays]
    return Response(told, speed, power, HZ * (speed[:, stays] @ weight) / weight.sum(), trip.at)


def _reduced(ybus: Complexes, m: Machines, y: Complexes, stays: Bools) -> Complexes:
    """(machine, machine) admittance between internal voltages; zero for a machine that is gone."""
    live = np.where(stays, y, 0.0)
    full = ybus.copy()
    np.add.at(full, (m.bus, m.bus), live)
    link = np.zeros((len(ybus), len(live)), complex)
    link[m.bus, np.arange(len(live))] = live
    return np.asarray(np.diag(live) - link.T @ np.linalg.solve(full, link))


def _electrical(network: Complexes, emf: Floats, delta: Floats) -> Floats:
    e = emf * np.exp(1j * delta)
    return np.asarray((e * np.conj(network @ e)).real)


@dataclass(frozen=True)
class _System:
    """Derivatives of (delta, speed, valve, reheater)."""

    emf: Floats
    reference: Floats
    size: Floats
    m: Machines
    hz: float

    def slope(self, _: float, x: Floats, network: Complexes, stays: Bools) -> Floats:
        delta, speed, valve, heat = np.split(x, 4)
        m = self.m
        turbine = np.where(m.governed, LEAD_S / REHEAT_S * (valve - heat) + heat, self.reference)
        electrical = _electrical(network, self.emf, delta) / self.size
        rise = (turbine - electrical - m.damping * (speed - 1)) / m.inertia
        wanted = self.reference - (speed - 1) / DROOP
        return np.concatenate([
            2 * np.pi * self.hz * (speed - 1), np.where(stays, rise, 0.0), (wanted - valve) / VALVE_S,
            (valve - heat) / REHEAT_S,
        ])  # fmt: skip
