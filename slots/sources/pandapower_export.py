"""Writers of pandapower networks: a whole grid, which `pandapower_net.from_net` reads back, and one solved hour."""

from typing import Any

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import PQ, SLACK, Grid

# Columns of units that pandapower has no place for; they travel as `bos_…` and are read back.
OWN = (
    "kind", "technology", "q", "vset", "must_run", "start_cost", "min_up", "min_down", "ramp", "ramp_10min", "cost_mw",
    "cost_usd", "energy_max", "energy_initial", "charge_max", "efficiency", "source",
)  # fmt: skip


def whole_net(grid: Grid) -> Any:
    """A grid as a pandapower network whose buses keep their positions; what is out of service stays so.

    Lines become lines. What has a tap or joins two voltages becomes a transformer, or a general impedance where
    pandapower allows none (no or negative reactance); its charging becomes shunts of its buses. Costs are
    piecewise linear. Ramps and minimum times have no place there.
    """
    import pandapower as pp

    net = pp.create_empty_network(name=grid.name, sn_mva=grid.base_mva)
    kv = np.where(grid.buses.kv > 0, grid.buses.kv, 1.0)
    shunt = grid.buses.gs + 1j * grid.buses.bs
    _buses(pp, net, grid, kv)
    for k in range(len(grid.branches)):
        _branch(pp, net, grid, kv, k, shunt)
    for k in np.flatnonzero(shunt).tolist():
        pp.create_shunt(net, k, p_mw=float(shunt[k].real), q_mvar=float(-shunt[k].imag))
    _units(pp, net, grid)
    for k in range(len(grid.dc_links)):
        _link(pp, net, grid, k)
    return net


def _buses(pp: Any, net: Any, grid: Grid, kv: Any) -> None:
    b = grid.buses
    pp.create_buses(
        net, grid.n_bus, vn_kv=kv, name=[str(n) for n in b.name], zone=[str(a) for a in b.area],
        min_vm_pu=b.vmin, max_vm_pu=b.vmax,
    )  # fmt: skip
    net.bus["number"] = b.number
    loaded = np.flatnonzero((b.pd != 0) | (b.qd != 0))
    if len(loaded):
        pp.create_loads(net, loaded, p_mw=b.pd[loaded], q_mvar=b.qd[loaded])


def _branch(pp: Any, net: Any, grid: Grid, kv: Any, k: int, shunt: Any) -> None:
    br, base = grid.branches, grid.base_mva
    f, t = int(br.f[k]), int(br.t[k])
    common = {"name": str(br.name[k]), "in_service": bool(br.in_service[k])}
    rate = float(br.rate[k]) if np.isfinite(br.rate[k]) else 1e5
    if br.tap[k] == 1 and br.shift[k] == 0 and kv[f] == kv[t]:
        ohm = kv[f] ** 2 / base
        pp.create_line_from_parameters(
            net, f, t, length_km=1.0, r_ohm_per_km=float(br.r[k] * ohm), x_ohm_per_km=float(br.x[k] * ohm),
            c_nf_per_km=float(br.b[k] / ohm / (2 * np.pi * net.f_hz) * 1e9), max_i_ka=rate / (np.sqrt(3) * kv[f]),
            **common,
        )  # fmt: skip
        return
    if br.in_service[k]:
        half = 0.5j * br.b[k] * base
        shunt[f] += half / br.tap[k] ** 2
        shunt[t] += half
    z = complex(br.r[k], br.x[k])
    if z.real < 0 or z.imag <= 0:
        _impedance(pp, net, grid, k, z, shunt, common)
        return
    high, low = (f, t) if kv[f] >= kv[t] else (t, f)
    winding = {high: kv[high], low: kv[low]}
    winding[f] *= br.tap[k]
    turn = np.rad2deg(br.shift[k]) * (1 if high == f else -1)
    pp.create_transformer_from_parameters(
        net, high, low, sn_mva=base, vn_hv_kv=float(winding[high]), vn_lv_kv=float(winding[low]),
        vkr_percent=100 * z.real, vk_percent=100 * abs(z), pfe_kw=0.0, i0_percent=0.0, shift_degree=float(turn),
        max_loading_percent=100.0 * rate / base, **common,
    )  # fmt: skip


