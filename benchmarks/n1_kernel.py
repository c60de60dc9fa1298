"""What an AC outage costs: `python benchmarks/n1_kernel.py [--quick] [--json]`.

CPU microseconds per case of the compiled kernel, flows, limit checks and fallback included, on

- `case619`, a 619-bus part of case2869pegase with fixed voltages, beside lightsim2grid's outage class (its flows
  included) and, unless --quick, pypowsybl's security analysis on the same outages;
- `aggregated-25k`, the 614-bus equivalent at 500 kV, with reactive limits and shared deficits;
- unless --quick, cases of 118 to 9,241 buses, and the limit of the arithmetic.

Every outage of the hours checked is solved again by a full Newton method to 1e-10 p.u.; `max_dv` is the largest
difference of a voltage and `missed_violations` what only that method finds. `two_worker_speedup` compares two
processes with one. With --json the last line is
{"us_per_case", "us_limited", "ratio_lightsim2grid", "max_dv", "missed_violations", "two_worker_speedup"} and, unless
--quick, "ratio_pypowsybl", "arithmetic_limit_us" (of both) and "us_by_buses".
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.n1_cases import fixed_hours, limited_hours
from benchmarks.roofline import limits_of
from slots.algorithms.n1.batched import BatchedEngine, batched_engine_of
from slots.algorithms.n1.lightsim import LightsimEngine
from slots.contracts.n1 import N1Request, N1Result
from slots.grid.admittance import branch_flows
from slots.grid.outage import solve_outage
from slots.sources.matpower_export import matrices

GROWTH = ("case118", "case300", "case1354pegase", "case2869pegase", "case9241pegase")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few hours, no pypowsybl, no growth")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    asked = parser.parse_args()
    hours = 4 if asked.quick else 24
    fixed, limited = fixed_hours("case619", hours), limited_hours("aggregated-25k", hours)
    figures: dict[str, Any] = {"us_per_case": _ours(fixed, "case619"), "us_limited": _ours(limited, "aggregated-25k")}
    theirs = _lightsim(_first(fixed, min(hours, 6)))
    figures["ratio_lightsim2grid"] = theirs / figures["us_per_case"]
    print(f"lightsim2grid on case619: {theirs:.0f} us a case, {figures['ratio_lightsim2grid']:.1f} times as much")
    checks = [_check(_first(r, 1 if asked.quick else 3), 1 if not asked.quick else 6) for r in (fixed, limited)]
    figures["max_dv"], figures["missed_violations"] = max(c[0] for c in checks), sum(c[1] for c in checks)
    figures["two_worker_speedup"] = _two_workers(fixed)
    if not asked.quick:
        peer = _pypowsybl(fixed)
        figures["ratio_pypowsybl"] = peer / figures["us_per_case"]
        print(f"pypowsybl on case619: {peer:.0f} us a case, {figures['ratio_pypowsybl']:.0f} times as much")
        figures["arithmetic_limit_us"] = [limits_of(r)["arithmetic"] for r in (fixed, limited)]
        figures["us_by_buses"] = {name: _ours(fixed_hours(name, 2), name) for name in GROWTH}
    print(json.dumps(figures) if asked.json else "\n".join(f"{k}: {v}" for k, v in figures.items()))


def _first(request: N1Request, hours: int) -> N1Request:
    rows = {
        k: getattr(request, k)[:hours] for k in ("v", "injection", "controlled", "share", "low", "high", "shunt", "tap")
    }
    return replace(request, **rows)


def _ours(request: N1Request, name: str) -> float:
    """CPU microseconds of a case: the median over the hours."""
    engine = batched_engine_of(request.network)
    assert isinstance(engine, BatchedEngine), "no C compiler"
    engine.verify(_first(request, 1))
    spent, left = [], 0
    for h in range(len(request.v)):
        one = replace(
            _first(request, 0),
            **{k: getattr(request, k)[h : h + 1] for k in vars(_first(request, 0)) if k != "network"},
        )
        began = time.process_time()
        result = engine.verify(one)
        spent.append((time.process_time() - began) / len(result.contingencies) * 1e6)
        left += int((~result.converged).sum())
    each = float(np.median(spent))
    print(
        f"{name}: {each:.0f} us a case ({min(spent):.0f} to {max(spent):.0f}), {len(result.contingencies)} outages, "
        f"{request.network.grid.n_bus} buses, {result.iterations[0, 1:].mean():.1f} steps, "
        f"{engine.entries} entries in the factors, {left} without a power flow",
        flush=True,
    )
    return each


def _lightsim(request: N1Request) -> float:
    """CPU microseconds of a case with lightsim2grid's outage class and its flows."""
    engine = LightsimEngine(request.network)
    hour = request.hour(0)
    spent = []
    for h in range(len(request.v)):
        hour = request.hour(h)
        began = time.process_time()
        _, v, _ = engine.outages(hour, request.network.contingencies)
        branch_flows(request.network.grid, engine.adm, v)
        spent.append((time.process_time() - began) / len(request.network.contingencies) * 1e6)
    return float(np.median(spent))


