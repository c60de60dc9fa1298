"""Optimal power flow on the command line: MATPOWER's published optima, and refusals in one sentence."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from console.main import app
from flows.optimum import optimum

run = CliRunner().invoke


def test_the_published_optima_are_told():
    """AC as MATPOWER publishes it; DC as in Wang and others (2025), table I."""
    ac, rows = optimum("case14", False)
    assert ac.startswith("8,081.5")
    dc, same = optimum("case14", True)
    assert dc.startswith("7,642.59 USD/h by DC")
    assert [r["bus"] for r in rows] == [r["bus"] for r in same] == [1, 2, 3, 6, 8]
    assert sum(r["MW"] for r in same) == pytest.approx(259.0, abs=0.05)
    assert sum(r["MW"] for r in rows) > 259.0


def test_on_the_command_line():
    told = run(app, ["analyse", "optimal-power-flow", "case9", "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["result"].startswith("5,296.69 USD/h")


@pytest.mark.parametrize(
    ("name", "said"),
    [("pandapower:case9", "is no MATPOWER case"), ("absent.m", "cannot be read"), ("nothing", "is no")],
)
def test_what_is_no_case_is_refused(name: str, said: str, tmp_path: Path):
    told = run(app, ["analyse", "optimal-power-flow", str(tmp_path / name) if name.endswith(".m") else name])
    assert told.exit_code != 0
    assert said in " ".join((told.output + (told.stderr if told.stderr_bytes else "")).split())
    assert "Traceback" not in told.output
