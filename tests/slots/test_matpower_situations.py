"""Situations in which MATPOWER files were misread, each with its right value (by hand, or by a power flow written apart)."""

from pathlib import Path

import numpy as np
import pytest

from bos_core.objects.errors import GridError
from slots.algorithms.power_flow.current_injection import current_injection
from slots.algorithms.power_flow.fast_decoupled import fast_decoupled_bx, fast_decoupled_xb
from slots.algorithms.power_flow.gauss_seidel import gauss_seidel
from slots.algorithms.power_flow.holomorphic import holomorphic
from slots.algorithms.power_flow.homotopy import homotopy
from slots.algorithms.power_flow.kept_jacobian import kept_jacobian
from slots.algorithms.power_flow.levenberg_marquardt import levenberg_marquardt
from slots.algorithms.power_flow.newton_polar import newton_polar
from slots.algorithms.power_flow.newton_rectangular import iwamoto, newton_rectangular
from slots.algorithms.snapshot.secured import secured
from slots.contracts.power_flow import PowerFlowRequest, check_power_flow, collapsed, scheduled
from slots.grid.admittance import admittance
from slots.grid.dc import ptdf
from slots.sources.catalogue import load_source

FOLDER = Path(__file__).parent / "situations"
PROGRAMS = [newton_polar, newton_rectangular, iwamoto, fast_decoupled_xb, fast_decoupled_bx, gauss_seidel, holomorphic,
            homotopy, kept_jacobian, levenberg_marquardt, current_injection]  # fmt: skip


def grid_of(name):
    """The grid of a situation."""
    return load_source(str(FOLDER / f"{name}.m")).grid


def loss(grid, v):
    """MW."""
    return float((v * np.conj(admittance(grid).ybus @ v)).real.sum() * grid.base_mva)


def test_the_plain_case_is_right():
    grid = grid_of("plain")
    found = newton_polar(scheduled(grid))
    assert np.abs(found.v).round(4).tolist() == [1.02, 1.0, 1.0]
    assert loss(grid, found.v) == pytest.approx(0.394, abs=5e-4)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_a_bus_behind_150_degrees_is_solved_by_every_program(program):
    request = scheduled(grid_of("sh150"))
    found = program(request)
    assert found.converged
    check_power_flow(request, found)
    assert np.abs(found.v[3]) == pytest.approx(0.9904, abs=5e-5)
    assert np.rad2deg(np.angle(found.v[3])) == pytest.approx(-154.38, abs=5e-3)


def test_the_snapshot_behind_150_degrees_is_solved():
    v = secured(grid_of("sh150")).v
    assert np.abs(v[3]) == pytest.approx(0.9904, abs=2e-4)


@pytest.mark.parametrize(
    "program", [homotopy, levenberg_marquardt, newton_rectangular, current_injection], ids=lambda p: p.__name__
)
def test_a_solution_at_a_thirtieth_of_the_voltage_is_not_called_solved(program):
    given = scheduled(grid_of("sh150"))
    start = np.where(np.arange(4) == 3, 0.03, np.abs(given.v)).astype(complex)  # flat, and near the lower branch
    found = program(PowerFlowRequest(given.grid, given.injection, start, given.held))
    assert not found.converged or np.abs(found.v).min() > 0.9
    if found.reason:
        assert "lower branch" in found.reason


def test_the_lower_branch_is_told():
    grid = grid_of("plain")
    assert collapsed(grid, np.array([1.02, 1.0, 0.99], complex), 0.99) == ""
    assert "bus 2 would be at 0.03 p.u." in collapsed(grid, np.array([1.02, 0.03, 0.99], complex), 0.99)


def test_a_slack_bus_without_a_unit_gives_way():
    grid = grid_of("noslackgen")
    found = newton_polar(scheduled(grid))
    assert grid.buses.number[grid.slack] == 3
    assert np.abs(found.v).round(4).tolist() == [0.9943, 0.987, 1.0]
    assert loss(grid, found.v) == pytest.approx(0.26, abs=5e-3)


def test_code_after_the_matrices_is_carried_out():
    grid = grid_of("edit")
    assert grid.buses.pd.tolist() == pytest.approx([0, 99, 55])
    assert grid.units.pmax.tolist() == [120, 100]
    assert grid.branches.in_service.tolist() == [True, True, False]
    assert grid.reading.read["assignment after the matrices"] == 4


