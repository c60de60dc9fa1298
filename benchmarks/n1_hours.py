"""Every outage of some hours of a finished study, once more: `python benchmarks/n1_hours.py [--quick] [--json]`.

Six hours spread over a run of `benchmarks/reference_study.py` (its --home), as finally adjusted. The kernel's voltages
after each outage are compared with those of a full Newton method to 1e-10 p.u. from two starts, and the limits that each
finds broken. A bus within the switching tolerance of its reactive limit may be held in one and not in the other: such
cases are counted as `other_holds` with their own largest difference. With --json the last line is {"hours", "cases",
"max_dv", "other_holds", "max_dv_other", "missed_nonconvergence", "false_nonconvergence", "other_violations"}.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import study
from flows.stages import Stages
from flows.steps.inputs import network_of
from slots.algorithms.n1.batched import batched_engine_of
from slots.algorithms.n1.worst import worst_of
from slots.contracts.n1 import LOADING_TOLERANCE, VOLTAGE_TOLERANCE, N1Request, request_for
from slots.grid.admittance import Admittance, admittance, with_taps
from slots.grid.model import Bools, Complexes, Ints
from slots.grid.network import Network
from slots.grid.outage import solve_outage

NEAR_LIMIT = 1e-6  # of a limit: what both methods see there may fall on either side


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    study.options(parser, "one hour, every fourth outage")
    asked = parser.parse_args()
    with study.finished(asked) as stages:
        net, _ = network_of(stages.files["equivalence"][0].path)
        rows = study.spread(stages, 1 if asked.quick else 6)
        request = _request(stages, net, rows)
    totals = {"cases": 0, "max_dv": 0.0, "other_holds": 0, "max_dv_other": 0.0, "missed_nonconvergence": 0,
              "false_nonconvergence": 0, "other_violations": 0}  # fmt: skip
    for k, row in enumerate(rows.tolist()):
        found = _compare(request, k, 4 if asked.quick else 1)
        print(f"hour {row}: " + ", ".join(f"{name} {x:.2g}" for name, x in found.items()), flush=True)
        totals = {n: max(t, found[n]) if n.startswith("max") else t + found[n] for n, t in totals.items()}
    figures = {"hours": len(rows), **totals}
    print(json.dumps(figures) if asked.json else "\n".join(f"{k}: {v:.6g}" for k, v in figures.items()))


def _request(stages: Stages, net: Network, rows: Ints) -> N1Request:
    get: dict[str, Any] = {
        k: stages.read("adjust", k)[rows] for k in ("vm", "va", "q", "p", "on", "fixed_p", "fixed_q", "shunt", "tap")
    }
    units = (net.unit_map @ get["p"].T).T + 1j * get["q"]
    injection = get["fixed_p"] + 1j * get["fixed_q"] + units / net.grid.base_mva
    v = get["vm"] * np.exp(1j * get["va"])
    return request_for(net, v, injection, get["q"], get["on"].astype(bool), get["shunt"], get["tap"])


def _compare(request: N1Request, row: int, step: int) -> dict[str, float]:
    net, hour = request.network, request.hour(row)
    engine, adm = batched_engine_of(net), admittance(net.grid)
    outages = np.arange(0, len(net.contingencies), step)
    ours = engine.cases(hour, outages)
    same, other, missed, false = [0.0], [0.0], 0, 0
    theirs, both = ours.v[1:].copy(), np.ones(len(outages), bool)
    for k, at in enumerate(outages.tolist()):
        branch = int(net.contingencies[at])
        full = solve_outage(net, adm, branch, hour, engine.splitting.get(branch), tolerance=1e-10)
        missed += int(ours.converged[1 + k] and not full.converged)
        false += int(full.converged and not ours.converged[1 + k])
        both[k] = full.converged and ours.converged[1 + k]
        if both[k]:
            theirs[k] = full.v
            holds = np.array_equal(full.held & (full.v != 0), ours.held[1 + k] & (ours.v[1 + k] != 0))
            (same if holds else other).append(float(np.abs(full.v - ours.v[1 + k]).max()))
    lost = net.contingencies[outages][both]
    set_to = with_taps(net.grid, adm, hour.tap)
    broken = [_broken(net, set_to, v[both], lost) for v in (ours.v[1:], theirs)]
    return {
        "cases": len(outages), "max_dv": max(same), "other_holds": len(other) - 1, "max_dv_other": max(other),
        "missed_nonconvergence": missed, "false_nonconvergence": false,
        "other_violations": int((broken[0] != broken[1]).sum()),
    }  # fmt: skip


def _broken(net: Network, adm: Admittance, v: Complexes, lost: Ints) -> Bools:
    """(case,) whether a limit is broken by more than what the methods may differ by."""
    worst = worst_of(net, adm, v, [np.array([k]) for k in lost.tolist()], True)
    over = worst["loading"] > 1 + LOADING_TOLERANCE + NEAR_LIMIT
    return np.asarray(over | (worst["margin"] > VOLTAGE_TOLERANCE + NEAR_LIMIT))


if __name__ == "__main__":
    main()
