"""First-order effect of injections and held voltages on flows, voltages and reactive outputs.

By the adjoint of the power-flow Jacobian: one transposed solve per watched quantity (Dommel and Tinney, 1968).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from slots.grid.admittance import Admittance
from slots.grid.model import Branches, Complexes, Floats, Ints
from slots.grid.newton import Factors, power_derivatives


@dataclass(frozen=True)
class Gradient:
    """d(quantity)/d(active injection), /d(held voltage) and /d(reactive injection where none is held), (bus,), per p.u."""

    power: Floats
    voltage: Floats
    reactive: Floats


class Sensitivity:
    """Sensitivities about one solved state.

    Args:
        ybus: (bus, bus) of the state's topology.
        v: (bus,) its voltages.
        slack: position of the slack bus.
        pv: positions of voltage-controlled buses.
        active: positions that are energised.
    """

    def __init__(self, ybus: Any, v: Complexes, slack: int, pv: Ints, active: Ints) -> None:
        self._n, self._v = len(v), v
        pv = np.setdiff1d(np.intersect1d(pv, active), [slack])
        self._held = np.concatenate([pv, [slack]]).astype(int)
        self._pq = np.setdiff1d(active, self._held)
        self._pvpq = np.concatenate([pv, self._pq]).astype(int)
        safe = np.where(np.abs(v) > 0, v, 1.0)  # de-energised buses take no part but must not divide by zero
        self._da, self._dm = power_derivatives(ybus, safe)
        self._factors = Factors(self._da, self._dm, self._pvpq, self._pq)
        held = self._dm[:, self._held]
        top, low = held[self._pvpq].real, held[self._pq].imag
        self._control = np.vstack([top, low]) if isinstance(held, np.ndarray) else sp.csr_matrix(sp.vstack([top, low]))

    def of(self, d_angle: Floats, d_mag: Floats) -> Gradient:
        """Gradient of a quantity with partial derivatives `d_angle`, `d_mag` (bus,)."""
        rhs = np.concatenate([d_angle[self._pvpq], d_mag[self._pq]])
        adjoint = self._factors.solve(rhs, transposed=True)
        power, voltage, reactive = (np.zeros(self._n) for _ in range(3))
        power[self._pvpq], reactive[self._pq] = np.split(adjoint, [len(self._pvpq)])
        voltage[self._held] = d_mag[self._held] - self._control.T @ adjoint
        return Gradient(power, voltage, reactive)

    def voltage(self, bus: int) -> Gradient:
        """Of the voltage magnitude at a bus."""
        d_mag = np.zeros(self._n)
        d_mag[bus] = 1.0
        return self.of(np.zeros(self._n), d_mag)

    def reactive(self, bus: int) -> Gradient:
        """Of the reactive injection at a voltage-controlled bus."""
        return self.of(
            _row(self._da, bus).imag,
            _row(self._dm, bus).imag,
        )

    def active(self, bus: int) -> Gradient:
        """Of the active injection that the slack bus must give."""
        return self.of(
            _row(self._da, bus).real,
            _row(self._dm, bus).real,
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


def _row(matrix: Any, k: int) -> Complexes:
    return np.asarray(matrix[k]) if isinstance(matrix, np.ndarray) else matrix[[k]].toarray().ravel()
