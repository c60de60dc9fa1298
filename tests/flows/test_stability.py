"""The flow of stability-constrained scheduling, as a user runs it."""

import json

import numpy as np
import pytest
import xarray as xr

from tests.conftest import Home

pytestmark = pytest.mark.slow


def test_the_loop_ends_within_limits_and_is_kept(home: Home):
    rounds = json.loads(
        home.bos("run", "stability-scheduling", "--inertia", "20", "--damping", "1.2", "--json").stdout.splitlines()[-1]
    )
    assert len(rounds) > 1
    assert rounds[-1]["nadir (Hz)"] >= 59.765
    assert rounds[-1]["fall (Hz/s)"] <= 0.175
    deposits = json.loads(home.bos("sets", "--deposits", "--json").stdout)
    mine = next(d for d in deposits if d["grid"] == "case39")
    (path,) = (home.folder / "results" / mine["id"]).rglob("*.h5")
    with xr.open_dataset(path, engine="h5netcdf", phony_dims="sort") as kept:
        assert kept["frequency"].shape[0] == len(rounds)
        assert float(kept["frequency"][-1].min()) == pytest.approx(rounds[-1]["nadir (Hz)"], abs=1e-3)
        assert np.allclose(kept["inertia"].sum(axis=1), [r["M need (s)"] for r in rounds], atol=0.01)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--grid", "case0"], "grid 'case0' is unknown"),
        (["--trip", "5"], "bus 5 of case39 has no unit in service"),
        (["--nadir", "-1"], "nadir -1.0"),
        (["--nadir", "59.999"], "with all the converters can give"),
        (["--engine", "spice"], "engine 'spice'"),
    ],
)
def test_bad_input_is_one_sentence(home: Home, arguments: list[str], why: str):
    done = home.bos("run", "stability-scheduling", *arguments, check=False)
    assert done.returncode == 1
    assert why in done.stderr
    assert "Traceback" not in done.stderr
