"""Writer of one solved hour as a pandapower network, to be looked at or solved there."""

from typing import Any

import numpy as np

from slots.grid.model import Grid


def to_net(grid: Grid, injection: Any, v: Any, controlled: Any) -> Any:
    """An hour as a pandapower network, to be looked at or solved there.

    Args:
        grid: the grid whose hour it is.
        injection: (bus,) scheduled p.u. injection.
        v: (bus,) solved voltages (p.u.).
        controlled: (bus,) buses that hold their voltage.

    Returns:
        A network whose buses keep the grid's positions. Lines become lines, everything with a tap or an
        equivalent impedance becomes a general impedance with shunts at its ends.
    """
    import pandapower as pp

    base = grid.base_mva
    net = pp.create_empty_network(sn_mva=base)
    for k in range(grid.n_bus):
        pp.create_bus(net, vn_kv=float(grid.buses.kv[k]), index=k, name=str(grid.buses.number[k]))
        if grid.buses.gs[k] or grid.buses.bs[k]:
            pp.create_shunt(net, k, p_mw=float(grid.buses.gs[k]), q_mvar=float(-grid.buses.bs[k]))
        p, q = float(injection[k].real * base), float(injection[k].imag * base)
        if k == grid.slack:
            pp.create_ext_grid(net, k, vm_pu=float(abs(v[k])), va_degree=float(np.rad2deg(np.angle(v[k]))))
        elif controlled[k]:
            pp.create_gen(net, k, p_mw=p, vm_pu=float(abs(v[k])))
        else:
            pp.create_load(net, k, p_mw=-p, q_mvar=-q)
    for branch in np.flatnonzero(grid.branches.in_service).tolist():
        _add_branch(pp, net, grid, branch)
    return net


def _add_branch(pp: Any, net: Any, grid: Grid, k: int) -> None:
    br, base = grid.branches, grid.base_mva
    f, t = int(br.f[k]), int(br.t[k])
    kv = float(grid.buses.kv[f])
    if br.tap[k] == 1 and br.shift[k] == 0 and kv == grid.buses.kv[t] and not br.equivalent[k]:
        ohm = kv**2 / base
        pp.create_line_from_parameters(
            net, f, t, length_km=1.0, r_ohm_per_km=float(br.r[k] * ohm), x_ohm_per_km=float(br.x[k] * ohm),
            c_nf_per_km=float(br.b[k] / ohm / (2 * np.pi * net.f_hz) * 1e9), max_i_ka=1e3, name=str(br.name[k]),
        )  # fmt: skip
        return
    y, tap = 1 / (br.r[k] + 1j * br.x[k]), br.tap[k] * np.exp(1j * br.shift[k])
    series_ft, series_tf = np.conj(tap) / y, tap / y  # off-diagonals of the two-port, as impedances
    pp.create_impedance(
        net, f, t, rft_pu=float(series_ft.real), xft_pu=float(series_ft.imag), rtf_pu=float(series_tf.real),
        xtf_pu=float(series_tf.imag), sn_mva=base, name=str(br.name[k]),
    )  # fmt: skip
    ytt = y + 0.5j * br.b[k]
    yff = ytt / abs(tap) ** 2
    for bus, extra in ((f, yff - 1 / series_ft), (t, ytt - 1 / series_tf)):
        if abs(extra) > 1e-12:
            pp.create_shunt(net, bus, p_mw=float(extra.real * base), q_mvar=float(-extra.imag * base))
