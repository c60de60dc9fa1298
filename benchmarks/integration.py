"""A new exciter and a new commitment, from files to use in services that run: `python benchmarks/integration.py`.

In a home of its own: both are submitted, listed and tried, a run uses them, a second version of the commitment is submitted
while the first one's run goes on, which ends with the first; the second is reviewed, released and used. With --json the last
line is {"seconds": from the first submission to the end of the first run, "all_s": to the end, "same_processes": whether no
service was restarted, "same_version": whether the first run kept what it began with}.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.conftest import ROOT, Home


def main() -> None:
    """Go the way and print how long each step takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="leaves out the second version")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        try:
            figures = _integrated(home, Path(folder), asked.quick)
        finally:
            home.bos("down", check=False)
    if asked.json:
        print(json.dumps(figures))


def _integrated(home: Home, folder: Path, quick: bool) -> dict[str, Any]:
    first, second, avr = folder / "rounded.py", folder / "second.py", folder / "avr.toml"
    first.write_text((ROOT / "docs/examples/rounded.py").read_text())
    second.write_text(first.read_text().replace("= 0.05", "= 0.1"))
    avr.write_text((ROOT / "slots/dynamics/models/SEXS.toml").read_text().replace('"SEXS"', '"MYAVR"', 1))
    home.bos("up")
    before, began = _processes(folder), time.monotonic()
    for arguments in (
        ("models", "submit", str(avr)), ("programs", "submit", str(first)), ("programs", "list"), ("programs", "try", "rounded")
    ):  # fmt: skip
        _told(home, began, *arguments)
    choice = ("--algorithm", "unit_commitment=rounded", "--transient-hours", "3", "--exciter", "MYAVR")
    run = home.start("run", "steady-state-planning", "--keep-kv", "230", "--hours", "48", *choice)
    if not quick:
        _told(home, began, "programs", "submit", str(second))
    assert run.wait() == 0
    used = time.monotonic() - began
    print(f"{used:6.1f} s  run of two days with both", flush=True)
    rows = json.loads(home.bos("results", "--stage", "uc", "--json").stdout)
    if not quick:
        for arguments in (
            ("programs", "review", "rounded", "--reason", "costs looked at"), ("programs", "release", "rounded"),
            ("run", "steady-state-planning", "--keep-kv", "230", "--hours", "24", *choice), ("programs", "check"),
        ):  # fmt: skip
            _told(home, began, *arguments)
    return {
        "seconds": round(used, 1), "all_s": round(time.monotonic() - began, 1), "same_processes": _processes(folder) == before,
        "same_version": len({r["program"] for r in rows}) == 1,
    }  # fmt: skip


def _told(home: Home, began: float, *arguments: str) -> None:
    home.bos(*arguments)
    print(f"{time.monotonic() - began:6.1f} s  bos {' '.join(arguments[:3])}", flush=True)


def _processes(folder: Path) -> dict[str, str]:
    """Process ids of the services that run all the time."""
    return {f.stem: f.read_text().split()[0] for f in folder.glob("prefect-*.pid")}


if __name__ == "__main__":
    main()
