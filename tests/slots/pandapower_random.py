"""What pandapower itself makes of random networks, and what BOS reads: `compare` holds one against the other."""

import warnings
from copy import deepcopy

import networkx as nx
import numpy as np
import pandapower as pp

from bos_core.objects.errors import GridError
from slots.grid.admittance import admittance, branch_flows
from slots.grid.model import ISOLATED, PQ, PV
from slots.grid.newton import newton
from slots.grid.validate import check_grid
from slots.sources.pandapower_networks.reader import from_net, injection
from tests.slots.pandapower_draws import FEATURES, network


def check(net) -> bool:
    """Compare what is read with pandapower; False where pandapower has no solution, and BOS says so in one sentence."""
    oracle, (grid, refused) = solved(net), read(net)
    if oracle is None or refused:
        assert oracle is None, refused
        assert refused
        assert "\n" not in refused
        return False
    check_grid(grid)
    power_flow(grid, oracle)
    branch_ratings(grid, net)
    unit_limits(grid, net, oracle)
    unit_costs(grid, net)
    links_and_stores(grid, net)
    return True


def solved(net):
    """The network with pandapower's own results; None where it has none."""
    oracle = deepcopy(net)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pp.runpp(oracle, calculate_voltage_angles=True, init="dc", numba=False, max_iteration=30)
    except Exception:
        return None
    return oracle


def read(net):
    """The grid that BOS reads, or the sentence with which it refuses."""
    try:
        return from_net(net, "drawn"), ""
    except GridError as error:
        return None, str(error)


def power_flow(grid, oracle) -> None:
    """Voltages, angles, slack powers and flows of the grid's own power flow, started away from its solution."""
    rng, b, u = np.random.default_rng(1), grid.buses, grid.units
    va = b.va + rng.uniform(-0.02, 0.02, grid.n_bus)
    vm = np.where(b.kind == PQ, b.vm + rng.uniform(-0.01, 0.01, grid.n_bus), b.vm)
    va[grid.slack] = b.va[grid.slack]
    for k in np.flatnonzero(u.in_service & (b.kind[u.bus] != PQ)):
        if u.name[k].split()[0] not in ("sgen", "storage"):  # these hold nothing
            vm[u.bus[k]] = u.vset[k]
    adm, s = admittance(grid), injection(grid) / grid.base_mva
    flow = newton(
        adm.ybus,
        s,
        vm * np.exp(1j * va),
        grid.slack,
        np.flatnonzero(b.kind == PV),
        active=np.flatnonzero(grid.live),
        tolerance=1e-9,  # stiff draws have admittances of 1e5 p.u., whose rounding alone is 1e-11
    )
    assert flow.converged
    at = positions(grid, oracle)
    for key, row in oracle.res_bus.iterrows():
        k = at[key]
        if np.isnan(row.vm_pu):
            assert b.kind[k] == ISOLATED, f"bus {key}"
            continue
        assert abs(abs(flow.v[k]) - row.vm_pu) < 1e-6, f"bus {key}"
        turn = np.angle(flow.v[k] * np.exp(-1j * np.deg2rad(row.va_degree)))
        assert abs(turn) < 1e-6, f"bus {key}"
    true = flow.v * np.conj(adm.ybus @ flow.v)
    gap = (true - s)[grid.slack] * grid.base_mva
    assert abs(gap) < 1e-4, "the slack's power"
    depends = any((oracle.load[f"const_{x}_{p}_percent"] != 0).any() for x in "zi" for p in "pq")
    if not depends:  # pandapower's own results of a slack leave out that loads depend on voltage
        for table in ("ext_grid", "gen"):
            for key, row in oracle[f"res_{table}"].iterrows():
                k = u.name.tolist().index(f"{table} {key}")
                same = not u.in_service[k] or abs(u.p[k] + 1j * u.q[k] - row.p_mw - 1j * row.q_mvar) < 1e-4
                assert same, f"{table} {key}"
    flows(grid, oracle, adm, flow.v)