def _check(request: N1Request, every: int) -> tuple[float, int]:
    """Largest difference of a voltage from a full Newton method, and violations that only that one finds."""
    net = request.network
    engine = batched_engine_of(net)
    assert isinstance(engine, BatchedEngine)
    worst, missed = 0.0, 0
    figures: N1Result = engine.verify(request)
    insecure = figures.insecure()
    outages = np.arange(0, len(net.contingencies), every)
    for h in range(len(request.v)):
        hour = request.hour(h)
        cases = engine.cases(hour, outages)
        for k, at in enumerate(outages, start=1):
            branch = int(net.contingencies[at])
            full = solve_outage(net, engine.adm, branch, hour, engine.splitting.get(branch), tolerance=1e-10)
            if full.converged != cases.converged[k]:
                missed += 1
                continue
            if full.converged:
                worst = max(worst, float(np.abs(full.v - cases.v[k]).max()))
                missed += int(_violates(engine, full.v, branch) and not insecure[h, 1 + at])
    print(f"checked {len(request.v) * len(outages)} outages: largest |dV| {worst:.1e}, {missed} missed", flush=True)
    return worst, missed


def _violates(engine: BatchedEngine, v: Any, branch: int) -> bool:
    from slots.contracts.n1 import LOADING_TOLERANCE, VOLTAGE_TOLERANCE, limits

    rate, low, high = limits(engine.net, True)
    mva = np.maximum(*(np.abs(s) for s in branch_flows(engine.net.grid, engine.adm, v))) * engine.net.grid.base_mva
    mva[branch] = 0.0
    live, mag = np.abs(v) > 0, np.abs(v)
    outside = np.where(live, np.maximum(low - mag, mag - high), 0.0).max()
    return bool((mva / rate).max() > 1 + 2 * LOADING_TOLERANCE or outside > 2 * VOLTAGE_TOLERANCE)


def _loop(request: N1Request, times: int) -> float:
    engine = batched_engine_of(request.network)
    assert isinstance(engine, BatchedEngine)
    engine.verify(_first(request, 1))
    began = time.perf_counter()
    for _ in range(times):
        engine.verify(request)
    return time.perf_counter() - began


def _two_workers(request: N1Request) -> float:
    """Cases per second of two processes at once over those of one."""
    times = max(1, round(3.0 / _loop(request, 1)))
    walls = []
    for number in (1, 2):
        with get_context("fork").Pool(number) as pool:
            pool.starmap(_loop, [(request, 1)] * number)
            began = time.perf_counter()
            pool.starmap(_loop, [(request, times)] * number, chunksize=1)
            walls.append(time.perf_counter() - began)
    return 2 * walls[0] / walls[1]


def _pypowsybl(request: N1Request, outages: int = 200) -> float:
    """CPU microseconds of a case in pypowsybl's AC security analysis, the Java machine warm."""
    import os

    import pypowsybl as pp
    from scipy.io import savemat

    grid = request.network.grid
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.mat"
        savemat(path, {"mpc": {"version": "2", "baseMVA": grid.base_mva, **matrices(grid)}})
        network = pp.network.load(str(path))
    lines = [*network.get_lines().index, *network.get_2_windings_transformers().index]
    chosen = lines[: min(outages, len(lines))]
    spent = []
    for _ in range(3):
        analysis = pp.security.create_analysis()
        analysis.add_single_element_contingencies(chosen)
        began = sum(os.times()[:4])
        analysis.run_ac(network)
        spent.append((sum(os.times()[:4]) - began) / len(chosen) * 1e6)
    return float(min(spent))


if __name__ == "__main__":
    main()
