"""The result store after damage: found, repaired by computing again just what was lost, pruned when nothing needs it."""

import json

import pytest

from bos_core.index import backfill, scenarios
from bos_core.index.client import Index
from bos_core.index.hourly_state import StateSource
from storage.settings import Settings
from tests.conftest import Home

pytestmark = pytest.mark.slow


def test_damage_is_found_repaired_and_pruned(home: Home, two_days: str):
    home.bos("run", "steady-state-planning", "--keep-kv", "230", "--hours", "24", "--seed", "5")
    run = json.loads(home.bos("sets", "--json").stdout)[0]["id"]
    assert "every result file is whole" in home.bos("store", "check").stdout
    root = home.folder / "results"
    files = sorted((root / run / "adjust").glob("*.h5"))
    before = files[0].read_bytes()
    half = len(before) // 2
    files[0].write_bytes(before[:half] + bytes([before[half] ^ 1]) + before[half + 1 :])
    next((root / run / "n1").glob("*.h5")).unlink()
    stray = root / run / "n1" / ".x.part"
    stray.write_bytes(b"half")

    found = home.bos("store", "check", "--json", check=False)
    assert found.returncode == 1
    assert {r["what is wrong"].split(" (")[0] for r in json.loads(found.stdout)} == {
        "differs from what was written", "cannot be read", "no index row names it",
    }  # fmt: skip
    attempts = sum(r["attempts"] for r in json.loads(home.bos("tasks", run, "--json").stdout))
    assert f"bos resume {run}" in home.bos("store", "check", "--repair").stdout
    assert not stray.exists()
    home.bos("resume", run)
    assert sum(r["attempts"] for r in json.loads(home.bos("tasks", run, "--json").stdout)) == attempts + 2
    assert files[0].read_bytes() == before
    assert home.bos("store", "check").returncode == 0

    with Index(Settings(home.folder, "", 0)) as index:  # another scenario refers to it

        async def refer(db):
            version = await scenarios.branch(db, None, "kept")
            await backfill.backfill(db, version, {"p": StateSource(run, "adjust", 0, 24)}, {})
            await scenarios.commit(db, version)
            return version

        version = index.call(refer)
        refused = home.bos("store", "prune", run, check=False)
        assert f"scenario version {version} still refers to task set {run}" in refused.stderr
        assert files[0].exists()
    home.bos("store", "prune", two_days[:4] + "nothing", check=False)
    assert (root / two_days).exists()


def test_what_nothing_needs_is_removed(home: Home):
    home.bos("run", "steady-state-planning", "--keep-kv", "230", "--hours", "24", "--seed", "6")
    run = json.loads(home.bos("sets", "--json").stdout)[0]["id"]
    assert f"of task set {run} removed" in home.bos("store", "prune", run).stdout
    assert not (home.folder / "results" / run).exists()
    assert json.loads(home.bos("sets", "--json").stdout)[0]["state"] == "pruned"
    assert home.bos("store", "check").returncode == 0
