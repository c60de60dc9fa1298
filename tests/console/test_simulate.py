"""`bos models simulate`: figures, files and pictures; what is wrong in one sentence, nothing left behind."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def _simulate(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "console.main", "models", "simulate", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def test_a_study_is_told_kept_and_drawn(tmp_path):
    out, picture = tmp_path / "k.h5", tmp_path / "k.svg"
    told = _simulate("kundur", "--seconds", "3", "--json", "--out", str(out), "--picture", str(picture))
    assert told.returncode == 0, told.stderr
    figures = {row["figure"]: row["value"] for row in json.loads(told.stdout)}
    assert figures["stable"] == "yes"
    assert "at bus 8," in figures["lowest voltage"]
    with h5py.File(out) as file:
        t, angle, vm = file["time"][()], file["G4.delta"][()] - file["G1.delta"][()], file["vm"][()]
        assert file.attrs["study"] == "Kundur two-area"
    assert t[-1] == pytest.approx(3.0)
    assert len(t) == len(angle) == len(vm)
    assert np.rad2deg(np.abs(angle)).max() == pytest.approx(40.0, abs=1.0)
    assert picture.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("options", "says"),
    [(["nothing.toml"], "study nothing.toml cannot be read"), (["kundur", "--step", "0"], "in steps of 0 s cannot be"),
     (["kundur", "--step", "1e-9"], "cannot be"), (["kundur", "--seconds", "0.1", "--picture", "/no/such/x.svg"], "x.svg cannot be written"),
     (["kundur", "--seconds", "0.1", "--out", "/proc/x.h5"], "x.h5")],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(options, says):
    told = _simulate(*options)
    assert told.returncode == 1
    assert says in told.stderr
    assert told.stderr.count("\n") == 1
