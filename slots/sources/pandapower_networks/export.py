"""Writer of a whole grid as a pandapower network, which `reader.from_net` reads back as the same grid.

Buses keep their positions; what is out of service stays so. A branch is a line or a two-winding transformer where that is the
same two-port, and an impedance, which can be any, where it is not. A unit that can hold its bus's voltage is a `gen`, a store
a `storage`, any other an `sgen`. A DC link is a load and an infeed, because a `dcline` would hold the voltages of both ends.
What pandapower has no place for is kept in columns `bos_…` (`own`).
"""

from typing import Any

import numpy as np

from slots.grid.admittance import two_ports
from slots.grid.model import PQ, SLACK, STORAGE, Bools, Floats, Grid
from slots.sources.nominal import written_kv
from slots.sources.pandapower_networks.own import NO_RATING, OF_LINKS, OF_STORES, OF_UNITS, ROW, SPLIT, plain

OF_BUSES = ("bs_low", "bs_high", "bs_step", "lat", "lon")


def whole_net(grid: Grid) -> Any:
    """A grid as a pandapower network."""
    import pandapower as pp

    net = pp.create_empty_network(name=grid.name, sn_mva=grid.base_mva)
    kv = written_kv(grid)
    _buses(pp, net, grid, kv)
    ports = two_ports(grid.replace(branches=_all_on(grid)).branches)
    for k in range(len(grid.branches)):
        _branch(pp, net, grid, kv, k, tuple(complex(y[k]) for y in ports))
    _units(pp, net, grid)
    for k in range(len(grid.dc_links)):
        _link(pp, net, grid, k)
    return net


def _all_on(grid: Grid) -> Any:
    from dataclasses import replace

    return replace(grid.branches, in_service=np.ones(len(grid.branches), bool))


def _buses(pp: Any, net: Any, grid: Grid, kv: Floats) -> None:
    b = grid.buses
    pp.create_buses(
        net, grid.n_bus, vn_kv=kv, name=[str(n) for n in b.name], zone=[str(a) for a in b.area], in_service=grid.live,
        min_vm_pu=b.vmin, max_vm_pu=b.vmax,
    )  # fmt: skip
    net.bus["number"] = b.number
    net.bus["bos_va"] = np.where(b.kind == SLACK, np.rad2deg(b.va), np.nan)  # pandapower turns a generator's slack to 0
    for column in OF_BUSES:
        net.bus[f"bos_{column}"] = getattr(b, column)
    loaded = np.flatnonzero((b.pd != 0) | (b.qd != 0))
    if len(loaded):
        pp.create_loads(net, loaded, p_mw=b.pd[loaded], q_mvar=b.qd[loaded])
    for k in np.flatnonzero((b.gs != 0) | (b.bs != 0)).tolist():
        pp.create_shunt(net, k, p_mw=float(b.gs[k]), q_mvar=float(-b.bs[k]))


def _branch(pp: Any, net: Any, grid: Grid, kv: Floats, k: int, port: tuple[complex, ...]) -> None:
    br, base = grid.branches, grid.base_mva
    f, t = int(br.f[k]), int(br.t[k])
    rate = float(br.rate[k]) if np.isfinite(br.rate[k]) else NO_RATING
    common = {
        "name": str(br.name[k]), "in_service": bool(br.in_service[k]), ROW: k, "bos_equivalent": bool(br.equivalent[k]),
        "bos_rate_emergency": float(br.rate_emergency[k]) if np.isfinite(br.rate_emergency[k]) else NO_RATING,
    }  # fmt: skip
    even = br.r_asym[k] == br.x_asym[k] == 0 and br.b_f[k] == br.b_t[k] == 0
    still = br.tap[k] == 1 and br.shift[k] == 0 and br.tap_step[k] == 0
    if even and still and kv[f] == kv[t] and br.g_f[k] == br.g_t[k]:
        ohm = kv[f] ** 2 / base
        pp.create_line_from_parameters(
            net, f, t, length_km=1.0, r_ohm_per_km=float(br.r[k] * ohm), x_ohm_per_km=float(br.x[k] * ohm),
            c_nf_per_km=float(br.b[k] / ohm / (2 * np.pi * net.f_hz) * 1e9), g_us_per_km=float(2 * br.g_f[k] / ohm * 1e6),
            max_i_ka=rate / (np.sqrt(3) * kv[f]), **common,
        )  # fmt: skip
    elif even and br.b[k] == br.g_f[k] == br.g_t[k] == 0 and br.r[k] >= 0 and br.x[k] > 0:
        _transformer(pp, net, grid, kv, k, rate, common)
    else:
        _impedance(pp, net, grid, k, port, rate, {**common, **_kept(grid, k)})


