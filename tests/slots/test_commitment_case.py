"""Commitment cases against enumeration, an independent model by another solver, and files as they should not be."""

import copy
import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from bos_core.objects.errors import BosError, GridError, InfeasibleError
from slots.contracts.commitment_case import check_case_schedule
from slots.contracts.unit_commitment import start_share
from slots.scheduling.case_search import solve_case
from slots.sources.catalogue import load_source
from slots.sources.commitment_files import read_case_file, schedule_document
from slots.sources.pglib_uc import case_of
from slots.sources.unitcommitment_jl import case_of as case_of_julia
from tests.slots.case_optimum import optimum


def tiny(rng, units=3, hours=5):
    """A random case in PGLib-UC's form: tiers, limits of starts and stops, history, must-run."""
    out = {"time_periods": hours, "thermal_generators": {}, "renewable_generators": {}}
    top = 0.0
    for k in range(units):
        low = float(rng.uniform(5, 20))
        high = low + float(rng.choice([0.0, rng.uniform(5, 40)], p=[0.1, 0.9]))
        slope = np.sort(rng.uniform(5, 40, 2))
        middle, fixed = (low + high) / 2, float(rng.uniform(0, 300))
        points = [(low, fixed)]
        if high > low:
            points += [(middle, fixed + slope[0] * (middle - low))]
            points += [(high, points[1][1] + slope[1] * (high - middle))]
        up, down, on = int(rng.integers(1, 4)), int(rng.integers(1, 4)), bool(rng.integers(2))
        lags = [down, *(down + np.cumsum(rng.integers(1, 3, int(rng.integers(0, 3))))).tolist()]
        costs = np.sort(rng.uniform(0, 400, len(lags)))
        run = on and rng.random() < 0.2
        out["thermal_generators"][f"g{k}"] = {
            "must_run": int(run), "power_output_minimum": low, "power_output_maximum": high,
            "ramp_up_limit": float(rng.uniform(3, 45)), "ramp_down_limit": float(rng.uniform(3, 45)),
            "ramp_startup_limit": float(rng.uniform(low, high + 1)), "ramp_shutdown_limit": float(rng.uniform(low, high + 1)),
            "time_up_minimum": up, "time_down_minimum": down, "unit_on_t0": int(on),
            "power_output_t0": float(rng.uniform(low, high)) if on else 0.0, "time_up_t0": int(rng.integers(1, 5)) if on else 0,
            "time_down_t0": 0 if on else int(rng.integers(1, 7)), "name": f"g{k}",
            "startup": [{"lag": a, "cost": float(b)} for a, b in zip(lags, costs, strict=True)],
            "piecewise_production": [{"mw": a, "cost": float(b)} for a, b in points],
        }  # fmt: skip
        top += high
    out["demand"] = rng.uniform(0.1 * top, 0.75 * top, hours).tolist()
    out["reserves"] = rng.uniform(0, 0.1 * top, hours).tolist()
    wind = rng.uniform(0, 0.3 * top, hours)
    out["renewable_generators"]["w"] = {
        "power_output_minimum": [0.0] * hours,
        "power_output_maximum": wind.tolist(),
        "name": "w",
    }
    return out


def enumerated(case):
    """The least cost over every commitment, each dispatched by scipy; inf if none can be."""
    n, steps = len(case.thermal.name), case.steps
    best = np.inf
    paths = [[np.array(x, bool) for x in product((0, 1), repeat=steps) if _allowed(case, k, x)] for k in range(n)]
    for chosen in product(*paths):
        on = np.array(chosen).T
        cost = sum(_changes(case, k, on[:, k]) for k in range(n))
        if cost < best:
            best = min(best, cost + _dispatch(case, on))
    return best


def _allowed(case, k, path):
    g = case.thermal
    state, since = bool(g.on[k]), int(g.since[k])
    for t, now in enumerate(path):
        if g.must_run[t, k] and not now:
            return False
        if bool(now) != state:
            if since < (g.min_up if state else g.min_down)[k]:
                return False
            state, since = bool(now), 0
        since += 1
    return True


