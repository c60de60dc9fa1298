"""Files of the IEEE common data format: what is read has the power flow and the limits that their columns state."""

from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import pypowsybl as pp
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bos_core.objects.errors import GridError
from slots.contracts.power_flow import scheduled
from slots.grid.admittance import admittance
from slots.grid.model import Grid
from slots.sources.catalogue import load_source
from tests.slots.cdf_files import cdf_text, draw_cdf
from tests.slots.openloadflow import solved_here
from tests.slots.powsybl_networks import run_openloadflow
from tests.slots.random_matpower import BASE, Drawn, Expected, expected

MANY = settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)


@cache
def _case(seed: int) -> tuple[Drawn, str, list[dict], Expected | None, bool]:
    d, buses, branches, plain = draw_cdf(Random(seed))
    return d, cdf_text(buses, branches), branches, expected(d), plain


def _check(seed: int, folder: Path) -> bool:
    """Draw, write, read, compare; False where the rules find no state."""
    d, text, branches, right, plain = _case(seed)
    if right is None:
        return False
    path = folder / "drawn.txt"
    path.write_text(text)
    g = load_source(str(path)).grid
    _as_stated(d, branches, g, right)
    v = solved_here(g)
    live = right.kind != 4
    assert np.abs(v - right.v)[live].max() < 1e-6
    made = v * np.conj(admittance(g).ybus @ v)
    assert abs(made[live].real.sum() * BASE - right.loss) < 1e-4
    assert abs((made - scheduled(g).injection)[g.slack].real * BASE - right.slack_p) < 1e-4
    if plain:
        _as_openloadflow(path, g, v)
    return True


def _as_openloadflow(path: Path, g: Grid, v: np.ndarray) -> None:
    """PowSyBl reads all of a plain file: its load flow has the same state."""
    network = pp.network.load(str(path))
    buses = network.get_bus_breaker_view_buses(all_attributes=True)
    if run_openloadflow(network, buses.bus_id[f"B{g.buses.number[g.slack]}"]).status_text != "Converged":
        return
    state, kv = network.get_buses(), network.get_voltage_levels().nominal_v
    theirs = np.array([state.v_mag[buses.bus_id[f"B{n}"]] / kv[state.voltage_level_id[buses.bus_id[f"B{n}"]]]
                       * np.exp(1j * np.deg2rad(state.v_angle[buses.bus_id[f"B{n}"]])) for n in g.buses.number])  # fmt: skip
    turn = theirs[g.slack] / v[g.slack]
    assert np.abs(v * turn - theirs).max() < 1e-6


def _as_stated(d: Drawn, branches: list[dict], g: Grid, right: Expected) -> None:
    np.testing.assert_array_equal(g.buses.kind, right.kind)
    for name, column in (("vmax", 11), ("vmin", 12), ("area", 6)):
        np.testing.assert_allclose(getattr(g.buses, name), d.bus[:, column])
    for name, column in (("pmax", 8), ("pmin", 9), ("qmax", 3), ("qmin", 4), ("p", 1), ("q", 2)):
        np.testing.assert_allclose(getattr(g.units, name), d.gen[:, column], atol=1e-9)
    br = g.branches
    np.testing.assert_allclose(br.rate, np.where(d.branch[:, 5] > 0, d.branch[:, 5], np.inf))
    np.testing.assert_allclose(br.rate_emergency, np.maximum(br.rate, d.branch[:, 6]))
    for k, r in enumerate(branches):
        taps = (r["low"], r["high"], r["step"]) if r["step"] else (r["ratio"] or 1.0, r["ratio"] or 1.0, 0.0)
        assert (br.tap_low[k], br.tap_high[k], br.tap_step[k]) == pytest.approx(taps)


def compare() -> None:
    """Some random files, read and compared; raises at the first difference."""
    with TemporaryDirectory() as folder:
        assert sum(_check(seed, Path(folder)) for seed in range(60)) > 30


@MANY
@given(seed=st.integers(0, 10**9))
def test_a_random_file_has_the_power_flow_that_its_columns_state(tmp_path_factory, seed):
    assume(_check(seed, tmp_path_factory.getbasetemp()))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("100.0", "     ", "states no base power"),
        ("BUS DATA FOLLOWS", "BUSSES FOLLOW   ", "has no rows of BUS DATA"),
        ("BRANCH DATA FOLLOWS", "BRANCHES FOLLOW    ", "has no rows of BRANCH DATA"),
        ("  3  1.", "  7  1.", "line 3: bus type 7 is none"),
        ("  3  1.", "  3  x.", r"line 3: 'x.\d*' in columns 28 to 33 \(final voltage\) is no number"),
    ],
)
def test_a_broken_file_gets_one_sentence(old, new, sentence, tmp_path):
    seed = next(k for k in range(99) if "  3  1." in _case(k)[1])
    path = tmp_path / "drawn.cdf"
    path.write_text(_case(seed)[1].replace(old, new, 1))
    with pytest.raises(GridError, match=sentence) as caught:
        load_source(str(path))
    assert "\n" not in str(caught.value)


def test_what_the_plan_does_not_use_is_told(tmp_path):
    d, text, branches, *_ = next(c for c in map(_case, range(99)) if any(r["type"] == 4 for r in c[2]))
    path = tmp_path / "x.dat"  # told apart by what it holds
    path.write_text(text)
    reading = load_source(str(path)).grid.reading
    told = {x.kind: x.count for x in reading.left_out}
    assert told["interchange target of an area"] == 1
    assert told["loss zone"] == 1
    assert told["control of active power by a tap"] == sum(r["type"] == 4 for r in branches)
    assert reading.read["bus"] == len(d.bus)
