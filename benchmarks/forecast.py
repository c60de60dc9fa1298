"""How good forecasts are after one day: `python benchmarks/forecast.py [--quick] [--json] [--start H] [--grid G] [--out FILE.svg]`.

Runs the chain for one day in a home of its own, where nothing is known, then for the week after it, and compares what
was forecast for every chunk of that week with what it took. `--start` and `--grid` choose another season or grid. Draws both. With --json the last line is
{"median_error", "beyond_mib", "stages": {stage: {"chunks", "median_error", "beyond_mib"}}}; `beyond_mib` is by how much
a peak of memory exceeded its forecast and margin at worst, negative if none did.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bos_core.index import decisions, tasks
from bos_core.index.client import Index
from bos_core.index.decisions import Sent
from storage.settings import Settings

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Run a day and a week and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one more day instead of a week")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--start", type=int, default=0, help="hour of the year at which the day begins")
    parser.add_argument("--grid", default="case_RTS_GMLC", help="as of `bos run`")
    parser.add_argument("--out", type=Path, default=Path("forecast.svg"), help="where the picture goes")
    asked = parser.parse_args()
    sent = _run(asked.grid, asked.start, 24 if asked.quick else 168)
    stages = {s: _figures([c for c in sent if c.stage == s]) for s in dict.fromkeys(c.stage for c in sent)}
    figures: dict[str, Any] = {**_figures(sent), "stages": stages}
    _draw(sent, asked.out)
    if asked.json:
        print(json.dumps(figures))
        return
    for stage, f in stages.items():
        print(f"{stage:12} {f['chunks']:>4} chunks, off by {f['median_error']:.0%}, beyond {f['beyond_mib']:.0f} MiB")
    print(f"all: off by {figures['median_error']:.1%} (median), beyond {figures['beyond_mib']:.0f} MiB")


def _figures(sent: list[Sent]) -> dict[str, float]:
    off = [abs(c.forecast_s - c.seconds) / c.seconds for c in sent]
    return {"chunks": len(sent), "median_error": float(np.median(off)),
            "beyond_mib": max(c.peak_mib - c.forecast_mib for c in sent)}  # fmt: skip


def _run(grid: str, start: int, hours: int) -> list[Sent]:
    with tempfile.TemporaryDirectory(prefix="bos-forecast-") as home, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings = Settings(Path(home), "", probe.getsockname()[1])
        probe.close()
        env = {**os.environ, "BOS_HOME": home, "BOS_PREFECT_PORT": str(settings.prefect_port)}
        try:
            chain = ("run", "steady-state-planning", "--grid", grid, "--keep-kv", "230")
            _bos(env, *chain, "--start", str(start), "--hours", "24")
            _bos(env, "down")  # containers that still hold what they have read would make it look slow
            _bos(env, *chain, "--start", str(start + 24), "--hours", str(hours))
            with Index(settings) as index:
                week = index.call(lambda db: tasks.find_task_set(db, "latest"))
                assert week is not None
                return index.call(lambda db: decisions.sent(db, week.id))
        finally:
            _bos(env, "down")


def _bos(env: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "console.main", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(done.stderr)


def _draw(sent: list[Sent], path: Path) -> None:
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, x, y, unit in zip(
        figure.subplots(1, 2), ("forecast_s", "forecast_mib"), ("seconds", "peak_mib"), ("s", "MiB"), strict=True
    ):
        for stage in dict.fromkeys(c.stage for c in sent):
            mine = [c for c in sent if c.stage == stage]
            axes.plot([getattr(c, x) for c in mine], [getattr(c, y) for c in mine], ".", label=stage)
        ends = axes.get_xlim()
        axes.plot(ends, ends, color="black", linewidth=0.8)
        axes.set(xlabel=f"forecast{' and margin' if unit == 'MiB' else ''}, {unit}", ylabel=f"measured, {unit}")
        if unit == "s":
            axes.set(xscale="log", yscale="log")
            axes.legend(frameon=False, fontsize=7)
    figure.savefig(path)


if __name__ == "__main__":
    main()
