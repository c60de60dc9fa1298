"""pandapower networks: situations of public bug reports, random networks, what is refused, export and back."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from slots.grid.admittance import admittance, branch_flows
from slots.sources.catalogue import load_source
from slots.sources.pandapower_networks.reader import read_json
from tests.slots.pandapower_random import check, drawn

HERE = Path(__file__).parent / "situations"


def _losses(grid) -> float:
    sf, st_ = branch_flows(grid, admittance(grid), grid.buses.vm * np.exp(1j * grid.buses.va))
    return float((sf + st_).real.sum() * grid.base_mva)


@pytest.mark.parametrize(
    ("name", "losses"), [("dead_bus", 0.944), ("line_off", 2.463), ("xward", 1.062), ("line_g", 23.20)]
)
def test_losses_of_situations(name, losses):
    assert _losses(read_json(HERE / f"{name}.json")) == pytest.approx(losses, abs=6e-4 if name != "line_g" else 6e-3)


@pytest.mark.parametrize(
    ("name", "voltages"),
    [("line_g", {1: 0.99641}), ("impedance_asym", {1: 1.00068, 2: 1.0053}), ("std25", {3: 0.97885})],
)
def test_voltages_of_situations(name, voltages):
    from slots.algorithms.power_flow.newton_polar import newton_polar
    from slots.contracts.power_flow import PowerFlowRequest

    grid = read_json(HERE / f"{name}.json")
    u, v = grid.units, grid.buses.vm * np.exp(1j * grid.buses.va)
    s = -(grid.buses.pd + 1j * grid.buses.qd)
    np.add.at(s, u.bus, u.p + 1j * u.q)
    found = newton_polar(PowerFlowRequest(grid, s / grid.base_mva, v, np.flatnonzero(grid.buses.kind == 2)))
    assert found.converged
    for bus, magnitude in voltages.items():
        assert abs(found.v[bus]) == pytest.approx(magnitude, abs=6e-6)


def test_limits_of_external_grids_are_those_stated():
    grid = read_json(HERE / "ext_limits.json")
    stated = json.loads((HERE / "ext_limits.json").read_text())["_object"]["ext_grid"]["_object"]
    table = json.loads(stated)
    (row,) = (dict(zip(table["columns"], r, strict=True)) for r in table["data"])
    limits = [getattr(grid.units, c)[0] for c in ("pmin", "pmax", "qmin", "qmax")]
    assert (
        limits
        == [row["min_p_mw"], row["max_p_mw"], row["min_q_mvar"], row["max_q_mvar"]]
        == [0.0, 300.0, -200.0, 200.0]
    )


@pytest.mark.parametrize(("name", "most"), [("case9", 250.0), ("case14", 332.4), ("case39", 646.0), ("case118", 805.2)])
def test_limits_of_shipped_external_grids(name, most):
    grid = load_source(f"pandapower:{name}").grid
    assert grid.units.pmax[grid.units.technology == "external grid"] == pytest.approx([most])


@pytest.mark.parametrize(
    ("name", "ratings"), [("line_df", [45.726] * 3), ("trafo3w", [114.315] * 3 + [63.0, 25.0, 38.0])]
)
def test_ratings_of_situations(name, ratings):
    assert read_json(HERE / f"{name}.json").branches.rate == pytest.approx(ratings, abs=1e-3)


@settings(
    max_examples=300,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.integers(0, 2**32 - 1))
def test_random_networks_are_read_as_pandapower_reads_them(seed):
    event("solved" if check(drawn(seed)) else "pandapower has no solution")


def test_most_random_networks_have_a_solution():
    assert sum(check(drawn(seed)) for seed in range(12)) >= 10
