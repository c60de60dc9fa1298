"""Random PyPSA networks with every component and attribute that planning reads, held against PyPSA's own power flow."""

import logging
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slots.grid.admittance import admittance
from slots.grid.newton import newton
from slots.sources.pypsa.reader import read_pypsa

VOLT, MW = 1e-6, 1e-4
SOLVED = 8  # of how many networks one is also solved by PyPSA, which takes longer than all else
LINE_TYPES = ("Al/St 240/40 2-bundle 220.0", "149-AL1/24-ST1A 110.0", "490-AL1/64-ST1A 380.0")


class Rows:
    """Components as they are drawn; added to a network kind by kind, which is ten times as fast as one by one."""

    def __init__(self):
        self.snapshots = None
        self.rows = {}

    def add(self, kind, name, **columns):
        self.rows.setdefault(kind, {})[name] = columns

    def network(self):
        import pypsa

        n = pypsa.Network(name="drawn")
        n.set_snapshots(self.snapshots)
        for kind, rows in self.rows.items():
            default = n.components[kind].defaults.default
            columns = dict.fromkeys(k for row in rows.values() for k in row)
            moving = {
                k: {name: row[k] for name, row in rows.items() if isinstance(row.get(k), pd.Series)} for k in columns
            }
            plain = {
                k: [default[k] if name in moving[k] else row.get(k, default[k]) for name, row in rows.items()]
                for k in columns
            }
            n.add(kind, list(rows), **plain)
            for k, found in moving.items():
                if found:
                    n.dynamic(kind)[k] = pd.DataFrame(found, index=self.snapshots)
        return n


def draw(seed: int):
    """A PyPSA network of 2 to 7 AC buses and what else PyPSA has, with a power flow."""
    rng = np.random.default_rng(seed)
    chance = lambda p: bool(rng.random() < p)  # noqa: E731
    n = Rows()
    hours = int(rng.integers(2, 6))
    n.snapshots = pd.date_range(f"20{rng.integers(19, 25)}-0{rng.integers(1, 9)}-01 00:00", periods=hours, freq="h")
    series = lambda x: pd.Series(x * rng.uniform(0.9, 1.1, hours), index=n.snapshots)  # noqa: E731
    buses = [f"b{k}" for k in range(rng.integers(2, 8))]
    kv = rng.choice([110.0, 220.0, 380.0], len(buses))
    for name, v in zip(buses, kv, strict=True):
        n.add("Bus", name, v_nom=v, v_mag_pu_set=rng.uniform(0.98, 1.04), x=rng.uniform(0, 20), y=rng.uniform(40, 60),
              v_mag_pu_min=rng.choice([0.0, 0.92]), v_mag_pu_max=rng.choice([np.inf, 1.08]))  # fmt: skip
    edges = [(int(rng.integers(0, k)), k) for k in range(1, len(buses))]
    edges += [tuple(rng.choice(len(buses), 2, replace=False).tolist()) for _ in range(rng.integers(0, 4))]
    for k, (a, b) in enumerate(edges):
        _branch(n, rng, f"e{k}", (buses[a], buses[b]), (kv[a], kv[b]), k < len(buses) - 1)
    for k in range(rng.integers(1, 6)):
        control = str(rng.choice(["PQ", "PV", "Slack"]))
        name, size, low = f"g{k}", rng.uniform(20, 200), float(rng.choice([0.0, 0.3]))
        p = rng.uniform(low, 1) * size * 0.5
        extra = {}
        if chance(0.3):
            extra = {"p_max_pu": series(0.6), "carrier": str(rng.choice(["onwind", "solar", "ror"]))}
        elif chance(0.6):
            extra = {"committable": True, "start_up_cost": rng.uniform(0, 900), "shut_down_cost": rng.uniform(0, 90),
                     "stand_by_cost": rng.uniform(0, 50), "min_up_time": int(rng.integers(0, 6)), "p_min_pu": low,
                     "min_down_time": int(rng.integers(0, 6)), "carrier": str(rng.choice(["coal", "CCGT", "nuclear"])),
                     "ramp_limit_start_up": rng.uniform(0.4, 1), "ramp_limit_shut_down": rng.uniform(0.4, 1)}  # fmt: skip
        if chance(0.5):
            extra |= {"ramp_limit_up": rng.uniform(0.2, 1), "ramp_limit_down": rng.uniform(0.2, 1)}
        on = chance(0.9) or k == 0
        control = control if on else "PQ"  # PyPSA lets a generator that is not active hold a voltage; BOS does not
        n.add("Generator", name, bus=str(rng.choice(buses)), control=control, p_nom=size, q_set=rng.uniform(-10, 20),
              p_set=series(p) if chance(0.5) else p, marginal_cost=rng.uniform(1.5, 80), active=on,
              marginal_cost_quadratic=rng.choice([0.0, 0.02]), **extra)  # fmt: skip
    for k in range(rng.integers(1, 6)):
        p = rng.uniform(-10, 30)
        n.add("Load", f"l{k}", bus=str(rng.choice(buses)), p_set=series(p) if chance(0.7) else p, active=chance(0.9),
              q_set=rng.choice([0.0, 7.0, -3.0]), sign=float(rng.choice([-1.0, -1.0, -0.5])))  # fmt: skip
    _rest(n, rng, buses, chance)
    return n.network()


