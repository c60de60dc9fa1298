"""The chain through its command line, on real services: results, traces, seams, determinism, death and resumption."""

import json
import os
import random
import signal
import time
from pathlib import Path

import h5py
import psutil
import pytest
import xarray as xr

from tests.conftest import Home
from tests.flows.compare import assert_same, results

pytestmark = pytest.mark.slow


def test_all_stages_succeed(home: Home, two_days: str):
    rows = {r["stage"]: r for r in json.loads(home.bos("tasks", two_days, "--json").stdout)}
    assert len(rows) == 14
    assert all(r["done"] == r["tasks"] and r["failed"] == 0 for r in rows.values())
    assert rows["n1"]["tasks"] == 48 * 68
    assert rows["rpd"]["tasks"] == 48


def test_the_schedule_is_valid_as_a_whole(home: Home, two_days: str):
    told = json.loads(home.bos("check", two_days, "--json").stdout)[0]
    assert told["valid"]
    assert told["MWh not served"] == 0.0  # its capacity suffices
    shed = 0.0
    for path in (home.folder / "results" / two_days / "adjust").glob("*.h5"):
        with h5py.File(path) as file:
            shed += file["shed"][()].sum()
    assert told["MWh shed by adjustment"] == pytest.approx(shed, abs=2e-3)


def test_a_month_seam_is_valid(home: Home):
    """Three days in January, two in February: the border between months is kept from both sides."""
    home.bos("run", "steady-state-planning", "--keep-kv", "230", "--start", str(24 * 28), "--hours", str(24 * 5))
    found = json.loads(home.bos("check", "latest", "--json").stdout)[0]
    assert found["hours"] == 120
    assert found["valid"]
    assert (found["insecure hours"] == 0) == (found["insecure"] == [])


def test_adjusted_hours_are_secure_or_listed(home: Home, two_days: str):
    notes = json.loads(home.bos("tasks", two_days, "--exceptions", "--json").stdout)
    listed = {n["chunk"] for n in notes if "stays insecure" in n["reason"]}
    for path in (home.folder / "results" / two_days / "reverify").glob("*.h5"):
        with h5py.File(path) as file:
            bad = file["hour"][()][file["insecure"][()].any(axis=1)]
            assert len(bad) == 0 or listed, f"hours {bad} are insecure and nobody says so"


