"""Bus and branch admittances of the pi model (MATPOWER manual, section 3.2)."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from slots.grid.model import Complexes, Floats, Grid


@dataclass(frozen=True)
class Admittance:
    """Admittances in p.u. on the system base.

    Attributes:
        ybus: (bus, bus) sparse.
        yff, yft, ytf, ytt: (branch,) two-port entries; zero where out of service.
    """

    ybus: sp.csr_matrix
    yff: Complexes
    yft: Complexes
    ytf: Complexes
    ytt: Complexes


def admittance(grid: Grid) -> Admittance:
    """Admittances of every branch in service, and the bus matrix with bus shunts."""
    br, n = grid.branches, grid.n_bus
    on = br.in_service.astype(float)
    series = on / (br.r + 1j * br.x)
    tap = br.tap * np.exp(1j * br.shift)
    ytt = series + on * 0.5j * br.b
    yff = ytt / (tap * tap.conj())
    yft = -series / tap.conj()
    ytf = -series / tap
    shunt = (grid.buses.gs + 1j * grid.buses.bs) / grid.base_mva
    bus = np.arange(n)
    rows = np.concatenate([br.f, br.f, br.t, br.t, bus])
    cols = np.concatenate([br.f, br.t, br.f, br.t, bus])
    data = np.concatenate([yff, yft, ytf, ytt, shunt])
    ybus = sp.csr_matrix((data, (rows, cols)), shape=(n, n))
    ybus.sum_duplicates()
    return Admittance(ybus, yff, yft, ytf, ytt)


def shunted(ybus: sp.csr_matrix, shunt: Floats) -> sp.csr_matrix:
    """The bus matrix with more susceptance (p.u.) at each bus."""
    return sp.csr_matrix(ybus + sp.diags(1j * shunt)) if shunt.any() else ybus


def branch_flows(grid: Grid, adm: Admittance, v: Complexes) -> tuple[Complexes, Complexes]:
    """Complex power (p.u.) entering each branch at its `f` and `t` ends; `v`: (..., bus) voltages."""
    vf, vt = v[..., grid.branches.f], v[..., grid.branches.t]
    sf = vf * np.conj(adm.yff * vf + adm.yft * vt)
    st = vt * np.conj(adm.ytf * vf + adm.ytt * vt)
    return sf, st
