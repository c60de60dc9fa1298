"""How long the chain takes: `python benchmarks/chain.py [--quick] [--json] [--hours N] [--grid G] [--keep-kv KV]`.

Runs in a home of its own. `--quick` runs one day. With `--json` the last line is one JSON object:
{"hours", "failed", "stages": {stage: {"tasks", "mean_s", "serial_s", "wall_s"}}, "peak_gib"}.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Run the chain and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one day")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--hours", type=int, default=8760)
    parser.add_argument("--grid", default="case_RTS_GMLC")
    parser.add_argument("--keep-kv", default="230")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    hours = 24 if asked.quick else asked.hours
    with tempfile.TemporaryDirectory(prefix="bos-bench-") as home, socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        s.close()
        env = {**os.environ, "BOS_HOME": home, "BOS_PREFECT_PORT": str(port), "COLUMNS": "160"}
        try:
            figures = _measure(env, hours, asked.grid, asked.keep_kv, asked.workers)
        finally:
            _bos(env, "down")
    if not asked.json:
        print(f"{figures['hours']} hours, {figures['failed']} failed, peak {figures['peak_gib']:.2f} GiB")
        for stage, f in figures["stages"].items():
            print(
                f"{stage:12} {f['tasks']:>9} tasks {1e3 * f['mean_s']:>10.2f} ms {f['serial_s']:>9.1f} s {f['wall_s']:>9.1f} s"
            )
    else:
        print(json.dumps(figures))


def _bos(env: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "console.main", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def _measure(env: dict[str, str], hours: int, grid: str, keep_kv: str, workers: int) -> dict[str, Any]:
    peak, stop = [0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(env["BOS_HOME"], peak, stop), daemon=True)
    watcher.start()
    _bos(env, "run", "steady-state-planning", "--hours", str(hours), "--grid", grid, "--keep-kv", keep_kv,
         "--workers", str(workers))  # fmt: skip
    stop.set()
    watcher.join()
    rows = json.loads(_bos(env, "tasks", "latest", "--json"))
    stages = {
        r["stage"]: {"tasks": r["tasks"], "mean_s": r["serial_s"] / max(r["tasks"], 1), "serial_s": r["serial_s"],
                     "wall_s": r["wall_s"]}
        for r in rows
    }  # fmt: skip
    return {"hours": hours, "failed": sum(r["failed"] for r in rows), "stages": stages, "peak_gib": peak[0] / 2**30}


def _watch(home: str, peak: list[int], stop: threading.Event) -> None:
    """Largest proportional memory of all processes that carry this home in their environment."""
    while not stop.is_set():
        total = 0
        for process in psutil.process_iter():
            try:
                if process.environ().get("BOS_HOME") == home:
                    total += process.memory_full_info().pss
            except (psutil.Error, OSError):
                continue
        peak[0] = max(peak[0], total)
        time.sleep(1.0)


if __name__ == "__main__":
    main()
