"""Bus and branch admittances of the pi model (MATPOWER manual, section 3.2)."""

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from slots.grid.model import Branches, Complexes, Floats, Grid, Ints


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


def two_ports(br: Branches) -> tuple[Complexes, Complexes, Complexes, Complexes]:
    """(branch,) yff, yft, ytf, ytt of each branch (p.u.); zero where out of service.

    A branch whose impedance depends on the end it is seen from is that of pandapower's `makeYbus`.
    """
    on = br.in_service.astype(float)
    series, back = on / (br.r + 1j * br.x), on / (br.r + br.r_asym + 1j * (br.x + br.x_asym))
    tap = br.tap * np.exp(1j * br.shift)
    yff = (series + on * (br.g_f + 1j * (br.b_f + br.b / 2))) / (tap * tap.conj())
    ytt = back + on * (br.g_t + 1j * (br.b_t + br.b / 2))
    return yff, -series / tap.conj(), -back / tap, ytt


def admittance(grid: Grid) -> Admittance:
    """Admittances of every branch in service, and the bus matrix with bus shunts."""
    br, n = grid.branches, grid.n_bus
    yff, yft, ytf, ytt = two_ports(br)
    shunt = (grid.buses.gs + 1j * grid.buses.bs) / grid.base_mva
    bus = np.arange(n)
    rows = np.concatenate([br.f, br.f, br.t, br.t, bus])
    cols = np.concatenate([br.f, br.t, br.f, br.t, bus])
    data = np.concatenate([yff, yft, ytf, ytt, shunt])
    ybus = sp.csr_matrix((data, (rows, cols)), shape=(n, n))
    ybus.sum_duplicates()
    return Admittance(ybus, yff, yft, ytf, ytt)


def conductance(grid: Grid) -> Floats:
    """(bus,) MW that the shunts of buses and branches draw at 1 p.u., as MATPOWER's DC power flow counts those of buses."""
    br, out = grid.branches, grid.buses.gs.copy()
    for at, drawn in ((br.f, br.g_f / br.tap**2), (br.t, br.g_t)):
        np.add.at(out, at, np.where(br.in_service, drawn, 0.0) * grid.base_mva)
    return np.asarray(np.where(grid.live, out, 0.0))


def as_set(grid: Grid, adm: Admittance, shunt: Floats, tap: Floats) -> Admittance:
    """The admittances with banks and taps as they are set.

    Args:
        grid, adm: the grid and its own admittances.
        shunt: (bus,) p.u. of susceptance beyond the grid's own.
        tap: (changer,) by which the ratio of each of `grid.changers` is beyond the grid's own.
    """
    out = with_taps(grid, adm, tap)
    if not shunt.any():
        return out
    bus = np.arange(grid.n_bus)
    return replace(out, ybus=_more(out.ybus, bus, bus, np.asarray(1j * shunt, complex)))


def with_taps(grid: Grid, adm: Admittance, tap: Floats) -> Admittance:
    """The admittances with taps as they are set, as in `as_set`; the matrix keeps its pattern."""
    if not tap.any():
        return adm
    k, br = grid.changers, grid.branches
    less = np.ones(len(br))
    less[k] = br.tap[k] / (br.tap[k] + tap)
    out = replace(adm, yff=adm.yff * less**2, yft=adm.yft * less, ytf=adm.ytf * less)
    moved = [(getattr(out, y) - getattr(adm, y))[k] for y in ("yff", "yft", "ytf")]
    f, t = br.f[k], br.t[k]
    rows, columns = np.concatenate([f, f, t]), np.concatenate([f, t, f])
    return replace(out, ybus=_more(adm.ybus, rows, columns, np.concatenate(moved)))


def _more(matrix: sp.csr_matrix, rows: Ints, columns: Ints, values: Complexes) -> sp.csr_matrix:
    """The matrix with more at entries that it has."""
    n, out = matrix.shape[1], matrix.copy()
    entries = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * n + matrix.indices
    np.add.at(out.data, np.searchsorted(entries, rows * n + columns), values)
    return out


def branch_flows(grid: Grid, adm: Admittance, v: Complexes) -> tuple[Complexes, Complexes]:
    """Complex power (p.u.) entering each branch at its `f` and `t` ends; `v`: (..., bus) voltages."""
    vf, vt = v[..., grid.branches.f], v[..., grid.branches.t]
    sf = vf * np.conj(adm.yff * vf + adm.yft * vt)
    st = vt * np.conj(adm.ytf * vf + adm.ytt * vt)
    return sf, st
