"""First-order effect of injections and held voltages on flows, voltages and reactive outputs.

By the adjoint of the power-flow Jacobian: one transposed solve per watched quantity (Dommel and Tinney, 1968).
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from slots.grid.admittance import Admittance
from slots.grid.model import Branches, Complexes, Floats, Ints
from slots.grid.newton import power_derivatives


@dataclass(frozen=True)
class Gradient:
    """d(quantity)/d(active injection) and d(quantity)/d(held voltage), both (bus,) and per p.u."""

    power: Floats
    voltage: Floats


class Sensitivity:
    """Sensitivities about one solved state.

    Args:
        ybus: (bus, bus) of the state's topology.
        v: (bus,) its voltages.
        slack: position of the slack bus.
        pv: positions of voltage-controlled buses.
        active: positions that are energised.
    """

    def __init__(self, ybus: sp.csr_matrix, v: Complexes, slack: int, pv: Ints, active: Ints) -> None:
        self._n, self._v = len(v), v
        pv = np.setdiff1d(np.intersect1d(pv, active), [slack])
        self._held = np.concatenate([pv, [slack]]).astype(int)
        self._pq = np.setdiff1d(active, self._held)
        self._pvpq = np.concatenate([pv, self._pq]).astype(int)
        self._da, self._dm = power_derivatives(ybus, v)
        top = sp.hstack([self._da[self._pvpq][:, self._pvpq].real, self._dm[self._pvpq][:, self._pq].real])
        low = sp.hstack([self._da[self._pq][:, self._pvpq].imag, self._dm[self._pq][:, self._pq].imag])
        self._factors = splu(sp.csc_matrix(sp.vstack([top, low])))
        held_top = self._dm[self._pvpq][:, self._held].real
        held_low = self._dm[self._pq][:, self._held].imag
        self._control = sp.csr_matrix(sp.vstack([held_top, held_low]))

    def of(self, d_angle: Floats, d_mag: Floats) -> Gradient:
        """Gradient of a quantity with partial derivatives `d_angle`, `d_mag` (bus,)."""
        rhs = np.concatenate([d_angle[self._pvpq], d_mag[self._pq]])
        adjoint = self._factors.solve(rhs, trans="T")
        power, voltage = np.zeros(self._n), np.zeros(self._n)
        power[self._pvpq] = adjoint[: len(self._pvpq)]
        voltage[self._held] = d_mag[self._held] - self._control.T @ adjoint
        return Gradient(power, voltage)

    def voltage(self, bus: int) -> Gradient:
        """Of the voltage magnitude at a bus."""
        d_mag = np.zeros(self._n)
        d_mag[bus] = 1.0
        return self.of(np.zeros(self._n), d_mag)

    def reactive(self, bus: int) -> Gradient:
        """Of the reactive injection at a voltage-controlled bus."""
        return self.of(
            np.asarray(self._da[[bus]].imag.todense()).ravel(),
            np.asarray(self._dm[[bus]].imag.todense()).ravel(),
        )

    def active(self, bus: int) -> Gradient:
        """Of the active injection that the slack bus must give."""
        return self.of(
            np.asarray(self._da[[bus]].real.todense()).ravel(),
            np.asarray(self._dm[[bus]].real.todense()).ravel(),
        )

    def flow(self, branches: Branches, adm: Admittance, branch: int) -> Gradient:
        """Of the larger apparent power (p.u.) at the two ends of a branch."""
        f, t = int(branches.f[branch]), int(branches.t[branch])
        vf, vt = self._v[f], self._v[t]
        ends = []
        for a, b, yaa, yab in ((f, t, adm.yff, adm.yft), (t, f, adm.ytt, adm.ytf)):
            va, vb = (vf, vt) if a == f else (vt, vf)
            ends.append((a, b, va, vb, yaa[branch], yab[branch], va * np.conj(yaa[branch] * va + yab[branch] * vb)))
        a, b, va, vb, yaa, yab, s = max(ends, key=lambda e: abs(e[6]))
        cross = va * np.conj(yab * vb)
        d_angle, d_mag = np.zeros(self._n, complex), np.zeros(self._n, complex)
        d_angle[a], d_angle[b] = 1j * cross, -1j * cross
        d_mag[a] = (2 * abs(va) ** 2 * np.conj(yaa) + cross) / abs(va)
        d_mag[b] = cross / abs(vb)
        unit = np.conj(s) / max(abs(s), 1e-12)
        return self.of((unit * d_angle).real, (unit * d_mag).real)


def reactive_at(adm_ybus: sp.csr_matrix, v: Complexes) -> Floats:
    """(bus,) reactive injections (p.u.)."""
    return np.asarray((v * np.conj(adm_ybus @ v)).imag)