def flows(grid, oracle, adm, v) -> None:
    sf, st = (x * grid.base_mva for x in branch_flows(grid, adm, v))
    name = {n: k for k, n in enumerate(grid.branches.name)}
    for kind, sides in {"line": ("from", "to"), "trafo": ("hv", "lv"), "impedance": ("from", "to")}.items():
        for key, row in oracle[f"res_{kind}"].iterrows():
            k = name[f"{kind} {key}"]
            for s, side in zip((sf[k], st[k]), sides, strict=True):
                stated = np.nan_to_num(row[f"p_{side}_mw"]) + 1j * np.nan_to_num(row[f"q_{side}_mvar"])
                assert abs(s - stated) < 1e-4, f"{kind} {key} at {side}"
    for key, row in oracle.res_trafo3w.iterrows():
        for leg in ("hv", "mv", "lv"):
            k = name[f"trafo3w {key} {leg}"]
            s = sf[k] if leg == "hv" else st[k]
            assert abs(s.real - np.nan_to_num(row[f"p_{leg}_mw"])) < 1e-4, f"trafo3w {key} {leg}"
            assert abs(s.imag - np.nan_to_num(row[f"q_{leg}_mvar"])) < 1e-4, f"trafo3w {key} {leg}"


def positions(grid, net) -> dict:
    """Position of the bus of the grid that each bus of the network is: closed couplers without impedance join buses."""
    graph = nx.Graph()
    graph.add_nodes_from(net.bus.index)
    for s in net.switch.itertuples():
        if s.et == "b" and s.closed and s.z_ohm <= 0 and net.bus.in_service[s.bus] and net.bus.in_service[s.element]:
            graph.add_edge(s.bus, s.element)
    place = {int(n): k for k, n in enumerate(grid.buses.number)}
    out = {}
    for group in nx.connected_components(graph):
        (k,) = {place[g] for g in group if g in place}
        out |= dict.fromkeys(group, k)
    return out


def branch_ratings(grid, net) -> None:
    rate = dict(zip(grid.branches.name.tolist(), grid.branches.rate, strict=True))
    for key, r in net.line.iterrows():
        most = np.nan_to_num(r.get("max_loading_percent", np.nan), nan=100.0)
        np.testing.assert_allclose(
            rate[f"line {key}"], 3**0.5 * net.bus.vn_kv[r.from_bus] * r.max_i_ka * r.df * r.parallel * most / 100
        )
    for key, r in net.trafo.iterrows():
        most = np.nan_to_num(r.get("max_loading_percent", np.nan), nan=100.0)
        np.testing.assert_allclose(rate[f"trafo {key}"], r.sn_mva * r.df * r.parallel * most / 100)
    for key, r in net.trafo3w.iterrows():
        most = np.nan_to_num(r.get("max_loading_percent", np.nan), nan=100.0)
        for leg in ("hv", "mv", "lv"):
            np.testing.assert_allclose(rate[f"trafo3w {key} {leg}"], r[f"sn_{leg}_mva"] * most / 100)
    for key, r in net.impedance.iterrows():
        np.testing.assert_allclose(rate[f"impedance {key}"], r.sn_mva)
    br = grid.branches
    for k in np.flatnonzero(br.tap_step > 0):
        r = net.trafo.loc[int(br.name[k].split()[1])]
        assert r.oltc
        np.testing.assert_allclose(br.tap[k] - br.tap_low[k], (r.tap_pos - r.tap_min) * br.tap_step[k])
        np.testing.assert_allclose(br.tap_high[k] - br.tap[k], (r.tap_max - r.tap_pos) * br.tap_step[k])
        np.testing.assert_allclose(
            br.tap_step[k], r.tap_step_percent / 100 * r.vn_hv_kv / 110 * net.bus.vn_kv[r.lv_bus] / r.vn_lv_kv
        )