def _branch(n, rng, name, ends, kv, tree):
    on = tree or bool(rng.random() < 0.7)
    size, shunted = rng.uniform(80, 300), rng.random() < 0.5
    common = {"bus0": ends[0], "bus1": ends[1], "s_nom": size, "s_max_pu": rng.choice([1.0, 0.7]), "active": on}
    if kv[0] == kv[1] and rng.random() < 0.8:
        if rng.random() < 0.25:
            n.add("Line", name, type=str(rng.choice(LINE_TYPES)), length=rng.uniform(5, 40),
                  num_parallel=float(rng.integers(1, 3)), **common)  # fmt: skip
            return
        z = kv[0] ** 2 / 100
        n.add("Line", name, r=rng.uniform(0, 0.02) * z, x=rng.uniform(0.02, 0.1) * z, g=shunted * rng.uniform(0, 0.01) / z,
              b=shunted * rng.uniform(0, 0.1) / z, num_parallel=2.0, **common)  # fmt: skip
        return
    share = size / 100
    kinds = {
        "model": str(rng.choice(["t", "pi"])),
        "tap_side": int(rng.integers(0, 2)),
        "tap_ratio": rng.uniform(0.95, 1.05),
    }
    if rng.random() < 0.2:
        n.add("Transformer", name, type="160 MVA 380/110 kV", tap_position=int(rng.integers(-3, 4)), num_parallel=1.0,
              **{**common, "model": kinds["model"]})  # fmt: skip
        return
    shift = float(rng.choice([0.0, 0.0, 15.0, -30.0])) if not tree else float(rng.choice([0.0, 30.0, 150.0, -60.0]))
    n.add("Transformer", name, r=rng.uniform(0, 0.01) * share, x=rng.uniform(0.02, 0.1) * share, g=shunted * 0.001 / share,
          b=-shunted * 0.01 / share, phase_shift=shift, **kinds, **common)  # fmt: skip


def _rest(n, rng, buses, chance):
    pick = lambda: str(rng.choice(buses))  # noqa: E731
    if chance(0.5):
        n.add("ShuntImpedance", "shunt", bus=pick(), g=1e-5, b=rng.uniform(-3e-4, 3e-4))
    if chance(0.5):
        n.add("StorageUnit", "pumped", bus=pick(), p_nom=40, max_hours=6, p_set=rng.uniform(-10, 10), q_set=3.0,
              efficiency_store=0.8, efficiency_dispatch=0.95, state_of_charge_initial=100.0, carrier="PHS", active=chance(0.8),
              control=str(rng.choice(["PQ", "PV"])), inflow=pd.Series(rng.uniform(0, 9, len(n.snapshots)), index=n.snapshots))  # fmt: skip
    if chance(0.4):
        n.add(
            "Store",
            "flywheel",
            bus=pick(),
            e_nom=12.0,
            p_set=pd.Series([1.5, *rng.uniform(-2, 2, len(n.snapshots) - 1)], n.snapshots),
            e_initial=4.0,
        )
    if chance(0.4) and len(buses) > 2:
        a, b = rng.choice(buses, 2, replace=False)
        n.add("Link", "dc", bus0=str(a), bus1=str(b), p_nom=30, p_set=rng.uniform(0, 8), efficiency=rng.uniform(0.9, 1),
              p_min_pu=-1.0, active=chance(0.8))  # fmt: skip
    if chance(0.3):
        at = pick()
        n.add("Bus", "cell", carrier="battery")
        n.add("Store", "cell", bus="cell", e_nom=80.0, e_initial=20.0, carrier="battery")
        n.add("Link", "charger", bus0=at, bus1="cell", p_nom=25, efficiency=0.9)
        n.add("Link", "discharger", bus0="cell", bus1=at, p_nom=20, efficiency=0.95)
    if chance(0.2):
        n.add("Bus", "far", v_nom=110)
        n.add("Load", "far", bus="far", p_set=0.001)


def solve(n) -> bool:
    """PyPSA's power flow of the first snapshot; whether it converged."""
    logging.getLogger("pypsa").setLevel(logging.CRITICAL)
    for kind, names in (
        ("Link", ["charger", "discharger"]),
        ("Store", ["cell"]),
        ("Load", ["far"]),
        ("Bus", ["cell", "far"]),
    ):
        n.remove(
            kind, n.static(kind).index.intersection(names)
        )  # PyPSA's power flow fails at buses without a generator
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = n.pf(n.snapshots[:1], x_tol=1e-10)
    return bool(told.converged.to_numpy()[:, 0].all())


