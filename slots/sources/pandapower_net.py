"""Reader of pandapower networks: JSON files and the networks that pandapower ships.

pandapower itself expands lines, transformers, wards and impedances into pi branches (its "ppc"); the
conversion here starts from that, so a power flow of the grid equals pandapower's own.
"""

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import Grid
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import Case

_GEN_COLUMNS = 21


def read_json(path: Path) -> Grid:
    """The grid of a pandapower JSON file.

    Raises:
        GridError: the file is missing or is not a pandapower network.
    """
    import pandapower as pp

    if not path.is_file():
        raise GridError(f"grid file {path} does not exist", "check the path")
    try:
        net = pp.from_json(str(path))
        assert "bus" in net
    except Exception:
        raise GridError(
            f"grid file {path} is not a pandapower network in JSON", "save it with pandapower.to_json"
        ) from None
    return from_net(net, path.stem)


def read_shipped(name: str) -> Grid:
    """A network of `pandapower.networks` by the name of its function."""
    import pandapower.networks as networks

    make = getattr(networks, name, None)
    if make is None:
        raise GridError(f"pandapower ships no network called '{name}'", "see `bos grids`")
    return from_net(make(), name)


def from_net(net: Any, name: str) -> Grid:
    """The grid of a pandapower network; its power flow must converge first.

    Raises:
        GridError: the network has no external grid or its power flow does not converge.
    """
    import pandapower as pp
    from pandapower.converter.pypower.to_ppc import to_ppc

    if not len(net.ext_grid) and not net.gen.slack.any():
        raise GridError(f"pandapower network {name} has no slack (no external grid)", "add one with create_ext_grid")
    logging.getLogger("pandapower").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pp.runpp(net, calculate_voltage_angles=True, init="dc", numba=False)
        except Exception:
            raise GridError(
                f"the power flow of pandapower network {name} does not converge", "mend the network"
            ) from None
        ppc = to_ppc(net, calculate_voltage_angles=True, init="results")
    bus, gen = np.real(ppc["bus"])[:, :13].copy(), np.zeros((len(ppc["gen"]), _GEN_COLUMNS))
    gen[:, :10] = np.real(ppc["gen"])[:, :10]
    branch = np.real(ppc["branch"])[:, :13].copy()
    branch[:, 4] = np.real(ppc["branch"])[:, 4]
    _fill_limits(net, bus, gen, branch)
    return grid_from_case(Case(name, float(ppc["baseMVA"]), bus, gen, branch), f"pandapower network {name}")


def _fill_limits(net: Any, bus: Any, gen: Any, branch: Any) -> None:
    """Ratings and limits that the power-flow form of a network leaves out."""
    lines, trafos = len(net.line), len(net.trafo)
    if "max_i_ka" in net.line:
        kv = net.bus.vn_kv.loc[net.line.from_bus].to_numpy()
        branch[:lines, 5] = np.sqrt(3) * kv * net.line.max_i_ka.to_numpy() * net.line.parallel.to_numpy()
    branch[lines : lines + trafos, 5] = net.trafo.sn_mva.to_numpy() * net.trafo.parallel.to_numpy()
    branch[branch[:, 5] > 9e3, 5] = 0.0
    bus[:, 11] = np.where((bus[:, 11] <= 0) | (bus[:, 11] >= 2), 1.1, bus[:, 11])
    bus[:, 12] = np.where(bus[:, 12] <= 0, 0.9, bus[:, 12])
    wild = np.abs(gen[:, 8]) > 1e6
    gen[wild, 8] = 2.0 * np.maximum(np.abs(gen[wild, 1]), 1.0)
    gen[np.abs(gen[:, 9]) > 1e6, 9] = 0.0
    for column, sign in ((3, 1.0), (4, -1.0)):
        unlimited = np.abs(gen[:, column]) > 1e6
        gen[unlimited, column] = sign * np.maximum(gen[unlimited, 8], 1.0)


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