def _impedance(pp: Any, net: Any, grid: Grid, k: int, z: complex, shunt: Any, common: dict[str, Any]) -> None:
    """A branch that is no transformer in pandapower, as a series impedance and shunts.

    Raises:
        GridError: it shifts the phase, for which there is no place.
    """
    br, base = grid.branches, grid.base_mva
    f, t, tap = int(br.f[k]), int(br.t[k]), float(br.tap[k])
    if br.shift[k]:
        raise GridError(f"branch {br.name[k]} shifts the phase without reactance", "choose another format")
    series = z * tap
    pp.create_impedance(net, f, t, rft_pu=series.real, xft_pu=series.imag, sn_mva=base, **common)
    if br.in_service[k]:
        shunt[f] += np.conj((1 / tap**2 - 1 / tap) / z) * base
        shunt[t] += np.conj((1 - 1 / tap) / z) * base


def _units(pp: Any, net: Any, grid: Grid) -> None:
    """Units that can hold a voltage are generators, others static ones; columns `bos_…` hold what has no place."""
    u, kind = grid.units, grid.buses.kind
    holds = _holders(grid)
    slack = int(np.flatnonzero(holds & (kind[u.bus] == SLACK))[0])
    vset = {int(b): float(v) for b, v in zip(u.bus[holds][::-1], u.vset[holds][::-1], strict=True)}
    own: dict[str, list[dict[str, Any]]] = {"gen": [], "sgen": []}
    for k in range(len(u)):
        bus = int(u.bus[k])
        values = {"p_mw": float(u.p[k]), "min_p_mw": float(u.pmin[k]), "max_p_mw": float(u.pmax[k]),
                  "min_q_mvar": float(u.qmin[k]), "max_q_mvar": float(u.qmax[k]), "name": str(u.name[k]),
                  "in_service": bool(u.in_service[k]), "type": str(u.fuel[k]), "controllable": True}  # fmt: skip
        if holds[k]:
            made, table = pp.create_gen(net, bus, vm_pu=vset[bus], slack=k == slack, **values), "gen"
        else:
            made, table = pp.create_sgen(net, bus, q_mvar=float(u.q[k]), **values), "sgen"
        own[table].append({f"bos_{c}": _plain(getattr(u, c)[k]) for c in OWN})
        mw, usd = u.cost_mw[k], u.cost_usd[k]
        steps = np.flatnonzero(np.diff(mw) > 0)
        points = [[float(mw[s]), float(mw[s + 1]), float((usd[s + 1] - usd[s]) / (mw[s + 1] - mw[s]))] for s in steps]
        if points:
            pp.create_pwl_cost(net, made, table, points)
    for table, rows in own.items():
        for column in rows[0] if rows else ():
            net[table][column] = [r[column] for r in rows]


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _holders(grid: Grid) -> Any:
    """(unit,) whether a unit holds its bus's voltage: it has a reactive range, or is the first of a held bus."""
    u, held = grid.units, grid.buses.kind[grid.units.bus] != PQ
    out = u.in_service & held & (u.qmax > u.qmin)
    for bus in np.unique(u.bus[held & u.in_service]):
        mine = np.flatnonzero((u.bus == bus) & u.in_service)
        if not out[mine].any():
            out[mine[0]] = True
    return out


def _link(pp: Any, net: Any, grid: Grid, k: int) -> None:
    d = grid.dc_links
    pp.create_dcline(
        net, int(d.f[k]), int(d.t[k]), p_mw=float(d.p[k]), loss_percent=100 * float(d.loss1[k]),
        loss_mw=float(d.loss0[k]), vm_from_pu=1.0, vm_to_pu=1.0, max_p_mw=float(d.pmax[k]),
        name=str(d.name[k]), in_service=bool(d.in_service[k]),
    )  # fmt: skip


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