def write(n, folder: Path, csv: bool) -> Path:
    """The network in one of PyPSA's own layouts."""
    logging.getLogger("pypsa").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if csv:
            n.export_to_csv_folder(folder / "net")
            return folder / "net"
        n.export_to_netcdf(folder / "net.nc")
    return folder / "net.nc"


def check(seed: int) -> bool:
    """Whether a drawn network was solved by PyPSA's power flow; raises where BOS reads it otherwise than PyPSA."""
    n = draw(seed)
    with tempfile.TemporaryDirectory() as folder:
        grid, series = read_pypsa(write(n, Path(folder), csv=seed % 4 != 0))
    _same_limits(n, grid)
    _same_hours(n, grid, series)
    _same_equations(n, grid)
    solved = seed % SOLVED == 0 and solve(n)
    if solved:
        _same_flow(n, grid)
    return solved


def _injections(n, grid):
    """(bus,) MVA that stand at the buses of a grid in the first snapshot, as PyPSA's tables have it."""
    at, out = {b: k for k, b in enumerate(grid.buses.name.tolist())}, np.zeros(grid.n_bus, complex)
    for kind in ("Generator", "Load", "StorageUnit", "Store"):
        table = n.static(kind)
        p, q = (n.get_switchable_as_dense(kind, k).iloc[0].fillna(0.0) for k in ("p_set", "q_set"))
        for name in table.index[table.active]:
            if table.bus[name] in at:
                out[at[table.bus[name]]] += table.sign[name] * complex(p[name], q[name])
    for _, x in n.links[n.links.active & n.links.bus0.isin(at) & n.links.bus1.isin(at)].iterrows():
        p = 0.0 if np.isnan(x.p_set) else x.p_set
        out[at[x.bus0]] -= p
        out[at[x.bus1]] += x.efficiency * p
    return out


def _same_equations(n, grid):
    """PyPSA's own admittances, injections and bus controls, which are all that a power flow depends on."""
    live = grid.buses.name[grid.live]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        n.determine_network_topology()
        sub = n.sub_networks.obj[n.buses.sub_network[live[0]]]
        sub.calculate_Y()
        sub.find_bus_controls()
    assert set(live) == set(sub.buses_o), "other buses are taken for the grid"
    where = [grid.buses.name.tolist().index(b) for b in sub.buses_o]
    ours = admittance(grid).ybus.toarray()[np.ix_(where, where)] * grid.base_mva
    assert np.allclose(ours, sub.Y.toarray(), atol=1e-9 * np.abs(ours).max()), "other admittances"
    s = -(grid.buses.pd + 1j * grid.buses.qd) + grid.dc_injection()
    on = grid.units.in_service
    np.add.at(s, grid.units.bus[on], (grid.units.p + 1j * grid.units.q)[on])
    assert np.allclose(s[where], _injections(n, grid)[where], atol=1e-9), "other injections"
    control = n.buses.control[sub.buses_o].map({"PQ": 1, "PV": 2, "Slack": 3}).to_numpy()
    assert (grid.buses.kind[where] == control).all(), "other buses hold their voltage"
    assert np.allclose(grid.buses.vm[where], n.buses.v_mag_pu_set[sub.buses_o]), "another set point"


def _same_flow(n, grid):
    live, first = grid.live, n.snapshots[0]
    named = grid.buses.name[live]
    v = np.ones(grid.n_bus, complex)
    v[live] = (n.buses_t.v_mag_pu.loc[first, named] * np.exp(1j * n.buses_t.v_ang.loc[first, named])).to_numpy()
    s = -(grid.buses.pd + 1j * grid.buses.qd) + grid.dc_injection()
    on = grid.units.in_service
    np.add.at(s, grid.units.bus[on], (grid.units.p + 1j * grid.units.q)[on])
    pv = np.flatnonzero(grid.buses.kind == 2)
    adm = admittance(grid)
    flow = newton(adm.ybus, s / grid.base_mva, v, grid.slack, pv, active=np.flatnonzero(live), tolerance=1e-9)
    assert flow.converged
    assert np.abs(flow.v - v)[live].max() < VOLT, "another power flow than PyPSA's"
    gap = (flow.v * np.conj(adm.ybus @ flow.v) - s / grid.base_mva)[grid.slack].real * grid.base_mva
    theirs = n.buses_t.p.loc[first, grid.buses.name[grid.slack]] - _injections(n, grid)[grid.slack].real
    assert abs(gap - theirs) < MW, "another output at the reference"