def _changes(case, k, path):
    g, total, off = case.thermal, 0.0, 0 if case.thermal.on[k] else int(case.thermal.since[k])
    was = bool(g.on[k])
    for now in path:
        if now and not was:
            known = [c for lag, c in zip(g.start_off[k], g.start_usd[k], strict=True) if lag <= off]
            total += known[-1] if known else g.start_usd[k, 0]
        total += g.stop_usd[k] * (was and not now)
        off, was = (0 if now else off + 1), bool(now)
    return total


def _dispatch(case, on):
    """Linear program of a commitment: p, r, y (cost) of every unit and step, x of the wind."""
    g, steps, n = case.thermal, case.steps, len(case.thermal.name)
    count = n * steps
    p, r, y, x = (lambda k, t, j=j: j * count + t * n + k for j in range(4))
    size = 3 * count + steps
    rows, rhs, cost, bounds = [], [], np.zeros(size), [(0, None)] * size
    cost[2 * count : 3 * count] = 1.0

    def below(limit, *terms):
        row = np.zeros(size)
        for value, at in terms:
            row[at] += value
        rows.append(row)
        rhs.append(limit)

    for t in range(steps):
        for k in range(n):
            low, high = g.pmin[t, k], g.pmax[t, k]
            was = bool(on[t - 1, k]) if t else bool(g.on[k])
            if not on[t, k]:
                bounds[p(k, t)] = bounds[r(k, t)] = bounds[y(k, t)] = (0, 0)
            else:
                bounds[p(k, t)] = (low, high)
                top = high if was else min(high, g.start_limit[k])
                below(top, (1, p(k, t)), (1, r(k, t)))
                if t + 1 < steps and not on[t + 1, k]:
                    below(min(high, g.stop_limit[k]), (1, p(k, t)), (1, r(k, t)))
                below(-g.usd[t, k, 0], (-1, y(k, t)))
                for a in range(g.mw.shape[2] - 1):
                    if g.mw[t, k, a + 1] - g.mw[t, k, a] > 1e-9:
                        slope = (g.usd[t, k, a + 1] - g.usd[t, k, a]) / (g.mw[t, k, a + 1] - g.mw[t, k, a])
                        below(slope * g.mw[t, k, a] - g.usd[t, k, a], (slope, p(k, t)), (-1, y(k, t)))
            now = low if on[t, k] else 0.0
            if t == 0:
                past = g.power[k] - g.pmin[0, k] if was else 0.0
                below(g.rise[k] + past + now, (1, p(k, t)), (1, r(k, t)))
                if was:
                    below(g.fall[k] - past - now, (-1, p(k, t)))
                    if not on[t, k] and g.power[k] > g.stop_limit[k] + 1e-9:
                        return np.inf
            else:
                then = g.pmin[t - 1, k] if was else 0.0
                below(g.rise[k] - then + now, (1, p(k, t)), (1, r(k, t)), (-1, p(k, t - 1)))
                below(g.fall[k] + then - now, (1, p(k, t - 1)), (-1, p(k, t)))
        bounds[3 * count + t] = (case.profiled.low[t, 0], case.profiled.high[t, 0])
        below(-case.products[0].need[t], *((-1, r(k, t)) for k in range(n)))
    even = np.zeros((steps, size))
    for t in range(steps):
        even[t, [p(k, t) for k in range(n)] + [3 * count + t]] = 1.0
    del x
    found = linprog(cost, np.array(rows), rhs, even, case.load.sum(axis=1), bounds)
    return found.fun if found.status == 0 else np.inf


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**9))
def test_a_case_costs_what_enumeration_says(seed):
    rng = np.random.default_rng(seed)
    units = int(rng.integers(2, 4))
    case = case_of(tiny(rng, units, 5 if units == 2 else 4), "tiny")
    case = replace(case, thermal=replace(case.thermal, stop_usd=rng.uniform(0, 100, units)))
    best = enumerated(case)
    if not np.isfinite(best):
        with pytest.raises(InfeasibleError):
            solve_case(case, 1e-9, 60)
        return
    found = solve_case(case, 1e-9, 60)
    check_case_schedule(case, found)
    assert found.cost == pytest.approx(best, rel=1e-6, abs=1e-3)
    assert found.bound <= best * (1 + 1e-6) + 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_another_model_and_solver_agree(seed, tmp_path):
    """Fourteen hours of six units; reserve beside the stop limit or not, and no ramp from rest, as packages differ."""
    rng = np.random.default_rng(seed)
    case = case_of(tiny(rng, 6, 14), "six")
    case = replace(
        case, stop_room_holds_reserve=bool(seed % 2), miss_price=np.full(14, 3000.0),
        thermal=replace(case.thermal, stop_usd=rng.uniform(0, 100, 6), rise_from_rest=bool(seed // 2)),
    )  # fmt: skip
    found = solve_case(case, 1e-6, 60)
    check_case_schedule(case, found)
    cost, bound = optimum(case, tmp_path, 1e-6, 60)
    assert found.cost == pytest.approx(cost, rel=3e-6)
    assert found.bound <= cost * (1 + 1e-6)
    assert bound <= found.cost * (1 + 1e-6)


SMALL = {
    "Parameters": {"Version": "0.4", "Time horizon (h)": 3},
    "Buses": {"b1": {"Load (MW)": 0.0}, "b2": {"Load (MW)": [60.0, 110.0, 90.0]}},
    "Generators": {
        "g1": {
            "Bus": "b1", "Type": "Thermal", "Production cost curve (MW)": [20.0, 100.0],
            "Production cost curve ($)": [400.0, 2000.0], "Startup costs ($)": [300.0, 500.0], "Startup delays (h)": [1, 4],
            "Initial status (h)": -2, "Initial power (MW)": 0.0, "Reserve eligibility": ["r1"],
        },
        "g2": {
            "Bus": "b2", "Type": "Thermal", "Production cost curve (MW)": [10.0, 80.0],
            "Production cost curve ($)": [500.0, 4000.0], "Initial status (h)": 5, "Initial power (MW)": 30.0,
        },
        "w": {"Bus": "b1", "Type": "Profiled", "Maximum power (MW)": [10.0, 5.0, 0.0], "Cost ($/MW)": 1.0},
    },
    "Transmission lines": {
        "l1": {"Source bus": "b1", "Target bus": "b2", "Susceptance (S)": 10.0, "Normal flow limit (MW)": 70.0},
    },
    "Reserves": {"r1": {"Type": "Spinning", "Amount (MW)": 5.0, "Shortfall penalty ($/MW)": 100.0}},
    "Price-sensitive loads": {"d": {"Bus": "b2", "Revenue ($/MW)": 30.0, "Demand (MW)": 10.0}},
    "Storage units": {
        "s": {
            "Bus": "b2", "Maximum level (MWh)": 20.0, "Charge cost ($/MW)": 0.0, "Discharge cost ($/MW)": 0.0,
            "Maximum charge rate (MW)": 10.0, "Maximum discharge rate (MW)": 10.0, "Initial level (MWh)": 10.0,
        }
    },
}  # fmt: skip


def test_a_case_with_a_network_is_planned_within_its_limits():
    """By hand: the line carries 70 MW, so the dearer unit runs for the peak; the store moves what it holds."""
    case = case_of_julia(SMALL, "small")
    s = solve_case(case, 1e-6, 20)
    check_case_schedule(case, s)
    into = s.p[:, 0] + s.profiled[:, 0]
    assert (into <= 70.0 + 0.02).all()
    assert s.on[:, 0].all()
    assert s.parts["starts"] == pytest.approx(300.0)  # off for two hours: warm
    free = json.loads(json.dumps(SMALL))
    free["Transmission lines"]["l1"]["Normal flow limit (MW)"] = 1000.0
    assert solve_case(case_of_julia(free, "free"), 1e-6, 20).cost < s.cost - 1


def test_quarters_of_an_hour_are_steps():
    """Four equal quarters per hour: times in steps, stores in hours; prices are of a step."""
    quarter = json.loads(json.dumps(SMALL))
    quarter["Parameters"]["Time step (min)"] = 15
    quarter["Buses"]["b2"]["Load (MW)"] = np.repeat([60.0, 110.0, 90.0], 4).tolist()
    quarter["Generators"]["w"]["Maximum power (MW)"] = np.repeat([10.0, 5.0, 0.0], 4).tolist()
    case = case_of_julia(quarter, "quarters")
    assert case.steps == 12
    assert case.thermal.start_off[0].tolist() == [4, 16]
    assert case.thermal.since.tolist() == [8, 20]
    s = solve_case(case, 1e-4, 20)
    check_case_schedule(case, s)


def test_a_schedule_is_written_and_fields_that_nobody_reads_are_told(tmp_path):
    odd = json.loads(json.dumps(SMALL))
    odd["Generators"]["g1"]["Maximum daily starts"] = 2
    odd["Interfaces"] = {}
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(odd))
    case = read_case_file(path)
    assert {x.kind for x in case.reading.left_out} == {"generators: Maximum daily starts", "section"}
    told = schedule_document(case, solve_case(case, 1e-3, 20))
    assert len(told["output (MW)"]["g1"]) == 3


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 5), st.floats(allow_nan=True, allow_infinity=True), st.text(max_size=3),
    st.lists(st.floats(-5, 200), max_size=4), st.just({}), st.just(1e308),
)  # fmt: skip


