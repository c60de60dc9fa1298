"""pandapower networks: situations of public bug reports, random networks, what is refused, export and back."""

import json
from pathlib import Path

import numpy as np
import pandapower as pp
import pytest
from hypothesis import HealthCheck, Phase, event, example, given, settings
from hypothesis import strategies as st

from bos_core.objects.errors import GridError
from slots.grid.admittance import admittance, branch_flows
from slots.sources.catalogue import load_source
from slots.sources.pandapower_networks.expansion import quiet
from slots.sources.pandapower_networks.export import whole_net
from slots.sources.pandapower_networks.reader import from_net, read_json
from tests.slots.pandapower_draws import drawn
from tests.slots.pandapower_random import check

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
@example(4215008527)  # an external grid with a minimum above 1.5 times the load, and no maximum
def test_random_networks_are_read_as_pandapower_reads_them(seed):
    event("solved" if check(drawn(seed)) else "pandapower has no solution")


def test_most_random_networks_have_a_solution():
    assert sum(check(drawn(seed)) for seed in range(12)) >= 10


@pytest.mark.parametrize("seed", range(8))
def test_an_exported_grid_comes_back_and_is_the_same_in_pandapower(seed, tmp_path):
    grid = from_net(drawn(seed if seed != 2 else 98), "drawn")
    net = whole_net(grid)
    pp.to_json(net, str(tmp_path / "x.json"))
    arrays = read_json(tmp_path / "x.json").to_arrays()
    for name, values in grid.to_arrays().items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(arrays[name], values, rtol=1e-8, atol=1e-8, err_msg=name)
        else:
            np.testing.assert_array_equal(arrays[name], values, err_msg=name)
    pp.runpp(net, calculate_voltage_angles=True, init="dc", numba=False)
    live = grid.live
    assert np.abs(net.res_bus.vm_pu.to_numpy() - grid.buses.vm)[live].max() < 1e-7


def _plain() -> pp.pandapowerNet:
    net = pp.create_empty_network()
    a, b = pp.create_bus(net, 110.0), pp.create_bus(net, 110.0)
    pp.create_ext_grid(net, a)
    pp.create_line_from_parameters(net, a, b, 10.0, 0.06, 0.3, 9.0, 0.5)
    pp.create_load(net, b, 5.0, 1.0)
    return net


def _compensated() -> pp.pandapowerNet:
    net = _plain()
    pp.create_svc(net, 1, 1.0, -10.0, 1.0, 90)
    return net


def _unsupplied() -> pp.pandapowerNet:
    net = _plain()
    net.ext_grid.in_service = False
    return net


def _overloaded() -> pp.pandapowerNet:
    net = _plain()
    net.load.p_mw = 1e5
    return net


def _short() -> pp.pandapowerNet:
    net = _plain()
    net.line.length_km = 0.0
    return net


def _contradictory() -> pp.pandapowerNet:
    net = _plain()
    pp.create_gen(net, 0, 1.0, vm_pu=1.1)
    return net


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (_compensated, r"has a static var compensator \(svc 0\), whose control is not modelled"),
        (_unsupplied, "has no slack"),
        (_overloaded, "does not converge, in pandapower itself"),
        (_short, "line 0 has no impedance"),
        (_contradictory, "at the same bus have different setpoints"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(make, sentence):
    with pytest.raises(GridError, match=sentence) as caught:
        from_net(make(), "given")
    assert "\n" not in str(caught.value)


def test_what_plays_no_part_is_told():
    net = _plain()
    pp.create_line_from_parameters(net, 0, 1, 10.0, 0.06, 0.3, 9.0, 0.5, in_service=False)
    pp.create_load(net, 1, 1.0, controllable=True)
    pp.create_poly_cost(net, 1, "load", 5.0)
    pp.create_poly_cost(net, 0, "ext_grid", 5.0, cq1_eur_per_mvar=1.0)
    pp.create_gen(net, 1, 1.0, slack_weight=2.0)
    pp.create_measurement(net, "v", "bus", 1.0, 0.01, 0)
    net["tariffs"] = net.load.copy()
    reading = from_net(net, "given").reading
    left = {x.kind: x.names for x in reading.left_out}
    assert left["line"] == ("1",)
    assert left["poly_cost"] == ("load 1",)
    assert left["cost of reactive power"] == ("ext_grid 0",)
    assert left["load.controllable"] == ("1",)
    assert left["measurement"] == ("0",)
    assert left["slack_weight"] == ("gen 0",)
    assert left["tariffs"] == ("0", "1")
    told = {x.value for x in reading.filled if x.what == "units.pmax"}
    assert told == {"1.5 times the network's load of 6 MW", "rated power, or twice the output"}
    assert reading.read["line"] == 2


def test_results_in_a_file_are_held_against_the_power_flow():
    net = _plain()
    pp.runpp(net, calculate_voltage_angles=True, numba=False)
    state = from_net(net, "given").reading.solution
    assert state is not None
    assert max(state.dv, state.dangle, abs(state.dloss)) < 1e-9
    net.load.p_mw = 20.0  # the results are of before
    state = from_net(net, "given").reading.solution
    assert state is not None
    assert state.dangle > 0.1


def test_a_simbench_grid_brings_its_year():
    import simbench

    source = load_source("simbench:1-MV-rural--0-sw")
    grid, series = source.grid, source.series
    assert series is not None
    assert (series.hours, series.start.year) == (8784, 2016)
    with quiet():
        net = simbench.get_simbench_net("1-MV-rural--0-sw")
        own = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
    load = own["load", "p_mw"].to_numpy()[4 * 4000 : 4 * 4001].mean(axis=0).sum()
    assert series.load[4000].sum() == pytest.approx(load, rel=1e-9)
    infeed = own["sgen", "p_mw"].to_numpy()[4 * 4000 : 4 * 4001].mean(axis=0).sum()
    assert np.nansum(series.available[4000]) == pytest.approx(infeed, rel=1e-9)
    series.check(grid)