def _same_limits(n, grid):
    units = {u: k for k, u in enumerate(grid.units.name.tolist())}
    u = grid.units
    for name, g in n.generators.iterrows():
        k = units[name]
        varies = name in n.generators_t.p_max_pu
        expected = (g.p_nom, 0.0) if varies else (g.p_nom * g.p_max_pu, g.p_nom * g.p_min_pu)
        assert (u.pmax[k], u.pmin[k]) == pytest.approx(expected)
        assert u.in_service[k] == (g.active and n.buses.index[u.bus[k]] == g.bus and grid.live[u.bus[k]])
        fast = np.nanmin([g.ramp_limit_up, g.ramp_limit_down, np.inf])
        assert u.ramp[k] == pytest.approx(fast * g.p_nom if np.isfinite(fast) else u.pmax[k])
        if varies:
            assert u.kind[k] == "variable"
            continue
        stopped = (
            (g.start_up_cost, g.shut_down_cost, max(g.min_up_time, 1), max(g.min_down_time, 1))
            if g.committable
            else (0, 0, 1, 1)
        )
        assert (u.start_cost[k], u.stop_cost[k], u.min_up[k], u.min_down[k]) == pytest.approx(stopped)
        limits = [g[f"ramp_limit_{w}"] * g.p_nom if g.committable else np.inf for w in ("start_up", "shut_down")]
        assert [u.start_limit[k], u.stop_limit[k]] == pytest.approx(limits)
        x = u.cost_mw[k]
        usd = g.marginal_cost_quadratic * x**2 + g.marginal_cost * x + (g.stand_by_cost if g.committable else 0.0)
        assert np.allclose(u.cost_usd[k], usd, atol=1e-6), "another cost"
    rated = pd.concat([n.lines, n.transformers])
    assert grid.branches.name.tolist() == rated.index.tolist()
    sizes = rated.s_nom.where(rated.get("type", "") != "160 MVA 380/110 kV", 160.0) * rated.s_max_pu
    assert np.allclose(grid.branches.rate, sizes)
    low = n.buses.v_mag_pu_min[grid.buses.name].to_numpy()
    high = n.buses.v_mag_pu_max[grid.buses.name].to_numpy()
    assert np.allclose(grid.buses.vmin, np.where(low > 0, low, 0.9))
    assert np.allclose(grid.buses.vmax, np.where(np.isfinite(high), high, 1.1))
    _same_stores(n, units, u)


def _same_stores(n, units, u):
    """A store's power at its bus, and the energy of a full charge and discharge, do not depend on whose units are used."""
    for name, s in n.storage_units.iterrows():
        k, way = units[name], np.sqrt(u.efficiency[units[name]])
        assert (u.pmax[k], u.charge_max[k]) == pytest.approx((s.p_nom, s.p_nom))
        assert u.energy_max[k] * way == pytest.approx(s.max_hours * s.p_nom * s.efficiency_dispatch)  # MWh at the bus
        assert u.energy_max[k] / way == pytest.approx(s.max_hours * s.p_nom / s.efficiency_store)
        assert u.energy_initial[k] * way == pytest.approx(s.state_of_charge_initial * s.efficiency_dispatch)
    if "cell" in units:
        k = units["cell"]
        assert (u.pmax[k], u.charge_max[k], u.efficiency[k]) == pytest.approx((19.0, 25.0, 0.9 * 0.95))


def _same_hours(n, grid, series):
    assert series.hours == len(n.snapshots)
    begin = n.snapshots[0]
    assert (series.start.year, series.first) == (begin.year, 24 * (begin.dayofyear - 1))
    loads = n.loads[n.loads.active]
    p = n.get_switchable_as_dense("Load", "p_set")[loads.index] * -loads.sign
    live = [b for k, b in enumerate(grid.buses.name) if grid.live[k]]
    here = loads.index[loads.bus.isin(live)]
    assert np.allclose(series.load.sum(axis=1), p[here].sum(axis=1).to_numpy(), atol=1e-9), "another load"
    for name in n.generators_t.p_max_pu:
        k = grid.units.name.tolist().index(name)
        assert np.allclose(series.available[:, k], n.generators_t.p_max_pu[name] * n.generators.p_nom[name])
    if "pumped" in grid.units.name:
        k, s = grid.units.name.tolist().index("pumped"), n.storage_units.loc["pumped"]
        way = np.sqrt(grid.units.efficiency[k])
        assert np.allclose(series.inflow[:, k] * way, n.storage_units_t.inflow["pumped"] * s.efficiency_dispatch)


def compare(seeds=range(60)):
    """Draw networks and compare; some are solved by PyPSA too, from a flat start."""
    solved = sum(check(seed) for seed in seeds)
    assert solved > 0.2 * len(seeds) / SOLVED, "too few networks had a power flow to compare"