def test_every_file_traces_back_and_forward(home: Home, two_days: str):
    rows = json.loads(home.bos("results", two_days, "--json").stdout)
    assert {r["file"] for r in rows} == {str(p) for p in results(home.folder / "results" / two_days).values()}
    for row in rows[:: max(1, len(rows) // 6)]:
        trace = json.loads(home.bos("results", "--trace", row["file"], "--json").stdout)[0]
        assert trace["task_set"] == two_days
        assert trace["parameters"]["grid"] == "case_RTS_GMLC"
        assert "@" in trace["program"]
        with h5py.File(row["file"]) as file:
            assert file.attrs["chunk"] == trace["chunk"]
            assert file.attrs["program"] == trace["program"]
    last = json.loads(home.bos("results", two_days, "--stage", "reverify", "--json").stdout)[0]
    lineage = json.loads(home.bos("results", "--trace", last["file"], "--json").stdout)[0]["scenario"]
    labels = [s["label"].split("/")[0] for s in lineage]
    assert labels[-1] == "modelling"
    assert labels[0] == "adjust"


def test_xarray_reads_a_result_alone(home: Home, two_days: str):
    path = next((home.folder / "results" / two_days / "rpd").glob("*.h5"))
    with xr.open_dataset(path, engine="h5netcdf", phony_dims="sort") as data:
        assert data["vm"].dims == ("hour", "bus")
        assert data["vm"].attrs["units"] == "p.u."
        assert float(data["vm"].min()) > 0.9


def test_the_report_is_a_whole_page(home: Home, two_days: str):
    path = Path(json.loads(home.bos("report", two_days, "--json").stdout)[0]["report"])
    page = path.read_text()
    assert page.count("<svg") == 8  # seven of the schedule, one of the containers
    for words in ("Start-ups", "Curtailment", "Reserve shortfall", "Hours secure after adjustment"):
        assert words in page


def test_one_worker_gives_the_same_bits_as_two(home: Home, two_days: str):
    home.bos("run", "steady-state-planning", "--keep-kv", "230", "--hours", "48", "--workers", "1")
    other = json.loads(home.bos("sets", "--json").stdout)[0]["id"]
    assert_same(home.folder / "results" / two_days, home.folder / "results" / other)


def _kill_tree(process: psutil.Popen) -> None:
    """kill -9 of everything that the run started, children first found, none spared."""
    family = [process, *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        try:
            os.kill(member.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def test_killed_at_random_it_resumes_from_what_was_done(home: Home, two_days: str):
    """Three kills here; `benchmarks/kill.py` does twenty on a week."""
    rng = random.Random(7)
    before = {r["id"] for r in json.loads(home.bos("sets", "--json").stdout)}
    run = home.start("run", "steady-state-planning", "--keep-kv", "230", "--hours", "48")
    set_id = None
    for _ in range(3):
        time.sleep(rng.uniform(8, 18))
        if run.poll() is None:
            _kill_tree(run)
        new = [r for r in json.loads(home.bos("sets", "--json").stdout) if r["id"] not in before]
        if new:
            set_id = new[0]["id"]
            run = home.start("resume", set_id)
        else:
            run = home.start("run", "steady-state-planning", "--keep-kv", "230", "--hours", "48")
    assert run.wait(timeout=300) == 0, (home.folder / "background.log").read_text()[-2000:]
    assert set_id is not None
    rows = json.loads(home.bos("tasks", set_id, "--json").stdout)
    assert all(r["done"] == r["tasks"] for r in rows)
    repeated = sum(r["attempts"] - r["chunks"] for r in rows)
    assert repeated <= 3 * 4, "more was recomputed than two containers can have had in hand at three kills"
    assert_same(home.folder / "results" / two_days, home.folder / "results" / set_id)


def test_a_resumed_finished_set_computes_nothing(home: Home, two_days: str):
    before = json.loads(home.bos("tasks", two_days, "--json").stdout)
    home.bos("resume", two_days)
    after = json.loads(home.bos("tasks", two_days, "--json").stdout)
    assert sum(r["attempts"] for r in before) == sum(r["attempts"] for r in after)


def test_a_task_set_is_run_once_at_a_time_and_cancel_stops_it(home: Home):
    before = {r["id"] for r in json.loads(home.bos("sets", "--json").stdout)}
    first = home.start("run", "steady-state-planning", "--keep-kv", "230", "--hours", "168")
    set_id = _new_set(home, before)
    again = home.bos("resume", set_id, check=False)
    assert again.returncode == 1
    assert again.stderr == f"bos: task set {set_id} is under way; wait for it, or stop it with `bos cancel`.\n"
    home.bos("cancel", set_id)
    assert first.wait(timeout=60) != 0
    assert not list((home.folder / "runs").glob("*.pid"))


@pytest.mark.slow
def test_an_urgent_day_is_served_while_a_longer_run_gives_way_and_goes_on(home: Home):
    before = {r["id"] for r in json.loads(home.bos("sets", "--json").stdout)}
    long = home.start("run", "steady-state-planning", "--keep-kv", "230", "--hours", "504", "--seed", "3")
    _new_set(home, before)
    home.bos(
        "run",
        "steady-state-planning",
        "--keep-kv",
        "230",
        "--hours",
        "24",
        "--start",
        "48",
        "--criticality",
        "10",
        "--deadline",
        "3",
    )
    assert long.poll() is None, "the longer run was through before"
    assert long.wait(timeout=400) == 0, (home.folder / "background.log").read_text()[-2000:]
    new = [r for r in json.loads(home.bos("sets", "--json").stdout) if r["id"] not in before]
    assert [r["state"] for r in new] == ["success", "success"]


def _new_set(home: Home, before: set[str]) -> str:
    """Wait for a task set that was not there before; its id."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        new = {r["id"] for r in json.loads(home.bos("sets", "--json").stdout)} - before
        if new:
            return new.pop()
    raise AssertionError("no run has begun")


def test_containers_are_indexed_with_what_they_ran(home: Home, two_days: str):
    rows = json.loads(home.bos("containers", "--json").stdout)
    assert {r["container"] for r in rows} >= {"container-1", "container-2"}
    assert {"uc", "n1", "adjust"} <= {r["service"] for r in rows}
    assert all(r["server_cores"] >= r["cores"] >= 1 and r["server_mib"] >= r["memory_mib"] for r in rows)
    assert all(r["chunk"] for r in rows if r["service"])
