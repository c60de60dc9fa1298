"""Database, Prefect server and worker: started, used through a deployment, stopped cleanly."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bos_core.index import tasks
from bos_core.index.client import Index
from storage.postgres import EmbeddedPostgres
from storage.settings import Settings
from tests.conftest import Home

pytestmark = pytest.mark.slow


def _prefect(home: Home, *arguments: str) -> str:
    port = home.env["BOS_PREFECT_PORT"]
    env = {**home.env, "PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "PREFECT_HOME": str(home.folder / "prefect")}
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *arguments], env=env, capture_output=True, text=True, timeout=300,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        logs = [f"{p}:\n{p.read_text()[-4000:]}" for p in sorted(home.folder.rglob("*.log"))]
        raise AssertionError("\n".join([done.stdout, done.stderr, *logs]))
    return done.stdout


def test_a_deployment_runs_through_the_worker_and_down_leaves_nothing(tmp_path: Path):
    home = Home(tmp_path / "home")
    try:
        home.bos("up")
        listed = _prefect(home, "deployment", "ls")
        assert listed.count("steady-state-planning/") == 2
        name = "steady-state-planning/steady-state-planning"
        _prefect(home, "deployment", "run", name, "--param", 'parameters={"hours": 24}', "--watch")
        loop = "stability-scheduling/stability-scheduling"
        assert loop in listed
        start = 'parameters={"inertia": 35, "damping": 2}'
        _prefect(home, "deployment", "run", loop, "--param", start, "--watch")
        done = json.loads(home.bos("sets", "--json").stdout)
        assert [(r["state"], r["hours"]) for r in done] == [("success", 24)]
        artifacts = _prefect(home, "artifact", "ls", "--limit", "100")
        assert "bos-stages" in artifacts
        assert "bos-report" in artifacts
        log = (home.folder / "logs" / "prefect-server.log").read_text()
        # A heartbeat of Prefect's worker may lose the race for its SQLite; the next one comes.
        raised = re.findall(r"^ *[\w.]*(?:Error|Exception): .*$", log, re.M)
        assert [e for e in raised if "database is locked" not in e] == []
        open_ports = [c for p in _ours(home) for c in p.net_connections(kind="inet") if c.status == "LISTEN"]
        assert open_ports
        assert {c.laddr.ip for c in open_ports} <= {"127.0.0.1", "::1"}
    finally:
        home.bos("down", check=False)
    assert _ours(home) == []


def _ours(home: Home) -> list[psutil.Process]:
    out = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("BOS_HOME") == str(home.folder) and process.pid != os.getpid():
                out.append(process)
        except psutil.Error:
            continue
    return [p for p in out if p.status() != psutil.STATUS_ZOMBIE]


def test_embedded_postgres_survives_a_hard_kill(tmp_path: Path):
    server = EmbeddedPostgres(Settings(tmp_path / "home", "", 0))
    try:
        assert server.start()
        assert not server.start()
        pid = int((server.data / "postmaster.pid").read_text().split()[0])
        psutil.Process(pid).kill()
        assert server.start()
        assert server.running()
    finally:
        assert server.stop()
    assert not server.running()


def test_a_home_made_anew_under_an_old_path_starts_with_an_empty_index(tmp_path: Path):
    """Root's cluster lies outside the home; deleting the home must not leave its rows to the next one."""
    settings = Settings(tmp_path / "home", "", 0)
    server = EmbeddedPostgres(settings)
    try:
        for _ in range(2):
            server.start()
            with Index(settings) as index:
                assert index.call(tasks.list_task_sets) == []
                index.call(lambda db: tasks.create_task_set(db, "of the first home", "test", {}))
            server.stop()
            server.start()
            with Index(settings) as index:  # a home that stays keeps its rows
                assert len(index.call(tasks.list_task_sets)) == 1
            server.stop()
            shutil.rmtree(settings.home)
    finally:
        server.stop()
