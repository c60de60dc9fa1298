"""What Prefect says of runs agrees with what became of them: finished, cancelled, killed, tried again."""

import json
import os
import signal
import subprocess
import time
from typing import Any

import httpx
import psutil
import pytest

from tests.conftest import Home

OVER = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def _api(home: Home, path: str, **body: Any) -> Any:
    url = f"http://127.0.0.1:{home.env['BOS_PREFECT_PORT']}/api/{path}"
    answer = httpx.post(url, json=body, timeout=20, trust_env=False)
    answer.raise_for_status()
    return answer.json()


def _flow_runs(home: Home, set_id: str) -> list[dict[str, Any]]:
    return list(_api(home, "flow_runs/filter", flow_runs={"name": {"any_": [set_id]}}, sort="START_TIME_ASC"))


def _task_states(home: Home, run: dict[str, Any]) -> set[str]:
    found = _api(home, "task_runs/filter", flow_runs={"id": {"any_": [run["id"]]}}, limit=200)
    return {t["state_type"] for t in found}


def _begin(home: Home, stage: str, *arguments: str) -> "tuple[subprocess.Popen[bytes], str]":
    """Start a run and wait until a stage has begun; the process and its task set."""
    before = {r["id"] for r in json.loads(home.bos("sets", "--json").stdout)}
    run = home.start("run", "steady-state-planning", "--keep-kv", "230", *arguments)
    set_id, deadline = "", time.monotonic() + 90
    while time.monotonic() < deadline:
        new = {r["id"] for r in json.loads(home.bos("sets", "--json").stdout)} - before
        set_id = new.pop() if new else ""
        if set_id and stage in {r["stage"] for r in json.loads(home.bos("tasks", set_id, "--json").stdout)}:
            return run, set_id
    raise AssertionError(f"{stage} has not begun: {(home.folder / 'background.log').read_text()[-1000:]}")


def _scheduler(home: Home) -> psutil.Process:
    return psutil.Process(int((home.folder / "scheduler.pid").read_text().split()[0]))


def _idle(home: Home, within: float) -> bool:
    """Whether containers stop to work within so many seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not any(r["works on"] for r in json.loads(home.bos("top", "--json").stdout)):
            return True
    return False


def test_a_finished_run_is_completed_with_all_its_tasks(home: Home, two_days: str):
    runs = _flow_runs(home, two_days)
    assert runs
    for run in runs:  # the first, and any that had nothing left to do
        assert run["state_type"] == "COMPLETED"
        assert _task_states(home, run) == {"COMPLETED"}


@pytest.mark.slow
def test_cancelled_in_prefect_a_foreground_run_stops_within_ten_seconds(home: Home):
    process, set_id = _begin(home, "uc", "--hours", "168")  # most of the run is still to come
    (run,) = _flow_runs(home, set_id)
    began = time.monotonic()
    _api(home, f"flow_runs/{run['id']}/set_state", state={"type": "CANCELLING"})
    assert _idle(home, 10.0 - (time.monotonic() - began))
    assert process.wait(timeout=30) != 0
    (run,) = _flow_runs(home, set_id)
    assert run["state_type"] == "CANCELLED"
    assert _task_states(home, run) <= OVER
    rows = {r["id"]: r["state"] for r in json.loads(home.bos("sets", "--json").stdout)}
    assert rows[set_id] == "failed"
    assert "cancelled" in (home.folder / "background.log").read_text()[-400:]


@pytest.mark.slow
def test_killed_and_resumed_nothing_is_left_running(home: Home):
    process, set_id = _begin(home, "uc", "--hours", "168")  # what follows commitment is over in seconds
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    home.bos("resume", set_id)
    first, second = _flow_runs(home, set_id)
    assert (first["state_type"], second["state_type"]) == ("CRASHED", "COMPLETED")
    assert _task_states(home, first) <= OVER
    assert _task_states(home, second) == {"COMPLETED"}


@pytest.mark.slow
def test_a_scheduler_and_a_container_that_are_killed_are_seen_as_retries(home: Home):
    process, set_id = _begin(home, "uc", "--hours", "72")
    scheduler = _scheduler(home)
    scheduler.kill()
    while not (home.folder / "scheduler.pid").exists() or _dead(home, scheduler.pid):
        time.sleep(0.2)
    containers = _containers(home)
    for pid in containers[:1]:
        os.kill(pid, signal.SIGKILL)
    assert process.wait(timeout=200) == 0, (home.folder / "background.log").read_text()[-2000:]
    (run,) = _flow_runs(home, set_id)
    assert run["state_type"] == "COMPLETED"
    tasks = _api(home, "task_runs/filter", flow_runs={"id": {"any_": [run["id"]]}}, limit=200)
    assert {t["state_type"] for t in tasks} == {"COMPLETED"}
    assert max(t["run_count"] for t in tasks) == 2, "the stage that lost its scheduler was not tried again"
    rows = json.loads(home.bos("tasks", set_id, "--json").stdout)
    assert all(r["done"] == r["tasks"] for r in rows)


def _dead(home: Home, pid: int) -> bool:
    """Whether the scheduler's file still names a process that is gone."""
    return int((home.folder / "scheduler.pid").read_text().split()[0]) == pid


def _is_container(process: psutil.Process) -> bool:
    """Whether a process has loaded what a container loads, and nothing hangs on it; some live for a moment only."""
    try:
        return not process.children() and process.memory_info().rss > 100 * 2**20
    except psutil.Error:
        return False


def _containers(home: Home) -> list[int]:
    """Process ids of the containers that work, once there are some."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = [p.pid for p in _scheduler(home).children(recursive=True) if _is_container(p)]
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("no container has come up")
