"""Whether any public grid is planned at first try: `python benchmarks/zoo.py [--quick] [--json] [GRID …]`.

Runs 24 hours of the chain with no option but the grid, on every grid that comes with an installed package, on the files
of folders that `--folder` names (may be repeated), or on the grids named. Each grid has a process of its own, with a
limit of processor seconds, so that none ends the benchmark. `--keep FILE` notes rows as JSON lines and goes on from
there. `--hours 168` runs weeks. With `--json` the last line is one JSON object:
{"grids", "planned", "refused", "crashed", "invalid", "seconds_median"}.
"""

import argparse
import json
import multiprocessing
import os
import resource
import signal
import statistics
import sys
import tempfile
import time
import warnings
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from bos_core.objects.errors import BosError
from bos_core.objects.task import Receipt
from slots.sources.listed import listed_grids

MOST_BUSES = 3500  # of grids of packages
QUICK = ("case5", "case6ww", "case9", "case14", "case_ieee30", "case30", "case33bw", "case39", "case57",
         "case69")  # fmt: skip
FILES = (".m", ".json", ".xlsx", ".raw", ".rawx", ".uct", ".dgs", ".xiidm", ".zip", ".nc")
OUTCOMES = ("planned", "refused", "crashed", "invalid")


@dataclass
class Row:
    """What became of a grid; `outcome` is one of OUTCOMES, or "left out" for one that is larger than wanted.

    Attributes:
        sentence: why it was refused or crashed, and where.
        buses, kept: of the grid and of what was planned.
        insecure, after: hours before and after adjustment.
        shed: MWh not served by the schedule; overload: MWh above DC limits in it.
        stage: the last one that ended; seconds: processor seconds of the chain.
        stages: seconds by stage.
    """

    grid: str
    outcome: str = "crashed"
    sentence: str = ""
    buses: int = 0
    kept: int = 0
    insecure: int = 0
    after: int = 0
    shed: float = 0.0
    overload: float = 0.0
    stage: str = ""
    seconds: float = 0.0
    stages: dict[str, float] | None = None


def main() -> None:
    """Run the grids and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grids", nargs="*", help="instead of all")
    parser.add_argument("--quick", action="store_true", help="ten of them")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--folder", action="append", default=[], help="whose files are run instead")
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--seconds", type=int, default=240, help="processor seconds that a grid may take")
    parser.add_argument("--keep", type=Path, help="file of JSON lines to go on from")
    asked = parser.parse_args()
    rows = _known(asked.keep)
    for grid in _grids(asked):
        if grid not in rows:
            rows[grid] = row = run_apart(grid, asked.hours, asked.seconds)
            if asked.keep:
                with asked.keep.open("a") as file:
                    file.write(json.dumps(asdict(row)) + "\n")
            print(_line(row), flush=True)
    counted = [r for r in rows.values() if r.outcome in OUTCOMES]
    told: dict[str, float] = {"grids": len(counted)}
    told |= {name: sum(r.outcome == name for r in counted) for name in OUTCOMES}
    told["seconds_median"] = round(statistics.median([r.seconds for r in counted] or [0.0]), 2)
    print(json.dumps(told) if asked.json else ", ".join(f"{v:g} {k}" for k, v in told.items()))


def _known(path: Path | None) -> dict[str, Row]:
    if path is None or not path.exists():
        return {}
    rows = (Row(**json.loads(line)) for line in path.read_text().splitlines())
    return {r.grid: r for r in rows}


def _grids(asked: argparse.Namespace) -> list[str]:
    if asked.quick:
        return list(QUICK)
    if asked.grids:
        return list(asked.grids)
    if asked.folder:
        return [
            str(p) for folder in asked.folder for p in sorted(Path(folder).expanduser().rglob("*")) if p.suffix in FILES
        ]
    return [g.grid for g in listed_grids() if not g.grid.startswith("aggregated-")]


def run_apart(grid: str, hours: int, seconds: int) -> Row:
    """Run a grid in a child process; a child that dies is told with what it died of."""
    context = multiprocessing.get_context("fork")  # all is imported once
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(there, grid, hours, seconds))
    child.start()
    there.close()
    row, until = Row(grid), time.monotonic() + 8 * seconds
    while time.monotonic() < until and here.poll(max(until - time.monotonic(), 0.0)):
        try:
            row = here.recv()
        except EOFError:
            break
    child.join(timeout=5)
    if child.is_alive():
        child.kill()
        child.join()
    if child.exitcode and not row.sentence:
        name = signal.Signals(-child.exitcode).name if child.exitcode < 0 else f"exit code {child.exitcode}"
        told = f"it took more than {seconds} processor seconds" if name in ("SIGXCPU", "SIGKILL") else name
        row.sentence = f"{told}, after {row.stage or 'nothing'}"
    return row


def _child(told: Connection, grid: str, hours: int, seconds: int) -> None:
    from flows.local import LocalRun, plan_locally
    from flows.parameters import PlanningParameters
    from flows.validate import check_year, year_from

    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    row, begun = Row(grid, stages={}), time.process_time()

    def after(stage: str, receipt: Receipt) -> None:
        assert row.stages is not None
        row.stages[stage] = round(row.stages.get(stage, 0.0) + receipt.seconds, 2)
        row.stage, row.seconds = stage, round(time.process_time() - begun, 2)
        row.buses = row.buses or int(receipt.summary.get("buses", 0))
        row.kept = int(receipt.summary["buses"]) if stage == "equivalence" else row.kept
        told.send(row)
        if stage == "modelling" and row.buses > MOST_BUSES and "/" not in grid:
            raise _TooLarge

    with tempfile.TemporaryDirectory(prefix="bos-zoo-") as home:
        os.environ["BOS_HOME"] = home
        try:
            run: LocalRun = plan_locally(PlanningParameters(grid=grid, hours=hours), "zoo", after)
            row.insecure, row.after = (
                int(run.summed("n1", "insecure_hours")),
                int(run.summed("adjust", "still_insecure")),
            )
            row.shed = round(float(run.read("apd-check", "shed").sum()), 3)
            row.overload = round(float(run.read("apd-check", "overload").sum()), 3)
            row.outcome = "invalid"
            check_year(year_from(run.files["equivalence"][0][0], run.read))
            row.outcome = "planned"
        except _TooLarge:
            row.outcome = "left out"
        except BosError as error:
            row.outcome, row.sentence = "refused", str(error)
        except Exception as error:
            frames = error.__traceback__
            while frames is not None and frames.tb_next is not None:
                frames = frames.tb_next
            where = f"{Path(frames.tb_frame.f_code.co_filename).name}:{frames.tb_lineno}" if frames else ""
            row.sentence = f"{type(error).__name__}: {str(error)[:200]} ({where}, after {row.stage})"
        row.seconds = round(time.process_time() - begun, 2)
        told.send(row)
        told.close()


class _TooLarge(Exception):
    """More buses than wanted."""


def _line(row: Row) -> str:
    told = f"{row.grid:40} {row.outcome:9} {row.kept:>5} of {row.buses:>5} buses {row.insecure:>3} -> {row.after:>3} insecure"
    told += f" {row.seconds:8.1f} s" + (f" {row.shed:.1f} MWh not served" if row.shed > 0 else "")
    return told + (f"\n    {row.sentence}" if row.sentence else "")


if __name__ == "__main__":
    # Imported before children are made, so that each begins at once.
    import flows.local
    import flows.validate

    assert flows.local
    assert flows.validate
    sys.exit(main())