def _kept(grid: Grid, k: int) -> dict[str, float]:
    return {f"bos_{c}": float(getattr(grid.branches, c)[k]) for c in SPLIT}


def _transformer(pp: Any, net: Any, grid: Grid, kv: Floats, k: int, rate: float, common: dict[str, Any]) -> None:
    """A two-winding transformer; one whose ratio stands at its low-voltage end is seen from the other end."""
    br, base = grid.branches, grid.base_mva
    f, t, tap = int(br.f[k]), int(br.t[k]), float(br.tap[k])
    z, flip = complex(br.r[k], br.x[k]), bool(kv[f] < kv[t])
    high, low = (t, f) if flip else (f, t)
    winding = {f: kv[f] * tap, t: kv[t]}
    turn = np.rad2deg(br.shift[k]) * (-1 if flip else 1)
    changer: dict[str, Any] = {}
    if flip:
        changer = {"bos_flip": True, **_kept(grid, k)}
    elif br.tap_step[k] > 0:
        step = float(br.tap_step[k])
        changer = {
            "tap_side": "hv", "tap_neutral": 0.0, "tap_pos": 0.0, "tap_min": float(br.tap_low[k] - tap) / step,
            "tap_max": float(br.tap_high[k] - tap) / step, "tap_step_percent": 100 * step / tap, "tap_step_degree": 0.0,
            "tap_changer_type": "Ratio", "oltc": True,
        }  # fmt: skip
    made = pp.create_transformer_from_parameters(
        net, high, low, sn_mva=base, vn_hv_kv=float(winding[high]), vn_lv_kv=float(winding[low]), vkr_percent=100 * z.real,
        vk_percent=100 * abs(z), pfe_kw=0.0, i0_percent=0.0, shift_degree=float(turn),
        max_loading_percent=100.0 * rate / base, **common, **{c: v for c, v in changer.items() if c != "oltc"},
    )  # fmt: skip
    if "oltc" in changer:
        net.trafo.loc[made, "oltc"] = True


def _impedance(
    pp: Any, net: Any, grid: Grid, k: int, port: tuple[complex, ...], rate: float, common: dict[str, Any]
) -> None:
    """Any two-port: impedances that differ by end, and an admittance at each end."""
    br, (yff, yft, ytf, ytt) = grid.branches, port
    scale = rate / grid.base_mva
    ahead, back, end_f, end_t = -scale / yft, -scale / ytf, (yff + yft) / scale, (ytt + ytf) / scale
    pp.create_impedance(
        net, int(br.f[k]), int(br.t[k]), rft_pu=ahead.real, xft_pu=ahead.imag, rtf_pu=back.real, xtf_pu=back.imag,
        gf_pu=end_f.real, bf_pu=end_f.imag, gt_pu=end_t.real, bt_pu=end_t.imag, sn_mva=rate, **common,
    )  # fmt: skip


