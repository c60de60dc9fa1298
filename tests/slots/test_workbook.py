"""Workbooks of ANDES and AMS: the power flow of what is read is that of the format's equations, and nothing is dropped in silence."""

import os
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bos_core.objects.errors import GridError
from slots.dynamics.andes_bridge import VARIABLE
from slots.grid.model import Grid
from slots.sources.catalogue import load_source
from tests.slots.openloadflow import solved_here
from tests.slots.workbooks import Sheets, draw_workbook, solve_apart, solve_in_andes, write

SITUATIONS = Path(__file__).parent / "situations"
in_andes = pytest.mark.skipif(VARIABLE not in os.environ, reason=f"no ANDES: {VARIABLE} is not set")
MANY = settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workbooks")


def _apart(sheets: Sheets, g: Grid, right: dict[str, complex]) -> float:
    """Largest difference of a voltage (p.u.) at the buses of the grid, angles from the slack's."""
    v = solved_here(g)
    turn = np.exp(1j * (np.angle(right["B0"]) - np.angle(v[g.slack])))
    order = [r["idx"] for r in sheets["Bus"]]
    return max(abs(v[k] * turn - right[idx]) for k, idx in enumerate(order) if g.live[k])


def _as_stated(sheets: Sheets, g: Grid) -> None:
    for r in sheets["PV"]:
        k = g.units.name.tolist().index(r["idx"])
        for ours, theirs in (("pmax", "pmax"), ("pmin", "pmin"), ("qmax", "qmax"), ("qmin", "qmin")):
            if theirs in r:
                assert getattr(g.units, ours)[k] == pytest.approx(100 * r[theirs], rel=1e-12)
    for r in sheets["Line"]:
        assert g.branches.rate[g.branches.name.tolist().index(r["idx"])] == pytest.approx(100 * r["rate_a"])


@cache
def _solved(seed: int) -> tuple[Sheets, dict[str, complex]]:
    sheets = draw_workbook(Random(seed))
    return sheets, solve_apart(sheets)


def compare() -> None:
    """Some random workbooks, read and compared; raises at the first difference."""
    with TemporaryDirectory() as folder:
        for seed in range(15):
            sheets, right = _solved(seed)
            g = load_source(str(write(sheets, Path(folder) / "drawn.xlsx"))).grid
            assert not right or _apart(sheets, g, right) < 1e-6
            _as_stated(sheets, g)


@MANY
@given(seed=st.integers(0, 10**9))
def test_a_random_workbook_has_the_formats_power_flow(folder, seed):
    sheets = draw_workbook(Random(seed))
    right = solve_apart(sheets)
    assume(right)
    g = load_source(str(write(sheets, folder / "drawn.xlsx"))).grid
    assert _apart(sheets, g, right) < 1e-6
    _as_stated(sheets, g)


@in_andes
def test_so_it_is_in_andes(folder):
    drawn = {folder / f"{k}.xlsx": draw_workbook(Random(k), even=True) for k in range(100)}
    solved = solve_in_andes([write(sheets, path) for path, sheets in drawn.items()], VARIABLE)
    assert len(solved) > 90
    worst = [_apart(drawn[Path(p)], load_source(p).grid, right) for p, right in solved.items()]
    assert max(worst) < 1e-6


def test_a_switched_shunt_counts():
    g = load_source(str(SITUATIONS / "x_shuntsw.xlsx")).grid
    assert abs(solved_here(g)[1]) == pytest.approx(1.0153, abs=5e-5)
    assert (g.buses.bs_low[1], g.buses.bs_high[1], g.buses.bs_step[1]) == pytest.approx((0.0, 30.0, 10.0))


def _plain() -> Sheets:
    return draw_workbook(Random(1)) | {"Jumper": []}


def test_every_sheet_and_column_that_plays_no_part_is_named(tmp_path):
    sheets = _plain() | {"GENROU": [{"idx": "GR", "gen": "G0"}], "EDSlot": [{"idx": "h1"}], "Novelty": [{"idx": 3}]}
    sheets["PQ"][0] |= {"colour": "red"}
    told = {x.kind: x for x in load_source(str(write(sheets, tmp_path / "x.xlsx"))).grid.reading.left_out}
    assert told["GENROU"].names == ("GR",)
    assert "dynamics" in told["GENROU"].why
    assert "studies" in told["EDSlot"].why
    assert told["Novelty"].names == ("3",)
    assert told["column of PQ"].names == ("colour",)


def test_plan_data_of_ams_are_as_stated(tmp_path):
    sheets = _plain()
    sheets["PV"] = sheets["PV"][:1]
    sheets["PV"][0] |= {"u": 1, "td1": 3, "td2": 2.5, "R30": 0.4, "R10": 0.1, "uf": 1}
    sheets["GCost"] = [{"idx": "C", "gen": "G0", "type": 2, "csu": 500, "csd": 40, "c2": 2.0, "c1": 900.0, "c0": 5.0}]
    sheets["ESD1"] = [
        {"idx": "E", "gen": "S", "En": 1.0, "SOCmin": 0.1, "SOCmax": 0.9, "SOCinit": 0.5, "EtaC": 0.9, "EtaD": 0.8}
    ]
    g = load_source(str(write(sheets, tmp_path / "x.xlsx"))).grid
    unit, store = (g.units.name.tolist().index(n) for n in ("G0", "S"))
    u = g.units
    assert (u.min_up[unit], u.min_down[unit], u.ramp[unit], u.must_run[unit]) == (3, 3, 40, True)
    assert u.ramp_10min[unit] == 10
    slope = np.diff(u.cost_usd[unit]) / np.diff(u.cost_mw[unit])
    assert slope[0] == pytest.approx(9.0, rel=0.1)
    assert u.start_cost[unit] == 500
    assert (u.kind[store], u.energy_max[store], u.energy_initial[store]) == ("storage", 80, 40)
    assert u.efficiency[store] == pytest.approx(0.72)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda s: s["PQ"].append({"idx": "bad", "bus": "nowhere", "p0": 1}), "bus nowhere, which does not exist"),
        (lambda s: s["Bus"].append(s["Bus"][0]), "two buses with idx B0"),
        (lambda s: s["PQ"].append({"idx": "bad", "bus": "B1", "p0": "much"}), "holds 'much', which is no number"),
        (lambda s: s.update(VSCShunt=[{"idx": "V", "u": 1}]), "not planned here: VSCShunt"),
        (lambda s: s.update(GCost=[{"idx": "c", "gen": "G0", "type": 1}]), "not of type 2"),
        (lambda s: s.update(PV=[{"idx": "g"}]), "lacks the column bus"),
        (lambda s: s["ShuntSw"].append({"idx": "w", "bus": "B1", "bs": "[a]", "ns": "[1]"}), "no list of numbers"),
    ],
)
def test_a_broken_workbook_gets_one_sentence(spoil, sentence, tmp_path):
    sheets = _plain()
    spoil(sheets)
    with pytest.raises(GridError, match=sentence) as caught:
        load_source(str(write(sheets, tmp_path / "x.xlsx")))
    assert "\n" not in str(caught.value)
