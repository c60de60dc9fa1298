"""`bos models check`: the documentation's own example, and what is wrong in one sentence."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/equations.md").read_text(), re.DOTALL)[0]


def _check(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "console.main", "models", "check", str(path), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def test_the_documented_model_is_understood(tmp_path):
    path = tmp_path / "sexs.toml"
    path.write_text(EXAMPLE)
    told = _check(path, "--json")
    assert told.returncode == 0, told.stderr
    roles = {row["variable"]: row["role"] for row in json.loads(told.stdout)}
    assert [n for n, role in roles.items() if role.startswith("state")] == ["x", "E_fd"]
    assert roles["E_fd"] == "state, output"
    assert roles["V_ref"] == "setpoint"


def test_a_slip_is_told_with_line_and_column(tmp_path):
    path = tmp_path / "sexs.toml"
    path.write_text(EXAMPLE.replace("K y - E", "K y - (E"))
    told = _check(path)
    assert told.returncode == 1
    assert told.stderr.startswith("bos: line 3, column 33 of the equation: ')' is expected")
    assert told.stderr.count("\n") == 1


def test_a_file_that_is_none_is_one_sentence(tmp_path):
    told = _check(tmp_path / "nothing.toml")
    assert told.returncode == 1
    assert "nothing.toml cannot be read" in told.stderr
    assert told.stderr.count("\n") == 1


def test_official_models_are_listed_and_checked_by_name():
    command = [sys.executable, "-m", "console.main", "models", "list", "--json"]
    listed = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert {"GENTWO", "IEEET1", "TGOV1"} <= {row["model"] for row in listed}
    assert _check(Path("TGOV1")).returncode == 0
    told = _check(Path("TGOV2"))
    assert told.returncode == 1
    assert "model 'TGOV2' is unknown" in told.stderr
