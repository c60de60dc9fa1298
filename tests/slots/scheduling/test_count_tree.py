"""The tree on counts of like units: its bound against the optimum of an independent model by another solver."""

import numpy as np
import pytest

from slots.contracts.commitment_case import check_case_schedule
from slots.scheduling.case_problem import compile_case, schedule_of
from slots.scheduling.case_search import FEW, solve_case
from slots.scheduling.count_tree import CountTree, Sums
from slots.scheduling.search import Effort, Relaxation
from slots.sources.pglib_uc import case_of
from tests.slots.case_optimum import optimum


def fleet(rng, units, hours):
    """Two kinds of plants, each unit a little apart from the next, and a load with two peaks; in PGLib-UC's form."""
    out, top = {"time_periods": hours, "thermal_generators": {}, "renewable_generators": {}}, 0.0
    for k in range(units):
        large = k % 2 == 0
        low, high = (60.0, 150.0) if large else (10.0, 30.0)
        slope, fixed = (20.0 if large else 35.0) * rng.uniform(0.98, 1.02), (900.0 if large else 300.0)
        on = large and k % 4 == 0
        out["thermal_generators"][f"g{k}"] = {
            "must_run": 0, "power_output_minimum": low, "power_output_maximum": high, "ramp_up_limit": 0.6 * high,
            "ramp_down_limit": 0.6 * high, "ramp_startup_limit": low + 5, "ramp_shutdown_limit": low + 5,
            "time_up_minimum": 5 if large else 1, "time_down_minimum": 4 if large else 1, "unit_on_t0": int(on),
            "power_output_t0": low if on else 0.0, "time_up_t0": 9 if on else 0, "time_down_t0": 0 if on else 9,
            "name": f"g{k}", "startup": [{"lag": 1, "cost": 6000.0 if large else 100.0}],
            "piecewise_production": [{"mw": low, "cost": fixed}, {"mw": high, "cost": fixed + slope * (high - low)}],
        }  # fmt: skip
        top += high
    wave = 0.45 + 0.2 * np.sin(np.arange(hours) * 2 * np.pi / 12) + rng.uniform(-0.02, 0.02, hours)
    out["demand"], out["reserves"] = (top * wave).tolist(), (0.03 * top * wave).tolist()
    return case_of(out, "fleet")


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_grows_and_never_passes_the_optimum(seed, tmp_path):
    case = fleet(np.random.default_rng(seed), 8, 12)
    problem = compile_case(case)
    relaxed = Relaxation.of(problem, lambda x: schedule_of(case, problem, x, -np.inf, 0.0), Effort(1e-6), "fleet")
    cost, proven = optimum(case, tmp_path, 1e-7, 60)
    assert proven == pytest.approx(cost, rel=1e-6)
    tree, bounds = CountTree(Sums.of(case, problem), relaxed), [relaxed.bound]
    while not tree.stuck:
        tree.grow(0.05)
        bounds.append(tree.bound)
    assert (np.diff(bounds) >= -1e-6).all()
    assert bounds[-1] > relaxed.bound + 0.5 * (cost - relaxed.bound)
    assert bounds[-1] <= cost * (1 + 1e-7)
    assert tree.point() is not None or not np.isfinite(tree.bound)
    under = CountTree(Sums.of(case, problem), relaxed)  # cut off below the optimum, nothing is left
    under.cut(cost * (1 - 1e-4))
    under.grow(60)
    assert under.bound <= cost
    over = CountTree(Sums.of(case, problem), relaxed)  # cut off below the relaxation: there is nothing to look at
    over.cut(relaxed.bound * (1 - 1e-6))
    over.grow(60)
    assert over.bound == pytest.approx(relaxed.bound * (1 - 1e-6))


def test_many_like_units_are_planned_within_the_gap(tmp_path):
    case = fleet(np.random.default_rng(7), FEW // 24 + 2, 24)
    found = solve_case(case, 2e-3, 60)
    check_case_schedule(case, found)
    assert found.gap <= 2e-3
    cost, bound = optimum(case, tmp_path, 2e-3, 8)
    assert found.cost >= bound * (1 - 1e-9)
    assert cost >= found.bound * (1 - 1e-9)
