"""What an equivalent costs and how far it is off: `python benchmarks/equivalence.py [--quick] [--json] [--plot FILE]`.

Equivalents at 500 kV of two regions (unless --quick, which takes one), with equivalent branches above several
admittances. For each: branches kept, entries of the Jacobian's factors, seconds to make it, CPU microseconds of an AC
outage, and the largest errors against the full grid on random states and outages that nothing was built from: voltage
(p.u.), mean flow (share), flow after outages (MW). `--plot` draws the curve. With --json the last line is
{region: [{"threshold_pu", "branches", "entries", "build_s", "us_per_case", "dv_max", "flow_error_mean_share",
"outage_flow_error_max_mw", "lost"}]}.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.n1_cases import limited_hours, region
from slots.algorithms.equivalence import ward as module
from slots.algorithms.n1.batched import BatchedEngine, batched_engine_of
from slots.contracts.equivalence import EquivalenceRequest
from slots.grid.equivalence_error import compare

THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
SEED = 23


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one region, two thresholds")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--plot", type=Path, help="draw error against cost into this file")
    asked = parser.parse_args()
    names = ("aggregated-25k",) if asked.quick else ("aggregated-25k", "aggregated-70k")
    figures = {name: [_point(name, t) for t in (THRESHOLDS[2::2] if asked.quick else THRESHOLDS)] for name in names}
    if asked.plot:
        _draw(figures, asked.plot)
    if asked.json:
        print(json.dumps(figures))


def _point(name: str, threshold: float) -> dict[str, Any]:
    module.SMALLEST_BRANCH = threshold
    grid, v, s = region(name)
    began = time.process_time()
    net = module.ward(EquivalenceRequest(grid, v, s, 500.0))
    build = time.process_time() - began
    error = compare(grid, v, s, net, np.where(grid.units.in_service, grid.units.p, 0.0), SEED)
    request = limited_hours(name, 2)
    engine = batched_engine_of(request.network)
    assert isinstance(engine, BatchedEngine)
    engine.verify(request)
    began = time.process_time()
    result = engine.verify(request)
    each = (time.process_time() - began) / (len(request.v) * len(result.contingencies)) * 1e6
    out = {
        "threshold_pu": threshold, "branches": int(net.grid.branches.equivalent.sum()), "entries": engine.entries,
        "build_s": build, "us_per_case": each,
        **{k: error[k] for k in ("dv_max", "flow_error_mean_share", "outage_flow_error_max_mw", "outage_dv_max", "lost")},
    }  # fmt: skip
    print(name, {k: round(x, 4) for k, x in out.items()}, flush=True)
    return out


def _draw(figures: dict[str, list[dict[str, Any]]], path: Path) -> None:
    import matplotlib.pyplot as plt

    chart, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for name, points in figures.items():
        cost = [p["us_per_case"] for p in points]
        left.plot(cost, [100 * p["flow_error_mean_share"] for p in points], "o-", label=name)
        right.plot(cost, [p["outage_flow_error_max_mw"] for p in points], "o-", label=name)
        for p in points:
            left.annotate(f"{p['threshold_pu']:g}", (p["us_per_case"], 100 * p["flow_error_mean_share"]))
    left.set_ylabel("mean flow error (%)")
    right.set_ylabel("largest flow error after an outage (MW)")
    for axes in (left, right):
        axes.set_xlabel("CPU µs per AC outage")
        axes.legend()
    chart.tight_layout()
    chart.savefig(path)


if __name__ == "__main__":
    main()
