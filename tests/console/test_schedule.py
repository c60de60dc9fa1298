"""What users see of the scheduler: decisions of a real run, and containers as they work."""

import json
import platform
import time

import pytest

from tests.conftest import Home

pytestmark = pytest.mark.slow


def test_decisions_are_told_by_stage_and_by_chunk(home: Home, two_days: str):
    stages = json.loads(home.bos("schedule", "explain", two_days, "--json").stdout)
    counted = {r["stage"]: r["chunks"] for r in json.loads(home.bos("tasks", two_days, "--json").stdout)}
    assert {s["stage"]: s["chunks"] for s in stages} == counted
    assert all(s["forecast_mib"] > 0 and s["peak_mib"] > 0 for s in stages)
    chunks = json.loads(home.bos("schedule", "explain", two_days, "--stage", "uc", "--json").stdout)
    assert [c["chunk"] for c in chunks] == [f"{two_days}/uc/01-000", f"{two_days}/uc/01-001"]
    assert all(c["weight"] > 0 and c["forecast_s"] > 0 and c["seconds"] > 0 for c in chunks)
    assert "uc/01-001" in home.bos("schedule", "explain", two_days, "--stage", "uc").stdout
    refused = home.bos("schedule", "explain", "nothing", check=False)
    assert refused.stderr.strip() == "bos: no task set is called 'nothing'; see `bos sets`."


def test_containers_are_seen_at_work_and_kept_within_a_limit(home: Home, two_days: str):
    assert not any(c["works on"] for c in json.loads(home.bos("top", "--json").stdout))
    latest = json.loads(home.bos("sets", "--json").stdout)[0]["id"]
    run = home.start("run", "steady-state-planning", "--keep-kv", "230", "--hours", "48", "--seed", "9", "--workers", "3", "--memory-limit",
                     "1800")  # fmt: skip
    while not any(latest not in c["task set"] for c in json.loads(home.bos("top", "--json").stdout) if c["works on"]):
        assert run.poll() is None
    seen: list[list[dict]] = []
    while run.poll() is None:
        seen.append(json.loads(home.bos("top", "--json").stdout))
        time.sleep(0.5)
    assert run.returncode == 0
    assert all(sum(c["quota MiB"] for c in view) <= 1800 for view in seen)
    working = [c for view in seen for c in view if c["cpu share"] is not None]
    assert max(c["cpu share"] for c in working) > 0.2  # other work may share the processors
    assert all(c["resident MiB"] < c["quota MiB"] for c in working)
    assert {c["server"] for c in working} == {platform.node()}
    shares = [c[f"server {what} share"] for c in working for what in ("cpu", "memory")]
    assert all(0 <= share <= 1 for share in shares if share is not None)
    assert max(share or 0.0 for share in shares) > 0.2
    latest = json.loads(home.bos("sets", "--json").stdout)[0]["id"]
    assert "What the containers and their server used" in (home.folder / "results" / latest / "report.html").read_text()
    deadline = time.monotonic() + 60  # containers wait for another run for a while
    while time.monotonic() < deadline and home.bos("top").stdout.strip() != "nothing to show":
        time.sleep(1.0)
    assert home.bos("top").stdout.strip() == "nothing to show"


@pytest.mark.parametrize(
    ("limit", "says"), [("100", "holds no container"), ("99999999", "more than the"), ("-5", "memory-limit -5.0")]
)
def test_a_limit_that_makes_no_sense_is_refused(home: Home, limit: str, says: str):
    done = home.bos("run", "steady-state-planning", "--memory-limit", limit, check=False)
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
