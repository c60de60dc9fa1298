"""Optimal power flow of PGLib-OPF's cases against their published costs: `python benchmarks/pglib.py FOLDER`.

FOLDER holds the library's `.m` files (arXiv:1908.02788; not part of BOS) and `baseline.csv` with the columns case,
condition, buses, dc_usd_per_h and ac_usd_per_h, five digits each, `inf` where there is no solution. Typical cases are
taken up to --largest buses, congested (`__api`) and small-angle (`__sad`) ones up to --largest-varied, smallest first.

AC is MATPOWER's formulation, which is the library's. DC is not: the library's b is x/(r² + x²), without taps and
shifts, MATPOWER's and ours is 1/(x tap). Our routine is therefore given data that make it the library's (`dc`), where it must agree,
and what MATPOWER's convention costs stands beside it (`dc_own`).

A row a case goes to --results as it is found, and a second call goes on from there. With --json the last line is
{"cases", "ac_within", "ac_worst", "dc_within", "dc_worst", "dc_own_within", "gave_up", "seconds", "seconds_largest"};
within means a relative difference of 5e-5 at most, about what five digits leave. --quick takes typical cases up to 200 buses.
"""

import argparse
import csv
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bos_core.objects.errors import BosError, InfeasibleError
from slots.scheduling.ac_power_flow import ac_optimal_power_flow
from slots.scheduling.cases import optimal_power_flow
from slots.scheduling.routines.power_flow import DcOptimalPowerFlow
from slots.sources.matpower import Case, read_case

WITHIN = 5e-5
OPEN = 1e9  # p.u. of reactance that stands for no susceptance


@dataclass(frozen=True)
class Row:
    """A case: costs in USD/h, inf if proved infeasible, NaN where a solver gave up; CPU seconds of the AC optimum."""

    case: str
    buses: int
    ac: float
    ac_published: float
    dc: float
    dc_published: float
    dc_own: float
    seconds: float
    told: str = ""


def main() -> None:
    """Measure and print."""
    asked = _asked()
    base = asked.folder / "baseline.csv"
    if not base.exists():
        sys.exit(f"{asked.folder} has no baseline.csv; give the folder of PGLib-OPF's cases")
    done = _done(asked.results)
    rows = []
    for line in _chosen(base, asked):
        row = done.get(line["case"]) or _measured(asked.folder / f"{line['case']}.m", line)
        if asked.results is not None and row.case not in done:
            with asked.results.open("a") as out:
                out.write(json.dumps(asdict(row)) + "\n")
        rows.append(row)
        print(
            f"{row.case:42s} AC {_gap(row.ac, row.ac_published):+.1e}  DC {_gap(row.dc, row.dc_published):+.1e}"
            f"  own DC {_gap(row.dc_own, row.dc_published):+.1e}  {row.seconds:6.1f} s  {row.told}",
            flush=True,
        )
    print(json.dumps(_summary(rows)) if asked.json else "\n".join(f"{k}: {v}" for k, v in _summary(rows).items()))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of PGLib-OPF's cases and baseline.csv")
    parser.add_argument("--largest", type=int, default=3500, help="buses of typical cases")
    parser.add_argument("--largest-varied", type=int, default=600, help="buses of congested and small-angle cases")
    parser.add_argument("--results", type=Path, help="file to which rows go, and from which a broken run goes on")
    parser.add_argument("--quick", action="store_true", help="typical cases up to 200 buses")
    parser.add_argument("--json", action="store_true", help="end with a line of JSON")
    asked = parser.parse_args()
    if asked.quick:
        asked.largest, asked.largest_varied = 200, 0
    return asked


def _done(results: Path | None) -> dict[str, Row]:
    if results is None or not results.exists():
        return {}
    rows = [Row(**json.loads(line)) for line in results.read_text().splitlines()]
    return {row.case: row for row in rows}


def _chosen(base: Path, asked: argparse.Namespace) -> Iterator[dict[str, str]]:
    with base.open() as lines:
        every = sorted(csv.DictReader(lines), key=lambda line: int(line["buses"]))
    for line in every:
        most = asked.largest if line["condition"] == "TYP" else asked.largest_varied
        if int(line["buses"]) <= most and (base.parent / f"{line['case']}.m").exists():
            yield line


def _measured(path: Path, line: dict[str, str]) -> Row:
    case, told = read_case(path), []
    costs, seconds = [], []
    for cost, of in ((_ac, case), (_dc, _as_published(case)), (_dc, case)):
        begun = time.process_time()
        try:
            costs.append(cost(of))
        except InfeasibleError:
            costs.append(math.inf)
        except BosError as error:
            costs.append(math.nan)
            told.append(str(error))
        seconds.append(time.process_time() - begun)
    ac, dc = (float(line[k]) for k in ("ac_usd_per_h", "dc_usd_per_h"))
    return Row(path.stem, int(line["buses"]), costs[0], ac, costs[1], dc, costs[2], seconds[0], " ".join(told))


def _ac(case: Case) -> float:
    return ac_optimal_power_flow(case).cost


def _dc(case: Case) -> float:
    return DcOptimalPowerFlow.compile(optimal_power_flow(case)).solve().cost


def _as_published(case: Case) -> Case:
    """The case whose DC network by MATPOWER's rules is this one's by the library's."""
    branch = case.branch.copy()
    r, x = branch[:, 2], branch[:, 3]
    branch[:, 3] = np.where(x == 0, OPEN, (r**2 + x**2) / np.where(x == 0, 1.0, x))
    branch[:, 2] = branch[:, 8] = branch[:, 9] = 0.0
    return replace(case, branch=branch)


def _gap(found: float, published: float) -> float:
    if math.isinf(published):
        return 0.0 if math.isinf(found) else math.nan
    return found / published - 1


def _summary(rows: list[Row]) -> dict[str, float]:
    ac, dc, own = (
        np.abs([_gap(getattr(r, k), getattr(r, f"{k[:2]}_published")) for r in rows]) for k in ("ac", "dc", "dc_own")
    )
    largest = max(rows, key=lambda r: r.buses, default=None)
    return {
        "cases": len(rows), "ac_within": int((ac <= WITHIN).sum()), "ac_worst": _worst(ac),
        "dc_within": int((dc <= WITHIN).sum()), "dc_worst": _worst(dc), "dc_own_within": int((own <= WITHIN).sum()),
        "gave_up": sum(bool(r.told) for r in rows), "seconds": round(sum(r.seconds for r in rows), 1),
        "seconds_largest": round(largest.seconds, 1) if largest else 0.0,
    }  # fmt: skip


def _worst(gaps: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    """The largest difference; none where a case has no number on one side only."""
    finite = gaps[np.isfinite(gaps)]
    return float(f"{finite.max(initial=0.0):.2g}")


if __name__ == "__main__":
    main()