def _units(pp: Any, net: Any, grid: Grid) -> None:
    u, kind, holds = grid.units, grid.buses.kind, holders(grid)
    at_slack = np.flatnonzero(holds & (kind[u.bus] == SLACK))
    slack = int(at_slack[0]) if len(at_slack) else -1
    vset = {int(b): float(v) for b, v in zip(u.bus[holds][::-1], u.vset[holds][::-1], strict=True)}
    kept: dict[str, list[dict[str, Any]]] = {"gen": [], "sgen": [], "storage": []}
    for k in range(len(u)):
        bus, store = int(u.bus[k]), u.kind[k] == STORAGE and u.energy_max[k] > 0 and not holds[k]
        values = {"min_q_mvar": float(u.qmin[k]), "max_q_mvar": float(u.qmax[k]), "name": str(u.name[k]),
                  "in_service": bool(u.in_service[k]), "type": str(u.fuel[k]), "controllable": True}  # fmt: skip
        power = {"p_mw": float(u.p[k]), "min_p_mw": float(u.pmin[k]), "max_p_mw": float(u.pmax[k])}
        own = OF_UNITS if store else (*OF_UNITS, *OF_STORES)
        if holds[k]:
            table, own = "gen", (*own, "q", "vset")
            made = pp.create_gen(net, bus, vm_pu=vset[bus], slack=k == slack, **power, **values)
        elif store:
            table, own = "storage", (*own, "vset", "pmin")
            made = pp.create_storage(
                net, bus, p_mw=-float(u.p[k]), q_mvar=-float(u.q[k]), min_p_mw=-float(u.pmax[k]),
                max_p_mw=float(u.charge_max[k]), max_e_mwh=float(u.energy_max[k]), min_e_mwh=0.0,
                soc_percent=100 * float(u.energy_initial[k] / u.energy_max[k]), **values,
            )  # fmt: skip
        else:
            table, own = "sgen", (*own, "vset")
            made = pp.create_sgen(net, bus, q_mvar=float(u.q[k]), **power, **values)
        kept[table].append({ROW: k, **{f"bos_{c}": plain(getattr(u, c)[k]) for c in own}})
        if not store:
            _cost(pp, net, table, made, u.cost_mw[k], u.cost_usd[k])
    for table, rows in kept.items():
        for column in rows[0] if rows else ():
            net[table][column] = [r[column] for r in rows]


def _cost(pp: Any, net: Any, table: str, made: int, mw: Floats, usd: Floats) -> None:
    """A piecewise linear curve; pandapower continues its first piece to zero, so what that misses is kept beside it."""
    steps = np.flatnonzero(np.diff(mw) > 0)
    prices = [float((usd[s + 1] - usd[s]) / (mw[s + 1] - mw[s])) for s in steps]
    if not len(steps):
        pp.create_poly_cost(net, made, table, cp1_eur_per_mw=0.0, cp0_eur=float(usd[0]))
        return
    points = [[float(mw[s]), float(mw[s + 1]), price] for s, price in zip(steps, prices, strict=True)]
    row = pp.create_pwl_cost(net, made, table, points)
    net.pwl_cost.loc[row, "bos_offset"] = float(usd[steps[0]] - mw[steps[0]] * prices[0])


def holders(grid: Grid) -> Bools:
    """(unit,) whether a unit holds its bus's voltage: it has a reactive range, or is the first of a held bus."""
    u, held = grid.units, grid.buses.kind[grid.units.bus] != PQ
    out = u.in_service & held & (u.qmax > u.qmin)
    for bus in np.unique(u.bus[held & u.in_service]):
        mine = np.flatnonzero((u.bus == bus) & u.in_service)
        if not out[mine].any():
            out[mine[0]] = True
    return np.asarray(out)


def _link(pp: Any, net: Any, grid: Grid, k: int) -> None:
    d = grid.dc_links
    p, on, name = float(d.p[k]), bool(d.in_service[k]), str(d.name[k])
    kept = {"to": int(d.t[k]), **{c: float(getattr(d, c)[k]) for c in OF_LINKS[1:]}}
    load = pp.create_load(net, int(d.f[k]), p_mw=p, q_mvar=0.0, name=name, in_service=on, type="DC link")
    arriving = p - float(d.loss0[k]) - float(d.loss1[k]) * abs(p)
    infeed = pp.create_sgen(net, int(d.t[k]), p_mw=arriving, q_mvar=0.0, name=name, in_service=on, type="DC link")
    for table, row in (("load", load), ("sgen", infeed)):
        if "bos_link" not in net[table]:
            net[table]["bos_link"] = None
        net[table].loc[row, "bos_link"] = name
    for column, value in kept.items():
        net.load.loc[load, f"bos_{column}"] = value
