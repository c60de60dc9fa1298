"""Sources of grids: what they hold, and one clear sentence for each that cannot be used."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bos_core.objects.errors import BosError, GridError, ParameterError, ProfileError
from slots.grid.model import Grid
from slots.sources.catalogue import load_source, matpower_folder
from slots.sources.costs import SEGMENTS, breakpoints, lower_envelope
from slots.suites.states import grid, series

CASE9 = (matpower_folder() / "case9.m").read_text()
BROKEN = {
    "missing matrix": (CASE9.replace("mpc.branch", "mpc.brunch"), "branch missing"),
    "cut off": (CASE9[: CASE9.index("mpc.branch") + 120], "not closed"),
    "not a number": (CASE9.replace("0.0576", "0.0x76"), "'0.0x76' in mpc.branch is not a number"),
    "not a case": ("hello", "not a complete MATPOWER case"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_gives_one_sentence(kind, tmp_path):
    text, expected = BROKEN[kind]
    path = tmp_path / "broken.m"
    path.write_text(text)
    with pytest.raises(GridError, match=expected) as caught:
        load_source(str(path))
    assert str(caught.value).count("\n") == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [("no_such_case", ParameterError), ("/no/such/file.m", GridError), ("pandapower:nothing", ParameterError)],
)
def test_an_unknown_grid_is_named(name, kind):
    with pytest.raises(kind) as caught:
        load_source(name)
    assert name.split(":")[-1] in str(caught.value)


def test_default_grid_is_whole():
    g = grid()
    assert (g.n_bus, len(g.branches), len(g.units)) == (73, 120, 158)
    assert (g.units.source != "").all()
    coal = (g.units.fuel == "coal") & (g.units.pmax == 350)
    assert set(g.units.min_up[coal]) == {24.0}
    assert set(g.units.min_down[coal]) == {48.0}


def test_grid_survives_a_round_trip_through_arrays():
    g = grid()
    again = Grid.from_arrays(g.to_arrays(), g.header())
    assert all(np.array_equal(a, again.to_arrays()[k], equal_nan=a.dtype.kind == "f") for k, a in g.to_arrays().items())


@given(
    st.lists(
        st.tuples(st.floats(0, 100), st.floats(0, 1e4)), min_size=2, max_size=9, unique_by=lambda p: round(p[0], 3)
    )
)
def test_envelope_is_convex_and_nowhere_above(points):
    x, y = (np.array(c) for c in zip(*sorted(points), strict=True))
    ex, ey = lower_envelope(x, y)
    assert (np.interp(x, ex, ey) <= y + 1e-6 * (1 + np.abs(y))).all()
    slope = np.diff(ey) / np.maximum(np.diff(ex), 1e-9)
    assert (np.diff(slope) >= -1e-6 * (1 + np.abs(slope[1:]))).all()


def test_breakpoints_keep_a_convex_curve():
    x, y = breakpoints(np.array([8.0, 12, 16, 20]), np.array([1085.8, 1477.2, 1869.5, 2298.1]), 8.0, 20.0)
    assert len(x) == SEGMENTS + 1
    assert np.interp(14.0, x, y) == pytest.approx(np.interp(14.0, [8, 12, 16, 20], [1085.8, 1477.2, 1869.5, 2298.1]))


def test_a_hole_in_a_profile_is_named():
    s = series()
    load = s.load[:]
    load[17, 3] = np.nan
    from dataclasses import replace

    with pytest.raises(ProfileError, match="hour 17, column 3"):
        replace(s, load=load).check(grid())


def test_series_are_seeded():
    from slots.algorithms.sequence.profiles import profiles
    from slots.contracts.sequence import SequenceRequest, check_sequence

    request = SequenceRequest(grid(), None, 1)
    again = profiles(request)
    check_sequence(request, again)
    assert np.array_equal(again.available, series().available, equal_nan=True)
    other = profiles(SequenceRequest(grid(), None, 2))
    assert not np.array_equal(other.available, again.available, equal_nan=True)


def test_wind_is_correlated_in_space():
    g, s = grid(), series()
    wind = np.flatnonzero(g.units.fuel == "wind")
    area = g.buses.area[g.units.bus[wind]]
    c = np.corrcoef(s.available[:, wind].T)
    same = area[:, None] == area[None, :]
    off = ~np.eye(len(wind), dtype=bool)
    assert c[same & off].mean() > 0.9
    assert 0.1 < c[~same].mean() < c[same & off].mean()


@pytest.mark.parametrize("name", ["case9", "case14", "case39"])
def test_pandapower_networks_keep_their_power_flow(name):
    import pandapower as pp
    import pandapower.networks as networks

    from slots.grid.admittance import admittance
    from slots.grid.newton import newton

    g = load_source(f"pandapower:{name}").grid
    net = getattr(networks, name)()
    pp.runpp(net, calculate_voltage_angles=True, numba=False)
    u, b = g.units, g.buses
    s = -(b.pd + 1j * b.qd)
    np.add.at(s, u.bus, u.p + 1j * u.q)
    vm = b.vm.copy()
    vm[u.bus] = u.vset
    found = newton(admittance(g).ybus, s / g.base_mva, vm * np.exp(1j * b.va), g.slack, np.flatnonzero(b.kind == 2))
    assert found.converged
    assert np.abs(np.abs(found.v) - net.res_bus.vm_pu.to_numpy()[: g.n_bus]).max() < 1e-8


def test_rts_gmlc_folder_needs_its_tables(tmp_path: Path):
    (tmp_path / "SourceData").mkdir()
    (tmp_path / "SourceData" / "bus.csv").write_text("Bus ID\n1\n")
    with pytest.raises(BosError, match=r"gen\.csv"):
        load_source(str(tmp_path))
    with pytest.raises(GridError, match="neither RTS-GMLC"):
        load_source(str(tmp_path.parent))
