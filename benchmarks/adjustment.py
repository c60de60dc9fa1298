"""What adjustment costs beside an AC security-constrained optimum: `python benchmarks/adjustment.py [--quick] [--json] [GRID …]`.

Plans 24 hours of each grid as always and takes the two hours that need adjustment most. IPOPT then solves each as a whole, by
a model written apart in plain polar equations (`tests/slots/secured_optimum.py`): the intact grid and the outages that bind,
coupled by outputs and held voltages. Outages that adjustment leaves to actions are left out there, too, so the optimum
is a bound from below, as far as IPOPT's local optimum is one. With --json the last line is
{"hours": [{"grid", "hour", "outages", "schedule", "adjusted", "optimum", "above_percent", "seconds", "optimum_seconds"}],
"above_percent_most", "below"}: costs in USD/h.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from flows.local import LocalRun, plan_locally
from flows.parameters import PlanningParameters
from flows.steps.adjustment import hourly_cost
from flows.steps.inputs import network_of
from flows.steps.windows import movable
from slots.algorithms.adjustment.search import hour_of
from slots.algorithms.adjustment.successive_lp import successive_lp
from slots.algorithms.n1.batched import batched, batched_engine_of
from slots.contracts.adjustment import Adjusted, AdjustmentRequest
from slots.contracts.n1 import N1Request
from slots.grid.model import Ints
from slots.grid.network import Network
from slots.grid.operating_point import OperatingPoint
from tests.slots.secured_optimum import secured_optimum

GRIDS = ("case14", "case30", "case39", "case24_ieee_rts", "case118")
HOURS, HOURS_OF_GRID = 24, 2
BINDING, NEAR = 12, 0.9  # outages that IPOPT's problem has at most; loading from which one may bind
BELOW = 1e-3  # of the optimum that adjustment may be below it: limits are kept to tolerances


def main() -> None:
    """Plan, solve and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grids", nargs="*", default=[], help=f"instead of {', '.join(GRIDS)}")
    parser.add_argument("--quick", action="store_true", help="case14 alone")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for grid in asked.grids or (GRIDS[:1] if asked.quick else GRIDS):
        for row in compared(grid):
            rows.append(row)
            print(_line(row), flush=True)
    most = max((r["above_percent"] for r in rows), default=0.0)
    below = any(r["adjusted"] < r["optimum"] * (1 - BELOW) for r in rows)
    print(f"adjustment is at most {most:.2f} % above the optimum" + (", and somewhere below it" if below else ""))
    if asked.json:
        print(json.dumps({"hours": rows, "above_percent_most": most, "below": below}))


def compared(grid: str) -> list[dict[str, Any]]:
    """A row for each of the hours of a grid that are compared; hours that stay insecure or need load shed are not."""
    with tempfile.TemporaryDirectory(prefix="bos-adjustment-") as home:
        os.environ["BOS_HOME"] = home
        run = plan_locally(PlanningParameters(grid=grid, hours=HOURS), f"compare-{grid}")
        net = network_of(run.files["equivalence"][0][0])[0]
        found = []
        for hour in np.flatnonzero(run.read("n1", "insecure").any(axis=1)).tolist():
            request, began = request_of(run, net, hour), time.process_time()
            result = successive_lp(request)
            if result.secure and result.shed == 0.0:
                found.append((result.moved, hour, request, result, time.process_time() - began))
        found.sort(key=lambda x: (-x[0], x[1]))
        return [_compared(grid, *x[1:]) for x in found[:HOURS_OF_GRID]]


def request_of(run: LocalRun, net: Network, hour: int) -> AdjustmentRequest:
    """An hour of a run as adjustment gets it, but for ramps to the hours beside it."""
    get = {k: run.read("rpd-check", k)[hour] for k in
           ("on", "p", "vm", "va", "q", "fixed_p", "fixed_q", "shunt", "tap")}  # fmt: skip
    on = get["on"].astype(bool)
    weather = (run.read("sequence", k)[hour : hour + 1] for k in ("kept_available", "kept_floor"))
    low, high = movable(net.grid.units, on[None], get["p"][None], *weather, curtail=True)
    fixed = get["fixed_p"] + 1j * get["fixed_q"]
    point = OperatingPoint(
        get["p"], on, low[0], high[0], fixed, get["q"], get["vm"] * np.exp(1j * get["va"]), net.voltage_controlled(on),
        np.zeros(net.grid.n_bus), get["shunt"], get["tap"],
    )  # fmt: skip
    return AdjustmentRequest(net, point, np.maximum(-fixed.real * net.grid.base_mva, 0.0), net.contingencies)


def _compared(grid: str, hour: int, request: AdjustmentRequest, result: Adjusted, seconds: float) -> dict[str, Any]:
    units, on, began = request.network.grid.units, request.point.on, time.process_time()
    outages = binding(request, result)
    best = secured_optimum(request, outages, shed=False)
    took = time.process_time() - began
    if not best.found or best.beyond > 1e-3:
        raise SystemExit(f"IPOPT found no secure point of hour {hour} of {grid} ({best.beyond:.4f} p.u. beyond limits)")
    schedule, adjusted = (float(hourly_cost(units, on[None], p[None])[0]) for p in (request.point.p, result.point.p))
    return {
        "grid": grid, "hour": hour, "outages": len(outages), "schedule": round(schedule, 2), "adjusted": round(adjusted, 2),
        "optimum": round(best.cost, 2), "above_percent": round(100 * (adjusted / best.cost - 1), 3),
        "seconds": round(seconds, 3), "optimum_seconds": round(took, 2),
    }  # fmt: skip


def binding(request: AdjustmentRequest, result: Adjusted) -> Ints:
    """Positions of the outages most loaded before or after adjustment, or with voltages beyond limits; none that split the grid."""
    net = request.network
    figures = [batched(N1Request.of(net, [hour_of(net, p)])) for p in (request.point, result.point)]
    badness = np.zeros(len(request.contingencies))
    for r in figures:
        lost = np.where(r.converged[0, 1:], 0.0, 10.0)
        badness = np.maximum(badness, np.nan_to_num(np.maximum(r.loading, 1 + 20 * r.margin * (r.margin > 0)))[0, 1:])
        badness = np.maximum(badness, lost)
    actions = [a.outage for a in result.actions]
    apart = np.isin(request.contingencies, [*batched_engine_of(net).splitting, *actions])
    badness[apart] = 0.0
    order = np.argsort(-badness, kind="stable")[:BINDING]
    return np.sort(request.contingencies[order[badness[order] > NEAR]])


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['grid']:16} hour {row['hour']:>2}, {row['outages']:>2} outages: schedule {row['schedule']:>10.2f}, adjusted "
        f"{row['adjusted']:>10.2f}, optimum {row['optimum']:>10.2f} USD/h, {row['above_percent']:+.3f} %; "
        f"{row['seconds']:.2f} s against {row['optimum_seconds']:.1f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
