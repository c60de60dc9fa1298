"""Power flow in rectangular coordinates: residuals and their derivatives, shared by several methods.

Unknowns are the real, then the imaginary parts of all voltages but the slack bus's. Equations: P at each of these buses,
then Q where the voltage floats and |V|^2 where it is held. They are quadratic, so a Taylor series ends with its third term.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from slots.contracts.power_flow import PowerFlowRequest
from slots.grid.admittance import admittance
from slots.grid.model import Bools, Complexes, Floats, Ints


@dataclass(frozen=True)
class Rectangular:
    """The equations of a request."""

    request: PowerFlowRequest

    @cached_property
    def ybus(self) -> sp.csr_matrix:
        """(bus, bus) p.u."""
        return admittance(self.request.grid).ybus

    @cached_property
    def moving(self) -> Ints:
        """Positions of all buses that take part but the slack bus."""
        return np.sort(np.concatenate([self.request.held, self.request.free])).astype(np.int64)

    @cached_property
    def is_held(self) -> Bools:
        """(moving,) whether the voltage is held."""
        return np.isin(self.moving, self.request.held)

    def residual(self, v: Complexes) -> Floats:
        """(equation,) p.u."""
        m, r = self.moving, self.request
        error = (v * np.conj(self.ybus @ v) - r.injection)[m]
        size = (np.abs(v) ** 2 - np.abs(r.v) ** 2)[m]
        return np.concatenate([error.real, np.where(self.is_held, size, error.imag)])

    def quadratic(self, dv: Complexes) -> Floats:
        """(equation,) the third term of the Taylor series for a step of the voltages."""
        m = self.moving
        power = (dv * np.conj(self.ybus @ dv))[m]
        return np.concatenate([power.real, np.where(self.is_held, np.abs(dv[m]) ** 2, power.imag)])

    def jacobian(self, v: Complexes) -> sp.csc_matrix:
        """(equation, unknown) derivatives."""
        m = self.moving
        y, i = self.ybus[m][:, m], (self.ybus @ v)[m]
        own, conj = sp.diags(v[m]), y.conj()
        by_real = sp.diags(np.conj(i)) + own @ conj
        by_imag = 1j * (sp.diags(np.conj(i)) - own @ conj)
        size = [sp.diags(2 * v[m].real), sp.diags(2 * v[m].imag)]
        held, free = sp.diags(self.is_held.astype(float)), sp.diags((~self.is_held).astype(float))
        rows = [[by_real.real, by_imag.real],
                [free @ by_real.imag + held @ size[0], free @ by_imag.imag + held @ size[1]]]  # fmt: skip
        return sp.csc_matrix(sp.bmat(rows))

    def step(self, x: Floats) -> Complexes:
        """(bus,) the step of voltages that unknowns stand for."""
        out: Any = np.zeros(len(self.request.v), complex)
        n = len(self.moving)
        out[self.moving] = x[:n] + 1j * x[n:]
        return np.asarray(out)