def unit_limits(grid, net, oracle) -> None:
    u = grid.units
    name = {n: k for k, n in enumerate(u.name)}
    for table in ("ext_grid", "gen", "sgen"):
        for key, r in net[table].iterrows():
            fixed = table != "ext_grid" and not r.controllable
            p = 0.0 if table == "ext_grid" else r.p_mw * r.scaling
            if table == "sgen" and fixed and p < 0:
                assert f"sgen {key}" not in name
                continue
            k = name[f"{table} {key}"]
            dead = np.isnan(oracle.res_bus.vm_pu[r.bus])
            assert u.in_service[k] == (bool(r.in_service) and not dead), f"{table} {key}"
            if table != "ext_grid" and not r.get("slack", False):
                np.testing.assert_allclose(u.p[k], p, atol=1e-9)
            if fixed:
                assert u.must_run[k]
                assert table == "sgen" or u.pmin[k] == u.pmax[k] == p
                continue
            pairs = [("pmin", "min_p_mw"), ("pmax", "max_p_mw")]
            if table != "sgen" or not (np.isnan(r.min_q_mvar) or np.isnan(r.max_q_mvar)):
                pairs += [("qmin", "min_q_mvar"), ("qmax", "max_q_mvar")]
            for column, stated in pairs:
                if np.isfinite(r.get(stated, np.nan)):
                    assert getattr(u, column)[k] == r.get(stated), f"{table} {key} {stated}"


def unit_costs(grid, net) -> None:
    u = grid.units
    name = {n: k for k, n in enumerate(u.name)}
    for r in net.poly_cost.itertuples():
        k = name.get(f"{r.et} {int(r.element)}")
        if k is not None:
            x = u.cost_mw[k]
            np.testing.assert_allclose(
                u.cost_usd[k], r.cp2_eur_per_mw2 * x**2 + r.cp1_eur_per_mw * x + r.cp0_eur, atol=1e-6
            )
    for r in net.pwl_cost.itertuples():
        k = name[f"{r.et} {int(r.element)}"]
        x, usd = [r.points[0][0]], [r.points[0][0] * r.points[0][2]]
        for a, b, price in r.points:
            x.append(b)
            usd.append(usd[-1] + (b - a) * price)
        for p in np.linspace(max(u.pmin[k], x[0]), min(u.pmax[k], x[-1]), 5):
            np.testing.assert_allclose(np.interp(p, u.cost_mw[k], u.cost_usd[k]), np.interp(p, x, usd), rtol=1e-9)


def links_and_stores(grid, net) -> None:
    d, u = grid.dc_links, grid.units
    place = positions(grid, net)
    for k, (_, r) in enumerate(net.dcline.iterrows()):
        ends = (place[r.from_bus], place[r.to_bus]) if r.p_mw > 0 else (place[r.to_bus], place[r.from_bus])
        assert (d.f[k], d.t[k]) == ends
        assert (d.loss0[k], d.p[k]) == (r.loss_mw, abs(r.p_mw))
        assert np.isnan(r.get("max_p_mw", np.nan)) or d.pmax[k] == r.max_p_mw
    name = {n: k for k, n in enumerate(u.name)}
    for key, r in net.storage.iterrows():
        least = 0.0 if np.isnan(r.min_e_mwh) else r.min_e_mwh
        k = name.get(f"storage {key}")
        assert (k is None) == bool(np.isnan(r.max_e_mwh))
        if k is not None:
            np.testing.assert_allclose(u.energy_max[k], r.max_e_mwh - least)
            np.testing.assert_allclose(u.energy_initial[k], max(0.0, r.soc_percent / 100 * r.max_e_mwh - least))
            assert np.isnan(r.get("min_p_mw", np.nan)) or u.pmax[k] == -r.min_p_mw
            assert np.isnan(r.get("max_p_mw", np.nan)) or u.charge_max[k] == r.max_p_mw


def compare(networks: int = 40) -> None:
    """Draw networks that have each feature several times, and compare; raises at the first difference."""
    names = sorted(FEATURES)
    for seed in range(networks):
        check(network(seed, [names[(4 * seed + k) % len(names)] for k in range(4)]))