def _paths(node, here=()):
    yield here
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _paths(value, (*here, key))
    elif isinstance(node, list):
        for k, value in enumerate(node):
            yield from _paths(value, (*here, k))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_slip_in_a_file_is_planned_or_refused_in_one_sentence(data):
    julia = data.draw(st.booleans())
    base = SMALL if julia else tiny(np.random.default_rng(7), 2, 3)
    document = copy.deepcopy(base)
    for _ in range(data.draw(st.integers(1, 2))):
        *place, last = data.draw(st.sampled_from([p for p in _paths(document) if p]))
        node = document
        for key in place:
            node = node[key]
        if data.draw(st.booleans()) and isinstance(node, dict):
            del node[last]
        else:
            node[last] = data.draw(VALUES)
    refused = ""
    try:
        case = (case_of_julia if julia else case_of)(document, "slip")
        check_case_schedule(case, solve_case(case, 1e-3, 5))
    except BosError as error:
        refused = str(error)
    assert "\n" not in refused


def test_a_case_with_a_network_is_a_grid_of_the_chain(tmp_path):
    """Susceptances are MW per degree; times, tiers and limits as stated; hours as series."""
    path = tmp_path / "small.json"
    path.write_text(json.dumps(SMALL))
    source = load_source(str(path))
    units, branch = source.grid.units, source.grid.branches
    apart = np.deg2rad(1.0) / branch.x[0] * source.grid.base_mva
    assert apart == pytest.approx(10.0)
    assert units.kind.tolist() == ["thermal", "thermal", "variable", "storage"]
    assert units.start_cost.tolist() == [500.0, 0.0, 0.0, 0.0]
    assert [500.0 * start_share(units, 0, float(h)) for h in (1, 3, 4)] == pytest.approx([300.0, 300.0, 500.0])
    assert units.cost_usd[1, [0, -1]].tolist() == [500.0, 4000.0]
    assert units.charge_max[3] == 10.0
    assert source.series is not None
    assert source.series.load[:, 1].tolist() == [60.0, 110.0, 90.0]
    assert source.series.available[:, 2].tolist() == [10.0, 5.0, 0.0]
    told = {x.kind for x in source.grid.reading.left_out}
    assert {"price-sensitive loads", "generators: Cost ($/MW)"} <= told
    path.write_text(json.dumps({k: v for k, v in SMALL.items() if k != "Transmission lines"}))
    with pytest.raises(GridError, match="has no network"):
        load_source(str(path))
