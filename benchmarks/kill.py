"""Kill a run of a week at random moments and resume it: `python benchmarks/kill.py [--kills 20] [--quick] [--json]`.

Each kill is SIGKILL to the run and everything it started, Prefect server and Postgres included every third time.
At the end the results are compared, array by array, with an undisturbed run, and the repeated chunks are counted.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.flows.compare import assert_same  # noqa: E402


def main() -> None:
    """Kill, resume, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--hours", type=int, default=168)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="one kill of one day")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    asked = parser.parse_args()
    kills, hours = (1, 24) if asked.quick else (asked.kills, asked.hours)
    with tempfile.TemporaryDirectory(prefix="bos-kill-") as folder, socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        s.close()
        env = {**os.environ, "BOS_HOME": folder, "BOS_PREFECT_PORT": str(port), "COLUMNS": "160"}
        try:
            told = _run(env, Path(folder), kills, hours, random.Random(asked.seed))
        finally:
            _bos(env, "down")
    print(json.dumps(told) if asked.json else "\n".join(f"{k}: {v}" for k, v in told.items()))


def _run(env: dict[str, str], folder: Path, kills: int, hours: int, rng: random.Random) -> dict[str, object]:
    began = time.monotonic()
    _bos(env, "run", "steady-state-planning", "--keep-kv", "230", "--hours", str(hours))
    undisturbed = time.monotonic() - began
    reference = json.loads(_bos(env, "sets", "--json"))[0]["id"]
    set_id, done = None, 0
    run = _start(env, "run", "steady-state-planning", "--keep-kv", "230", "--hours", str(hours))
    while done < kills:
        # The first kills come early, so that set-up is hit too; then anywhere within what is left.
        run_for = rng.uniform(3, 0.15 * undisturbed + 8)
        time.sleep(run_for)
        if run.poll() is not None:
            break
        _kill(env, run, services=done % 3 == 2)
        done += 1
        newest = json.loads(_bos(env, "sets", "--json"))[0]["id"]
        set_id = newest if newest != reference else None
        arguments = (
            ("resume", set_id)
            if set_id
            else ("run", "steady-state-planning", "--keep-kv", "230", "--hours", str(hours))
        )
        run = _start(env, *arguments)
    if run.wait() != 0:
        sys.exit("the last resumption failed")
    set_id = json.loads(_bos(env, "sets", "--json"))[0]["id"]
    assert_same(folder / "results" / reference, folder / "results" / set_id)
    rows = json.loads(_bos(env, "tasks", set_id, "--json"))
    return {
        "kills": done, "hours": hours, "chunks": sum(r["chunks"] for r in rows),
        "repeated_chunks": sum(r["attempts"] - r["chunks"] for r in rows), "identical": True,
    }  # fmt: skip


def _start(env: dict[str, str], *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "console.main", *arguments]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=ROOT, env=env, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)


def _kill(env: dict[str, str], run: "subprocess.Popen[bytes]", services: bool) -> None:
    family = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
    if services:
        for process in psutil.process_iter():
            try:
                if process.environ().get("BOS_HOME") == env["BOS_HOME"]:
                    family.append(process)
            except psutil.Error:
                continue
    for process in family:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    run.wait()


def _bos(env: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "console.main", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
