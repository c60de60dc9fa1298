"""`bos models check`: the documentation's own example, and what is wrong in one sentence."""

import json
import os
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


def _models(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "console.main", "models", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "BOS_HOME": str(home)}
    )


def test_a_model_is_submitted_used_changed_and_restored(tmp_path):
    """From a file to a study that names it, without anything restarted; versions stay, and the newest counts."""
    file, study = tmp_path / "avr.toml", tmp_path / "study.toml"
    own = EXAMPLE.replace('"SEXS"', '"MYAVR"', 1)
    file.write_text(own)
    kundur = (ROOT / "slots/dynamics/systems/kundur.toml").read_text()
    study.write_text(kundur.replace('"SEXS"', '"MYAVR"'))
    before = _models(tmp_path, "simulate", str(study))
    assert before.returncode == 1
    assert "model 'MYAVR' is unknown" in before.stderr
    told = _models(tmp_path, "submit", str(file), "--note", "first")
    assert told.returncode == 0, told.stderr
    first = _swing(tmp_path, study)
    file.write_text(own.replace("value = 100.0", "value = 40.0"))
    assert _models(tmp_path, "submit", str(file)).returncode == 0
    assert _swing(tmp_path, study) != first
    versions = json.loads(_models(tmp_path, "history", "MYAVR", "--json").stdout)
    assert [v["note"] for v in versions][-1] == "first"
    rows = json.loads(_models(tmp_path, "list", "--json").stdout)
    assert [r["version"] for r in rows if r["model"] == "MYAVR"] == [versions[0]["version"]]
    assert _models(tmp_path, "restore", "MYAVR", versions[1]["version"]).returncode == 0
    assert _swing(tmp_path, study) == first
    assert _models(tmp_path, "show", "MYAVR").stdout == own
    assert "1 models are whole" in _models(tmp_path, "verify").stdout


def _swing(home: Path, study: Path) -> list[dict[str, str]]:
    told = _models(home, "simulate", str(study), "--seconds", "2", "--json")
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def test_what_does_not_hold_its_contract_is_not_kept(tmp_path):
    """A slip, a sign that makes it unstable, a set point that nothing determines, an official name, an oversize file."""
    own = EXAMPLE.replace('"SEXS"', '"MYAVR"', 1)
    wrong = {
        "K y - (E": ("K y - E", "')' is expected"),
        "- K y - E": ("K y - E", "MYAVR"),
        "K y + 2 E": ("K y - E", "MYAVR"),
        '"SEXS"': ('"MYAVR"', "SEXS is the name of an official model"),
    }
    file = tmp_path / "avr.toml"
    for new, (old, says) in wrong.items():
        file.write_text(own.replace(old, new, 1))
        told = _models(tmp_path, "submit", str(file))
        assert told.returncode == 1, new
        assert says in told.stderr
        assert told.stderr.count("\n") == 1
    file.write_text(own + "#" * 300_000)
    assert "larger than 256 KiB" in _models(tmp_path, "submit", str(file)).stderr
    assert not (tmp_path / "programs").exists()
