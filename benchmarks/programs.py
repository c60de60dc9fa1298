"""What users' programs meet: the parser, contract suites, confinement and its cost: `python benchmarks/programs.py`.

Equations: those of the corpus of published ones, and with ANDES in an environment of its own (BOS_ANDES_PYTHON) those of its
models as sympy prints them; right is who gets the same names and, at a random point, the same value. Mutants: correct programs
with one slip each. Attacks: hostile programs under all layers of confinement; without --quick under each layer alone and none.
With --json the last line is {"models", "algorithms", "parser_right": share, "silent_misreadings", "attacks", "contained",
"mutants", "caught", "tds_ratio_andes": how many times our CPU time ANDES takes for the same simulation, the least of three}.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.time_domain import ratios_to_andes
from bos_core.objects.errors import EquationError
from bos_core.plump import loading
from bos_core.plump.confinement.layers import LAYERS
from bos_core.plump.confinement.trial import Trial
from bos_core.plump.official import official
from slots.dynamics.andes_bridge import VARIABLE
from slots.dynamics.catalogue import names
from slots.dynamics.equations.names import canonical
from slots.dynamics.equations.parser import parse, symbol
from slots.suites.states import horizon
from slots.suites.suite import findings
from tests.bos_core.plump.arena import ATTACKS, arena, attack
from tests.slots.dynamics.equations.test_parser import CASES, test_published_equations_mean_what_they_say
from tests.slots.test_mutants import MUTANTS, mutated

ROOT = Path(__file__).resolve().parent.parent
TINY = "def work(x): return x\n"
CALLS = 60


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="all layers only, without the slowest mutants")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    asked = parser.parse_args()
    threads = ThreadPoolExecutor(1)
    attacked = threads.submit(_attacks, LAYERS)  # they wait most of the time
    right, silent, equations = _equations()
    print(
        f"equations: {right} of {equations} right ({100 * right / equations:.1f} %), {silent} misread in silence",
        flush=True,
    )
    mutants = [m for m in MUTANTS if not (asked.quick and m.get("slow"))]
    caught = sum(next(findings(m["slot"], mutated(m)), None) is not None for m in mutants)
    print(f"mutants: {caught} of {len(mutants)} caught", flush=True)
    contained = attacked.result()
    print(f"attacks under all layers: {contained} of {len(ATTACKS)} contained", flush=True)
    if not asked.quick:
        for layers in [*((x,) for x in LAYERS), ()]:
            alone = _attacks(layers)
            print(
                f"  {layers[0] + ' alone' if layers else 'no layer'}: {alone} of {len(ATTACKS)} contained", flush=True
            )
    _cost()
    ratios = ratios_to_andes() if VARIABLE in os.environ else []
    figures = {
        "models": len(names()), "algorithms": len(official()), "parser_right": round(right / equations, 4),
        "silent_misreadings": silent, "attacks": len(ATTACKS), "contained": contained, "mutants": len(mutants),
        "caught": caught, "tds_ratio_andes": round(min(ratios), 1) if ratios else None,
    }  # fmt: skip
    if asked.json:
        print(json.dumps(figures))


def _equations() -> tuple[int, int, int]:
    """Equations read rightly, misread without an error, and all."""
    outcomes = [_published(*case[1:]) for case in CASES]
    if VARIABLE in os.environ:
        script = [os.environ[VARIABLE], str(ROOT / "benchmarks/andes_equations.py")]
        told = json.loads(subprocess.run(script, capture_output=True, text=True, check=True).stdout)
        printed = [_printed(e) for e in told["equations"]]
        print(f"printed by ANDES: {printed.count('right')} of {len(printed)} right", flush=True)
        outcomes += printed
    return outcomes.count("right"), outcomes.count("silent"), len(outcomes)


def _published(latex: str, meaning: str, declared: list[str]) -> str:
    try:
        test_published_equations_mean_what_they_say(latex, meaning, declared)
    except EquationError:
        return "refused"
    except AssertionError:
        return "silent"
    return "right"


def _printed(told: dict[str, Any]) -> str:
    spelled = {canonical(tex): name for name, tex in told["names"].items()}
    try:
        found = parse(f"y = {told['latex']}", list(spelled))
    except EquationError:
        return "refused"
    if set(found.names) - {"y"} != set(spelled):
        return "silent"
    value = complex(found.right.evalf(subs={symbol(n): told["at"][of] for n, of in spelled.items()}))
    return "right" if abs(value - told["value"]) <= 1e-9 * (1 + abs(told["value"])) else "silent"


def _attacks(layers: Sequence[str]) -> int:
    """How many attacks some layers contain."""
    trial, contained = Trial(layers, guarded=False), 0
    for name in ATTACKS:
        with arena() as target:
            contained += attack(trial, name, target)[0]
    trial.close()
    return contained


def _cost() -> None:
    """A trial call and a launched one, of a day's horizon that comes back not changed."""
    trial, x = Trial(), np.zeros(1000)
    launched = loading.load("tiny", "0" * 40, TINY, "work")
    spent: dict[str, list[float]] = {"empty": [], "horizon": [], "launched": []}
    day = horizon(190)
    for what, given in (("empty", x), ("horizon", day)):
        for _ in range(CALLS):
            began = time.perf_counter()
            trial.call("tiny", TINY, "work", (given,), {})
            spent[what].append(time.perf_counter() - began)
    for _ in range(CALLS):
        began = time.perf_counter()
        launched(day)
        spent["launched"].append(time.perf_counter() - began)
    trial.close()
    loading.unload("tiny", "0" * 40)
    ms = {k: 1e3 * statistics.median(v) for k, v in spent.items()}
    print(f"a trial call: {ms['empty']:.1f} ms with a thousand numbers, {ms['horizon']:.1f} ms with a day's horizon; "
          f"a launched one: {ms['launched']:.4f} ms", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
