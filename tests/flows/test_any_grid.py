"""Small grids of every odd kind through the chain's own steps, in this process, with no option but the grid."""

import uuid
from pathlib import Path

import numpy as np
import pytest

from bos_core.objects.errors import InfeasibleError
from flows.insecure import kinds_left, left_of
from flows.local import LocalRun, plan_locally
from flows.parameters import PlanningParameters
from flows.steps.inputs import network_of
from flows.validate import check_year, year_from
from slots.contracts.adjustment import Limit
from slots.grid.reduction import PLANNED_WHOLE, level_for
from slots.sources.catalogue import load_source

Rows = list[tuple[float, ...]]


def _bus(number: int, kind: int, p: float, q: float, kv: float = 110.0) -> tuple[float, ...]:
    return (number, kind, p, q, 0, 0, 1, 1, 0, kv, 1, 1.1, 0.9)


def _unit(bus: int, most: float, least: float = 0.0) -> tuple[float, ...]:
    return (bus, least, 0, 100, -100, 1, 100, 1, most, least)


def _line(f: int, t: int, rate: float = 0.0) -> tuple[float, ...]:
    return (f, t, 0.01, 0.1, 0.02, rate, rate, rate, 0, 0, 1, -360, 360)


RING: Rows = [_line(1, 2), _line(2, 3), _line(1, 3)]
LOADS: Rows = [_bus(1, 3, 0, 0), _bus(2, 2, 50, 10), _bus(3, 1, 60, 20)]
TWO: Rows = [_unit(1, 100), _unit(2, 100)]
COSTS: Rows = [(2, 0, 0, 2, 20, 0), (2, 0, 0, 2, 30, 0)]

ODD: dict[str, tuple[Rows, Rows, Rows, Rows]] = {
    "no costs": (LOADS, TWO, RING, []),
    "one unit": (LOADS, [_unit(1, 200, 50)], RING, COSTS[:1]),
    "minimum above the load": (LOADS, [_unit(1, 200, 150)], RING, COSTS[:1]),
    "a source at rest": (LOADS, [(1, 0, *_unit(1, 200, 150)[2:])], RING, COSTS[:1]),
    "one bus": ([_bus(1, 3, 50, 10)], [_unit(1, 100)], [], COSTS[:1]),
    "one line": ([_bus(1, 3, 0, 0), _bus(2, 1, 50, 10)], [_unit(1, 100)], [_line(1, 2)], COSTS[:1]),
    "no voltages": ([(*b[:9], 0.0, *b[10:]) for b in LOADS], TWO, RING, COSTS),
    "infeeds as loads": ([_bus(1, 3, 0, 0), _bus(2, 1, -50, 10), _bus(3, 1, 90, 20)], TWO[:1], RING, COSTS[:1]),
    "narrow lines": (LOADS, [_unit(1, 100, 40), _unit(2, 100, 30)], [(*x[:5], 40, 40, 40, *x[8:]) for x in RING], COSTS),
    "short": ([_bus(1, 3, 0, 0), _bus(2, 1, 150, 10), _bus(3, 1, 160, 20)], [_unit(1, 200, 50)], RING, COSTS[:1]),
}  # fmt: skip


def _file(folder: Path, name: str) -> str:
    matrices = zip(("bus", "gen", "branch", "gencost"), ODD[name], strict=True)
    text = "".join(
        f"mpc.{k} = [{'; '.join(' '.join(f'{x:g}' for x in row) for row in rows)}];\n" for k, rows in matrices
    )
    path = folder / "odd.m"
    path.write_text(f"function mpc = odd\nmpc.version = '2';\nmpc.baseMVA = 100;\n{text}")
    return str(path)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOS_HOME", str(tmp_path))
    return tmp_path


def _plan(grid: str, **options: object) -> LocalRun:
    run = plan_locally(PlanningParameters.model_validate({"grid": grid, "hours": 24, **options}), uuid.uuid4().hex)
    check_year(year_from(run.files["equivalence"][0][0], run.read))
    return run


@pytest.mark.parametrize("name", [n for n in ODD if n != "short"])
def test_it_is_planned(home: Path, name: str) -> None:
    run = _plan(_file(home, name))
    assert run.read("apd-check", "shed").sum() == 0.0
    assert run.summed("adjust", "still_insecure") == 0


@pytest.mark.parametrize("name", ["pandapower:case6ww", "case24_ieee_rts", "case_ieee30", "case33bw", "case39"])
def test_public_grids_are_planned(home: Path, name: str) -> None:
    run = _plan(name)
    told = [reason for r in run.receipts["adjust"] for _, reason in r.exceptions if "stays insecure: " in reason]
    assert len(told) == run.summed("adjust", "still_insecure")
    assert all("p.u." in t or "loaded to" in t or "no power flow" in t or "MVAr" in t for t in told)
    left = left_of([path for path, _, _ in run.files["adjust"]])
    assert len({h for h, _ in left}) == len(told)
    kinds = kinds_left(left, network_of(run.files["equivalence"][0][0])[0])
    assert sum(k.cases for k in kinds) == len(left)
    assert all(k.hours <= 24 and k.worst and str(k.why) not in k.worst for k in kinds)
    if name == "case24_ieee_rts":  # the cable to bus 6 alone bears the reactor that is there
        lost = [k for k in kinds if k.limit is Limit.POWER_FLOW]
        assert sum(k.hours for k in lost) == 24
        assert all("after the outage of 6-10 " in k.worst for k in lost)
    radial = [reason for r in run.receipts["n1"] for _, reason in r.exceptions if "cut off load" in reason]
    assert bool(radial) == (name == "case33bw")


def test_a_short_grid_is_told_where_when_and_how_much_and_goes_on_if_asked(home: Path) -> None:
    path = _file(home, "short")
    with pytest.raises(
        InfeasibleError, match=r"in 24 of 24 hours, the first of them hour 0.*at bus 3.*2 .*--allow-shedding"
    ):
        _plan(path)
    run = _plan(path, allow_shedding=True)
    shed, demand = run.read("apd-check", "shed"), run.read("apd-check", "demand")
    assert shed == pytest.approx(np.maximum(demand - 200.0, 0.0), abs=1e-6)


def test_a_grid_is_kept_whole_up_to_what_is_planned_in_minutes() -> None:
    small, large = load_source("case_RTS_GMLC").grid, load_source("case_ACTIVSg2000").grid
    assert level_for(small).kv == 0.0
    level = level_for(large)
    kept = (large.buses.kv >= level.kv) & large.live
    assert 2 <= kept.sum() <= PLANNED_WHOLE
    finer = np.unique(large.buses.kv[large.buses.kv < level.kv]).max()
    assert ((large.buses.kv >= finer) & large.live).sum() > PLANNED_WHOLE
    assert f"{kept.sum()} of 2000 buses" in level.told
    assert level_for(large, 0.0).kv == 0.0
