"""PGLib-UC's days: `python benchmarks/pglib_uc.py --folder FOLDER [--quick] [--json] [--seconds N] [--peer] [--keep FILE]`.

FOLDER holds the library's JSON files (github.com/power-grid-lib/pglib-uc): RTS-GMLC days are planned to a gap of 1e-3, those
of CAISO (`ca_`) and FERC (`ferc_`) to 5e-3, each within --seconds. Every schedule is checked rule by rule, its cost
counted anew. `--peer` also plans the cases named after it with a model written apart in Pyomo, solved by SCIP, and compares.
`--keep` goes on where a run was broken off. --quick plans one day. With --json the last line is
{"cases": [{"case", "units", "cost", "bound", "gap", "wanted", "cpu_s", "peer_cost", "peer_bound"}], "within"}.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bos_core.objects.errors import BosError
from slots.contracts.commitment_case import check_case_schedule
from slots.scheduling.case_search import solve_case
from slots.sources.commitment_files import read_case_file

QUICK = "2020-08-12"
LARGE, GAP, LARGE_GAP = ("ca_", "ferc_"), 1e-3, 5e-3


def main() -> None:
    """Plan, check and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="of the library's JSON files")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} alone, for 40 s at most")
    parser.add_argument("--only", nargs="*", default=[], help="beginnings of file names")
    parser.add_argument("--seconds", type=float, default=600.0, help="for each case")
    parser.add_argument("--peer", nargs="*", default=[], help="beginnings of names that SCIP plans too")
    parser.add_argument("--keep", type=Path, help="results so far, one line each; a run goes on from there")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    asked = parser.parse_args()
    files = sorted(asked.folder.glob("*.json"), key=lambda f: (f.name.startswith(LARGE), f.name))
    chosen = (QUICK,) if asked.quick else tuple(asked.only)
    files = [f for f in files if not chosen or f.name.startswith(chosen)]
    if not files:
        sys.exit(f"{asked.folder} holds no case of PGLib-UC; give the folder of its JSON files.")
    seconds = 40.0 if asked.quick else asked.seconds
    done = _kept(asked.keep)
    for file in files:
        if file.stem not in done:
            done[file.stem] = _planned(file, seconds, file.name.startswith(tuple(asked.peer) or "\0"))
            _keep(asked.keep, done[file.stem])
        print(
            "  ".join(f"{k} {v:.6g}" if isinstance(v, float) else f"{k} {v}" for k, v in done[file.stem].items()),
            flush=True,
        )
    rows = [done[f.stem] for f in files]
    within = sum(r.get("gap", 1.0) <= r["wanted"] for r in rows)
    print(f"{within} of {len(rows)} within the gap wanted")
    if asked.json:
        print(json.dumps({"cases": rows, "within": within}))


def _planned(file: Path, seconds: float, peer: bool) -> dict[str, Any]:
    gap = LARGE_GAP if file.name.startswith(LARGE) else GAP
    case = read_case_file(file)
    out: dict[str, Any] = {"case": file.stem, "units": len(case.thermal.name), "wanted": gap}
    try:
        s = solve_case(case, gap, seconds)
    except BosError as error:
        return {**out, "refused": str(error)}
    check_case_schedule(case, s)
    out |= {"cost": s.cost, "bound": s.bound, "gap": s.gap, "cpu_s": s.seconds}
    if peer:
        from tests.slots.case_optimum import optimum

        with tempfile.TemporaryDirectory() as folder:
            out["peer_cost"], out["peer_bound"] = optimum(case, Path(folder), gap, seconds)
    return out


def _kept(path: Path | None) -> dict[str, dict[str, Any]]:
    if path is None or not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {r["case"]: r for r in rows}


def _keep(path: Path | None, row: dict[str, Any]) -> None:
    if path is not None:
        with path.open("a") as f:
            f.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
