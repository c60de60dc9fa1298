"""A user's program in services that run: submitted, chosen, replaced, released, without anything restarted."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import httpx
import pytest

from bos_core.objects.errors import ParameterError
from flows.steps.transient import buses_of
from slots.suites.states import network
from tests.conftest import ROOT, Home

EXAMPLE = ROOT / "docs/examples/rounded.py"
CHOICE = ("--algorithm", "unit_commitment=rounded")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home of its own whose services run."""
    out = Home(tmp_path_factory.mktemp("programs"))
    out.bos("up")
    yield out
    out.bos("down", check=False)


def _services(home: Home) -> dict[str, str]:
    """Process ids of the services that run, as they wrote them."""
    return {f.stem: f.read_text().split()[0] for f in home.folder.glob("*.pid")}


def _form(home: Home) -> Any:
    url = f"http://127.0.0.1:{home.env['BOS_PREFECT_PORT']}/api/deployments/name/steady-state-planning/steady-state-planning"
    return httpx.get(url, timeout=20, trust_env=False).json()["parameter_openapi_schema"]["definitions"]


def _commitments(home: Home, *arguments: str) -> list[dict[str, Any]]:
    return list(json.loads(home.bos("results", *arguments, "--stage", "uc", "--json").stdout))


def _attributes(row: dict[str, Any]) -> dict[str, Any]:
    with h5py.File(row["file"]) as file:
        return dict(file.attrs)


@pytest.mark.slow
def test_from_a_file_to_what_everybody_uses(up: Home, tmp_path: Path):
    other = up.start(
        "run", "steady-state-planning", "--keep-kv", "230", "--hours", "2208", "--criticality", "0.01"
    )  # somebody else's, all the time
    other_id = _executing(up, set())
    while not (up.folder / "scheduler.pid").exists():
        assert other.poll() is None, (up.folder / "background.log").read_text()[-1000:]
    before = _services(up)
    assert set(before) == {"scheduler", "prefect-server", "prefect-worker"}
    assert "rounded" not in _form(up)["Algorithms"]["properties"]["unit_commitment"]["enum"]
    told = up.bos("run", "steady-state-planning", "--keep-kv", "230", "--hours", "24", *CHOICE, check=False)
    assert "algorithm 'rounded' is unknown in slot unit_commitment" in told.stderr

    up.bos("programs", "submit", str(EXAMPLE), "--note", "begun")
    avr = tmp_path / "avr.toml"
    avr.write_text((ROOT / "slots/dynamics/models/SEXS.toml").read_text().replace('"SEXS"', '"MYAVR"', 1))
    up.bos("models", "submit", str(avr))
    (listed,) = [r for r in json.loads(up.bos("programs", "list", "--json").stdout) if r["program"] == "rounded"]
    assert (listed["state"], listed["slot"]) == ("private", "unit_commitment")
    form = _form(up)
    assert "rounded" in form["Algorithms"]["properties"]["unit_commitment"]["enum"]
    least = form["PlanningParameters"]["properties"]["settings"]["properties"]["unit_commitment"]["properties"][
        "rounded"
    ]
    assert least["properties"]["least"]["unit"] == "1"
    assert least["properties"]["least"]["maximum"] == 1
    assert "rounded.least" in up.bos("run", "steady-state-planning", "--help").stdout

    first = up.start("run", "steady-state-planning", "--keep-kv", "230", "--hours", "72", *CHOICE)
    set_id = _executing(up, {other_id})
    second = tmp_path / "rounded.py"
    second.write_text(EXAMPLE.read_text().replace("= 0.05", "= 0.1"))
    up.bos("programs", "submit", str(second), "--note", "braver")
    assert first.wait(timeout=240) == 0, (up.folder / "background.log").read_text()[-1000:]
    rows = _commitments(up, set_id)
    assert len(rows) > 1
    (used,) = {r["program"] for r in rows}  # the version that it began with, to the end
    assert {_attributes(r)["confinement"] for r in rows} == {"limits, rights, network, files, calls"}
    assert "valid" in up.bos("check", set_id, "--json").stdout
    assert _services(up) == before
    up.bos("cancel", other_id)
    other.wait(timeout=60)

    up.bos("programs", "review", "rounded", "--reason", "costs looked at")
    up.bos("programs", "release", "rounded")
    transient = ("--transient-hours", "3,18", "--exciter", "MYAVR")
    up.bos(
        "run",
        "steady-state-planning",
        "--keep-kv",
        "230",
        "--hours",
        "24",
        *CHOICE,
        "--set",
        "rounded.least=0.2",
        *transient,
    )
    (simulated,) = json.loads(up.bos("results", "--stage", "transient", "--json").stdout)
    with h5py.File(simulated["file"]) as file:
        assert file["hour"][:].tolist() == [3, 18]
        assert file["stable"][:].all()
    report = Path(simulated["file"]).parents[1] / "report.html"
    assert "Transient check, after adjustment" in report.read_text()
    (row,) = _commitments(up)
    assert row["program"] != used
    assert _attributes(row)["confinement"] == ""
    assert "rolled back" in up.bos("programs", "rollback", "rounded").stdout
    assert "are whole, and the index tells them" in up.bos("programs", "check").stdout
    told = up.bos("run", "steady-state-planning", "--keep-kv", "230", *CHOICE, "--set", "rounded.least=7", check=False)
    assert "parameter least = 7 of rounded" in told.stderr
    assert {k: v for k, v in _services(up).items() if k != "scheduler"} == {
        k: v for k, v in before.items() if k != "scheduler"
    }  # without a run the scheduler ends by itself