def test_block_comments_are_comments():
    assert grid_of("block").buses.pd.tolist() == [0, 60, 50]


def test_continued_and_short_rows_are_read():
    units = grid_of("cont").units
    assert np.interp(50, units.cost_mw[0], units.cost_usd[0]) == pytest.approx(1000)
    assert np.interp(100, units.cost_mw[1], units.cost_usd[1]) == pytest.approx(0.02 * 100**2 + 40 * 100)


def test_a_ramp_in_half_an_hour_is_a_ramp():
    assert grid_of("ramp30").units.ramp[0] == 10


def test_load_at_an_isolated_bus_is_counted_nowhere():
    grid = grid_of("isol")
    assert grid.buses.pd.sum() == grid_of("plain").buses.pd.sum() == 110
    assert any(w.startswith("100 MW of load at bus 4, isolated") for w in grid.reading.warnings)


def written(folder, *changes):
    """The grid of the plain case with texts replaced."""
    text = (FOLDER / "plain.m").read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "changed.m"
    path.write_text(text)
    return load_source(str(path)).grid


def test_a_branch_without_impedance_joins_its_buses(tmp_path):
    grid = written(tmp_path, ("1 3 0.01 0.1 0.02", "1 3 0 0 0"), ("1.00 100 1 100", "1.02 100 1 100"))
    v = newton_polar(scheduled(grid)).v
    assert abs(v[0] - v[2]) < 1e-5
    assert any(f.what == "branches.x" and f.count == 1 for f in grid.reading.filled)


def test_a_resistance_alone_is_no_hole_in_the_dc_model(tmp_path):
    grid = written(tmp_path, ("2 3 0.01 0.1 0.02", "2 3 0.01 0 0"))
    factors = ptdf(grid)
    assert np.isfinite(factors).all()
    assert np.abs(factors[[0, 2]].sum(axis=0)[1:]).round(9).tolist() == [1, 1]  # what bus 2 or 3 gives ends at bus 1


def test_units_without_stated_limits_get_twice_their_output(tmp_path):
    grid = written(tmp_path, ("1.02 100 1 200 20", "1.02 100 1 Inf -Inf"))
    assert (grid.units.pmin[0], grid.units.pmax[0]) == (0, 160)


def test_a_stated_start_of_0_costs_0_and_without_costs_a_class_speaks(tmp_path):
    assert grid_of("plain").units.start_cost.tolist() == [0, 0]
    bare = written(tmp_path, ("mpc.gencost", "mpc.oldcost"))
    assert (bare.units.start_cost > 0).all()
    assert any(f.what == "units.start_cost" for f in bare.reading.filled)
    assert any(x.kind == "oldcost" for x in bare.reading.left_out)


def test_a_cost_that_is_not_convex_is_told_with_its_gap(tmp_path):
    grid = written(
        tmp_path,
        ("2 0 0 3 0.01 20 0;", "1 0 0 3 20 100 100 2100 200 3100;"),
        ("2 0 0 3 0.02 40 0;", "2 0 0 3 0.02 40 0 0 0 0;"),
    )
    # the chord from (20, 100) to (200, 3100) is at 1433.3 where 2100 is stated
    told = next(w for w in grid.reading.warnings if "convex" in w)
    assert "666.667 USD/h" in told


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("2 0 0 3 0.01 20 0;", "2 0 0 5 0.01 20 0;", "row 1 of gencost"),
        ("2 0 0 3 0.01 20 0;", "1 0 0 1 50 10 0;", "row 1 of gencost|is no cost"),
        ("1 2 0.01 0.1 0.02", "1 9 0.01 0.1 0.02", "bus 9, which does not exist"),
        ("2 1 60 15", "2 7 60 15", "bus 2 has the type 7"),
        ("2 1 60 15", "1 1 60 15", "two buses with the same number"),
        ("1 2 0.01 0.1 0.02 150", "1 2 0.01 0.1 0.02 -5", "negative rating"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(old, new, sentence, tmp_path):
    with pytest.raises(GridError, match=sentence):
        written(tmp_path, (old, new))
