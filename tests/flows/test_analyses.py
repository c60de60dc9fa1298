"""Studies beside the chain, as a user asks for them: right against another tool or count, wrong input in one sentence."""

import csv
import json
from pathlib import Path

import numpy as np
import pandapower as pp
import pandapower.networks
import pytest

from bos_core.objects.errors import BosError
from bos_core.plump.official import official
from flows.analyses import ANALYSES, analyse
from slots.contracts.state_estimation import MAGNITUDE
from slots.sources.measurements import KINDS
from slots.suites.measured import _measured, _solved
from tests.conftest import Home

OPTIONS = {
    "economic_dispatch": {"hour": 12}, "adequacy": {"outage_rate": 0.06, "seed": 1},
    "representative_days": {"count": 6, "seed": 1}, "maintenance": {"crews": 4, "seed": 1},
    "load_forecast": {"hour": 4000, "hours": 48},
}  # fmt: skip
GRID = {"power_flow": "case30", "loss_allocation": "case30"}
EASY = [p for p in official() if p.slot in ANALYSES and p.slot != "state_estimation"]


@pytest.mark.parametrize("program", EASY, ids=lambda p: f"{p.slot}: {p.name}")
def test_every_program_answers_for_a_grid(program):
    line, rows = analyse(
        program.slot, GRID.get(program.slot, "case_RTS_GMLC"), program.name, {}, **OPTIONS.get(program.slot, {})
    )
    assert line
    assert rows
    assert json.dumps(rows, allow_nan=False)


def test_a_power_flow_is_pandapowers():
    _, rows = analyse("power_flow", "pandapower:case14", "current-injection", {})
    net = pandapower.networks.case14()
    pp.runpp(net, init="flat", tolerance_mva=1e-8)
    assert [r["p.u."] for r in rows] == pytest.approx(net.res_bus.vm_pu.tolist(), abs=1e-4)
    assert [r["degrees"] for r in rows] == pytest.approx(net.res_bus.va_degree.tolist(), abs=0.02)


def _written(path: Path, spoil: int = -1) -> Path:
    grid, v = _solved("case14")
    m = _measured(grid, v, 0.1)
    names = {k: n for n, k in KINDS.items()}
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", "element", "value", "sigma"])
        for k, (kind, at, value, sigma) in enumerate(zip(m.kind, m.at, m.value, m.sigma, strict=True)):
            base = 1.0 if kind == MAGNITUDE else grid.base_mva
            element = grid.buses.number[at] if kind < 3 else grid.branches.name[at]
            writer.writerow([names[int(kind)], element, (value + (1.0 if k == spoil else 0.0)) * base, sigma * base])
    return path


def test_a_gross_error_is_found_by_its_line(tmp_path):
    line, rows = analyse(
        "state_estimation", "case14", "bad-data-removed", {}, measurements=_written(tmp_path / "m.csv", 20)
    )
    assert line.endswith("by line of the file: 22")
    _, v = _solved("case14")
    assert [r["p.u."] for r in rows] == pytest.approx(np.abs(v).tolist(), abs=3e-3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n", "does not begin with kind,element,value,sigma"),
        ("kind,element,value,sigma\nactive,999,1,1\n", "line 2"),
        ("kind,element,value,sigma\npassive,1,1,1\n", "line 2"),
        ("kind,element,value,sigma\nactive,1,x,1\n", "line 2"),
        ("kind,element,value,sigma\nactive,1,1,0\n", "line 2"),
        ("kind,element,value,sigma\nactive,1\n", "line 2"),
        ("kind,element,value,sigma\nactive,1,1,1\n", "has 1 measurements"),
    ],
)
def test_a_wrong_file_of_measurements_is_one_sentence(tmp_path, text, says):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(BosError) as told:
        analyse("state_estimation", "case14", "huber", {}, measurements=tmp_path / "m.csv")
    assert says in str(told.value)


