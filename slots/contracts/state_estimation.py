"""Slot `state_estimation`: the voltages that measurements speak for (Abur and Gomez-Exposito, 2004)."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp

from slots.grid.admittance import admittance
from slots.grid.model import Bools, Complexes, Floats, Grid, Ints
from slots.grid.newton import power_derivatives

MAGNITUDE, ACTIVE, REACTIVE, FLOW, REACTIVE_FLOW = range(5)


@dataclass(frozen=True)
class Measurements:
    """What is measured; all arrays are (measurement,), powers in p.u.

    Attributes:
        grid: the grid.
        kind: MAGNITUDE at a bus, ACTIVE or REACTIVE injection of a bus, FLOW or REACTIVE_FLOW into a branch at its `f` end.
        at: position of the bus or branch.
        value: as measured; sigma: its standard deviation.
    """

    grid: Grid
    kind: Ints
    at: Ints
    value: Floats
    sigma: Floats


@dataclass(frozen=True)
class Estimate:
    """The state: (bus,) voltages (p.u.), the slack bus at angle 0; (measurement,) whether each is held for wrong."""

    v: Complexes
    bad: Bools
    converged: bool


class StateEstimationAlgorithm(Protocol):
    """Estimates the state."""

    def __call__(self, request: Measurements) -> Estimate:
        """Estimate."""
        ...


class Model:
    """What measurements would be in a state; unknowns are the angles of all buses but the slack's, then all magnitudes."""

    def __init__(self, request: Measurements) -> None:
        grid = request.grid
        adm, br = admittance(grid), grid.branches
        m, n, row = len(br), grid.n_bus, np.arange(len(br))
        ends = (np.concatenate([row, row]), np.concatenate([br.f, br.t]))
        self.request = request
        self._y = adm.ybus
        self._yf = sp.csr_matrix((np.concatenate([adm.yff, adm.yft]), ends), shape=(m, n))
        self._end = sp.csr_matrix((np.ones(m), (row, br.f)), shape=(m, n))
        self._angles = np.setdiff1d(np.arange(n), [grid.slack])
        self._row = np.cumsum([0, n, n, n, m])[request.kind] + request.at

    def state(self, v: Complexes, step: Floats) -> Complexes:
        """Voltages after a step of the unknowns."""
        angle, size = np.angle(v), np.abs(v) + step[len(self._angles) :]
        angle[self._angles] += step[: len(self._angles)]
        return np.asarray(size * np.exp(1j * angle))

    def value(self, v: Complexes) -> Floats:
        """(measurement,) in a state."""
        s, f = v * np.conj(self._y @ v), (self._end @ v) * np.conj(self._yf @ v)
        return np.concatenate([np.abs(v), s.real, s.imag, f.real, f.imag])[self._row]

    def jacobian(self, v: Complexes) -> sp.csr_matrix:
        """(measurement, unknown)."""
        n = len(v)
        by_a, by_m = (sp.csr_matrix(x) for x in power_derivatives(self._y, v))
        unit, vf, current = sp.diags(v / np.abs(v)), sp.diags(self._end @ v), sp.diags(np.conj(self._yf @ v))
        flow_a = 1j * (current @ self._end @ sp.diags(v) - vf @ (self._yf @ sp.diags(v)).conj())
        flow_m = current @ self._end @ unit + vf @ (self._yf @ unit).conj()
        power, flow = sp.hstack([by_a, by_m]).tocsr(), sp.hstack([flow_a, flow_m]).tocsr()
        size = sp.hstack([sp.csr_matrix((n, n)), sp.identity(n)])
        whole = sp.vstack([size, power.real, power.imag, flow.real, flow.imag]).tocsr()
        return sp.csr_matrix(whole[self._row][:, np.concatenate([self._angles, n + np.arange(n)])])


def check_estimate(request: Measurements, result: Estimate) -> None:
    """Invariants: a state of the size of the grid, its slack bus at angle 0, a word on every measurement."""
    assert result.v.shape == (request.grid.n_bus,), "a bus has no voltage"
    assert np.isfinite(result.v).all(), "a voltage is not a number"
    assert abs(np.angle(result.v[request.grid.slack])) < 1e-9, "the slack bus is not at angle 0"
    assert result.bad.shape == request.kind.shape, "a measurement is not judged"
