"""How near the dispatched losses are to the best that many starts find: `python benchmarks/reactive_dispatch.py`.

Takes hours spread over a finished run of `benchmarks/reference_study.py` (its --home) and solves each again from random
starts, once with banks and taps as they were set and once with free susceptances and ratios, which nothing in whole
steps can beat but by a better setting. `excess` is how much more the run loses than the best of them. CPU seconds of an hour,
alone (cold) and after the hour before (warm), are measured in the same process. With --json the last line is {"hours",
"starts", "excess_max", "excess_mean", "excess_free_max", "excess_free_mean", "infeasible_hours", "cold_s", "warm_s"}.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import casadi as ca
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import study
from flows.stages import Stages
from flows.steps.inputs import network_of
from slots.algorithms.reactive_dispatch.interior_point import interior_point
from slots.algorithms.reactive_dispatch.nonlinear import problem_of
from slots.algorithms.reactive_dispatch.stated import LOSSES, Settings, Stated, state
from slots.contracts.reactive_dispatch import ReactiveRequest
from slots.grid.model import Floats
from slots.grid.network import Network

ROOM = 0.02  # of a unit's capacity that it may move to share what losses change


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    study.options(parser, "three hours, two starts")
    asked = parser.parse_args()
    hours, starts = (3, 2) if asked.quick else (24, 8)
    with study.finished(asked) as stages:
        request, rows, net, arrays = _hours(stages, hours)
    figures = _compare(request, net, arrays, starts) | _timed(request) | {"hours": hours, "starts": starts}
    figures["infeasible_hours"] = int((arrays["feasible_all"] == 0).sum())
    print(f"hours {rows.tolist()}")
    print(json.dumps(figures) if asked.json else "\n".join(f"{k}: {v:.6g}" for k, v in figures.items()))


def _hours(stages: Stages, count: int) -> tuple[ReactiveRequest, Any, Network, dict[str, Any]]:
    """The run's hours as a request about the dispatched point, so that its own losses are at no gap."""
    net, _ = network_of(stages.files["equivalence"][0].path)
    rows = study.spread(stages, count)
    arrays = {k: stages.read("rpd", k) for k in ("p", "on", "fixed_p", "fixed_q", "shunt", "tap", "loss", "feasible")}
    every = arrays["feasible"]
    arrays = {k: a[rows] for k, a in arrays.items()} | {"feasible_all": every}
    on, p, capacity = arrays["on"].astype(bool), arrays["p"], net.grid.units.pmax
    thermal = on & (net.grid.units.kind == "thermal")
    room = np.where(thermal, ROOM * capacity, 0.0)
    request = ReactiveRequest(net, p, on, p - room, p + room, arrays["fixed_p"] + 1j * arrays["fixed_q"])
    return request, rows, net, arrays


def _compare(request: ReactiveRequest, net: Network, arrays: dict[str, Any], starts: int) -> dict[str, float]:
    problem, derivatives = problem_of(net)
    ipopt = {"print_level": 0, "sb": "yes", "tol": 1e-7, "max_iter": 300, "mumps_pivot_order": 0}
    options = {"print_time": 0, "no_nlp_grad": True, "calc_lam_p": False, **derivatives, "ipopt": ipopt}
    solver = ca.nlpsol("many", "ipopt", problem, options)
    down, up, _ = Settings.bounds(net)
    rng = np.random.default_rng(1)
    excess: dict[str, list[float]] = {"excess": [], "excess_free": []}
    for h in range(len(request.p)):
        there = Settings(arrays["shunt"][h], arrays["tap"][h])
        for name, (least, most) in {"excess": (there, there), "excess_free": (down, up)}.items():
            stated = state(request, h, least, most, LOSSES)
            gaps = [_gap(solver, net, stated, rng, k > 0) for k in range(starts)]
            # What the units need not cover, the network does not lose.
            excess[name].append(-min(gaps) * net.grid.base_mva / arrays["loss"][h])
        print(f"hour {h}: " + ", ".join(f"{k} {100 * v[-1]:.4f} %" for k, v in excess.items()), flush=True)
    worst, mean = (
        {f"{k}_{name}": of(v) for k, v in excess.items()} for name, of in (("max", max), ("mean", statistics.mean))
    )
    return worst | mean


def _gap(solver: Any, net: Network, stated: Stated, rng: np.random.Generator, scattered: bool) -> float:
    """Power (p.u.) that units add to the dispatched point at the optimum found from a start; infinite without one."""
    n, x0 = net.grid.n_bus, stated.flat_start(net)
    if scattered:
        drawn: Floats = stated.low + rng.random(len(x0)) * (stated.high - stated.low)
        drawn[:n] = x0[:n] + rng.normal(0, 0.05, n)
        x0 = np.clip(drawn, stated.low, stated.high)
    out = solver(x0=x0, p=stated.given, lbx=stated.low, ubx=stated.high, lbg=0, ubg=0)
    return float(out["x"][3 * n]) if solver.stats()["success"] else np.inf


def _timed(request: ReactiveRequest) -> dict[str, float]:
    """CPU seconds of an hour: the first of a request, and the second at the same state but for its load."""
    cold, warm = [], []
    for h in range(len(request.p)):
        one = ReactiveRequest(request.network, *(getattr(request, k)[[h]] for k in ("p", "on", "low", "high", "fixed")))
        two = ReactiveRequest(
            request.network, *(getattr(request, k)[[h, h]] for k in ("p", "on", "low", "high")),
            request.fixed[[h, h]] * np.array([[1.0], [0.995]]),
        )  # fmt: skip
        spent = []
        for r in (one, two):
            began = time.process_time()
            interior_point(r)
            spent.append(time.process_time() - began)
        cold.append(spent[0])
        warm.append(spent[1] - spent[0])
    return {"cold_s": float(np.median(cold)), "warm_s": float(np.median(warm))}


if __name__ == "__main__":
    main()