@pytest.mark.parametrize(
    ("slot", "options", "says"),
    [
        ("economic_dispatch", {"hour": 9000}, "hour 9000 is outside the year"),
        ("representative_days", {"count": 0, "seed": 1}, "0 days cannot be chosen"),
        ("load_forecast", {"hour": 3, "hours": 24}, "no forecast of 24 hours from hour 3"),
        ("maintenance", {"crews": 1, "seed": 1}, "no week is left for unit"),
    ],
)
def test_what_cannot_be_is_one_sentence(slot, options, says):
    program = {"economic_dispatch": "merit-order", "representative_days": "k-means", "load_forecast": "last-week",
               "maintenance": "levelled-reserve"}[slot]  # fmt: skip
    with pytest.raises(BosError) as told:
        analyse(slot, "case_RTS_GMLC", program, {}, **options)
    assert says in str(told.value)


def test_a_unit_commitment_case_on_the_command_line(tmp_path):
    """By hand: 60 MW for two hours from the cheap unit that rests: 2 x (400 + 40 x 20) and its warm start."""
    unit = {
        "must_run": 0, "power_output_minimum": 20.0, "power_output_maximum": 100.0, "ramp_up_limit": 100.0,
        "ramp_down_limit": 100.0, "ramp_startup_limit": 100.0, "ramp_shutdown_limit": 100.0, "time_up_minimum": 1,
        "time_down_minimum": 1, "power_output_t0": 0.0, "unit_on_t0": 0, "time_down_t0": 2, "time_up_t0": 0,
        "startup": [{"lag": 1, "cost": 300.0}, {"lag": 4, "cost": 500.0}],
        "piecewise_production": [{"mw": 20.0, "cost": 400.0}, {"mw": 100.0, "cost": 2000.0}], "name": "g",
    }  # fmt: skip
    case = {"time_periods": 2, "demand": [60.0, 60.0], "reserves": [5.0, 5.0], "thermal_generators": {"g": unit},
            "renewable_generators": {}}  # fmt: skip
    path, out = tmp_path / "case.json", tmp_path / "out.json"
    path.write_text(json.dumps(case))
    home = Home(tmp_path)
    told = json.loads(home.bos("analyse", "unit-commitment", str(path), "--json", "--out", str(out)).stdout)
    assert told["cost"] == pytest.approx(2 * (400 + 40 * 20) + 300)
    assert told["gap"] <= 1e-3
    assert told["reading"]["read"] == {"thermal generator": 1}
    assert json.loads(out.read_text())["output (MW)"]["g"] == pytest.approx([60.0, 60.0])
    case["demand"] = [60.0, 600.0]
    path.write_text(json.dumps(case))
    refused = home.bos("analyse", "unit-commitment", str(path), check=False)
    assert refused.returncode == 1
    assert "unit commitment of case.json has no solution" in refused.stderr


def test_on_the_command_line(tmp_path):
    home = Home(tmp_path)
    told = json.loads(
        home.bos("analyse", "adequacy", "--program", "monte-carlo", "--set", "samples=500", "--json").stdout
    )
    assert [r["indicator"] for r in told["rows"]] == ["LOLE", "EENS"]
    assert told["reading"]["source"] == "case_RTS_GMLC"
    assert told["reading"]["read"]["bus"] == 73
    heeded = home.bos("analyse", "power-flow", "case118").stdout
    assert "heed: no branch has a rating: they are never overloaded" in heeded
    for arguments, says in (
        (("power-flow", "nothere"), "grid 'nothere' is unknown"),
        (("power-flow", "--program", "magic"), "algorithm 'magic' is unknown in slot power_flow"),
        (("adequacy", "--program", "monte-carlo", "--set", "samples=5"), "parameter samples = 5 of monte-carlo"),
        (("adequacy", "--set", "samples"), "'samples' sets no parameter"),
        (("state-estimation", "none.csv"), "cannot be read"),
    ):
        refused = home.bos("analyse", *arguments, check=False)
        assert refused.returncode == 1
        assert says in refused.stderr
        assert refused.stderr.count("\n") == 1