def _executing(home: Home, others: set[str]) -> str:
    """The task set that has just begun."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for row in json.loads(home.bos("sets", "--json").stdout):
            if row["state"] == "executing" and row["id"] not in others:
                return str(row["id"])
    raise AssertionError("nothing runs")


def test_a_transient_check_that_cannot_be_is_refused(tmp_path: Path):
    home = Home(tmp_path)
    for arguments, says in (
        (("--exciter", "NOPE"), "model 'NOPE' is unknown"),
        (("--transient-hours", "x"), "'x' names no hours"),
        (("--hours", "24", "--transient-hours", "30"), "hour 30 of the transient check is outside the horizon"),
    ):
        told = home.bos("run", "steady-state-planning", "--keep-kv", "230", *arguments, check=False)
        assert told.returncode == 1
        assert says in told.stderr
        assert told.stderr.count("\n") == 1


def test_a_fault_at_a_bus_that_is_not_kept_is_refused():
    assert buses_of(network(), None, []) == []
    with pytest.raises(ParameterError, match="bus 999 of the transient check is not kept"):
        buses_of(network(), None, [999])


def test_bad_input_is_one_sentence(tmp_path: Path):
    """Of the commands that need no services."""
    home = Home(tmp_path)
    (tmp_path / "bad.py").write_text("def f(:")
    (tmp_path / "large.py").write_text("#" * 300_000)
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")
    for arguments, says in (
        (("submit", str(tmp_path / "bad.py")), "line 1, column"),
        (("submit", str(tmp_path / "large.py")), "larger than 256 KiB"),
        (("submit", str(tmp_path / "binary.py")), "cannot be read"),
        (("submit", str(tmp_path)), "cannot be read"),
        (("submit", str(tmp_path / "none.py")), "cannot be read"),
        (("show", "nothing"), "program 'nothing' is unknown"),
        (("try", "nothing"), "nothing is called 'nothing'"),
        (("review", "nothing", "--reason", "x"), "nothing is called 'nothing'"),
        (("release", "nothing"), "nothing is called 'nothing'"),
        (("rollback", "nothing"), "nothing is called 'nothing'"),
        (("history", "nothing"), "nothing is called 'nothing'"),
    ):
        told = home.bos("programs", *arguments, check=False)
        assert told.returncode == 1, arguments
        assert says in told.stderr, told.stderr
        assert told.stderr.count("\n") == 1
    assert subprocess.run(["ls", tmp_path / "programs"], capture_output=True).returncode != 0
