"""Exchange formats: every file gives the voltages of PowSyBl's own power flow, another code base, and survives a round trip.

PowSyBl reads the tables, but the way from ohms and tap positions to an admittance matrix is ours; its OpenLoadFlow
is the independent check: every bus, and both ends of every branch.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pypowsybl as pp
import pytest

from bos_core.objects.errors import GridError
from slots.grid.admittance import admittance
from slots.grid.model import Grid
from slots.sources.catalogue import load_source
from slots.sources.exchange import reader
from slots.sources.exchange.shipped import shipped_names
from slots.sources.exchange.writer import write_exchange
from slots.sources.listed import listed_grids
from tests.slots.openloadflow import differences, solved_here

SITUATIONS = Path(__file__).parent / "situations"
MADE_BY_POWSYBL = (
    "ieee9", "ieee14", "ieee57", "ieee118", "ieee300",
    "micro_grid_be_network",  # three windings, boundary lines, phase shifter, shunt with conductance
    "micro_grid_nl_network",
    "four_substations_node_breaker_network",  # DC links, static var compensator
    "eurostag_tutorial_example1_network",
    "eurostag_tutorial_example1_with_tie_lines_and_areas",
    "metrix_tutorial_six_buses_network",
)  # fmt: skip


def _same_power_flow(network, g: Grid) -> None:
    dv, ds = differences(network, g)
    assert dv < 1e-8
    assert ds < 1e-4


@pytest.mark.parametrize("name", MADE_BY_POWSYBL)
def test_voltages_equal_those_of_another_code_base(name):
    network = getattr(pp.network, f"create_{name}")()
    _same_power_flow(network, reader.grid_of_network(network, name, "test"))


def test_a_compensator_that_keeps_reactive_power_takes_it_with_the_right_sign():
    network = pp.network.create_four_substations_node_breaker_network()
    network.update_static_var_compensators(id=["SVC"], target_q=[50.0])
    network.update_static_var_compensators(id=["SVC"], regulation_mode=["REACTIVE_POWER"])
    _same_power_flow(network, reader.grid_of_network(network, "x", "test"))


def test_a_powerfactory_file_is_read():
    path = Path(__file__).parent / "two_buses.dgs"
    g = load_source(str(path)).grid
    assert (g.n_bus, g.branches.name.tolist(), g.units.name.tolist()) == (2, ["L1"], ["G1"])
    ohm = complex(0.1, 0.4) * 10  # per km, 10 km
    np.testing.assert_allclose(g.branches.r + 1j * g.branches.x, ohm / (110**2 / 100), rtol=1e-12)
    assert (g.buses.pd.sum(), g.buses.qd.sum()) == (30.0, 10.0)
    _same_power_flow(pp.network.load(str(path)), g)


@pytest.mark.parametrize("suffix", [".zip", ".xiidm", ".raw"])
@pytest.mark.parametrize("case", ["case14", "case118", "case300", "case_RTS_GMLC"])
def test_a_grid_survives_being_written_and_read(case, suffix, tmp_path):
    before = load_source(case).grid
    write_exchange(before, tmp_path / f"x{suffix}")
    assert [p.name for p in tmp_path.iterdir()] == [f"x{suffix}"]
    after = load_source(str(tmp_path / f"x{suffix}")).grid
    bus = _matching(before, after, by_name=suffix != ".raw")
    ybus = [admittance(g).ybus.toarray() for g in (before, after)]
    assert np.abs(ybus[0] - ybus[1][np.ix_(bus, bus)]).max() < 1e-12 * np.abs(ybus[0]).max()
    for column in ("pd", "qd", *(("vmin", "vmax") if suffix != ".raw" else ())):
        np.testing.assert_allclose(getattr(after.buses, column)[bus], getattr(before.buses, column), atol=1e-9)
    assert after.slack == bus[before.slack] or suffix == ".zip"  # CGMES need not name one
    if suffix == ".raw":  # PSS/E has names of its own for branches and units
        assert sorted(_rates(after)) == pytest.approx(sorted(_rates(before)), rel=1e-6)
        return
    on, units = before.branches.in_service, before.units.in_service
    branch = [after.branches.name.tolist().index(n) for n in before.branches.name[on]]
    unit = [after.units.name.tolist().index(n) for n in before.units.name[units]]
    for column in ("rate", "rate_emergency", "tap"):
        np.testing.assert_allclose(
            getattr(after.branches, column)[branch], getattr(before.branches, column)[on], rtol=1e-9
        )
    for column in ("p", "pmax", "qmin", "qmax"):
        np.testing.assert_allclose(getattr(after.units, column)[unit], getattr(before.units, column)[units], rtol=1e-9)
    holds = units & (before.units.qmax > before.units.qmin)  # others take the set point of their bus
    unit = [after.units.name.tolist().index(n) for n in before.units.name[holds]]
    np.testing.assert_allclose(after.units.vset[unit], before.units.vset[holds], rtol=1e-9)
    assert after.dc_links.name.tolist() == before.dc_links.name.tolist()


@pytest.mark.parametrize("suffix", [".zip", ".xiidm", ".raw"])
def test_shunts_stay_with_their_branches_and_what_is_out_stays_out(suffix, tmp_path):
    """An asymmetric, conducting line and transformer; a line and a unit out of service, which the report names."""
    before = load_source("case14").grid
    br, n = before.branches, len(before.branches)
    on = np.arange(n) != 3
    g, wound = np.linspace(0, 0.02, n), (br.tap != 1) | (br.shift != 0)
    far = np.where(wound, 0.0, 1.0)  # a transformer has its shunt at one end
    shunts = {"g_f": g, "b_f": -g - br.b / 2 * (1 - far), "g_t": 2 * g * far, "b_t": g * far - br.b / 2 * (1 - far)}
    running = np.arange(len(before.units)) != 2
    before = before.replace(
        branches=replace(br, in_service=on, **shunts), units=replace(before.units, in_service=running)
    )
    write_exchange(before, tmp_path / f"x{suffix}")
    after = load_source(str(tmp_path / f"x{suffix}")).grid
    bus = _matching(before, after, by_name=suffix != ".raw")
    ybus = [admittance(x).ybus.toarray() for x in (before, after)]
    assert np.abs(ybus[0] - ybus[1][np.ix_(bus, bus)]).max() < 1e-10 * np.abs(ybus[0]).max()
    out = {x.kind: x for x in after.reading.left_out if x.kind in ("line", "generator")}
    assert (out["line"].count, out["generator"].count) == (1, 1)
    if suffix == ".xiidm":  # others know no uneven lines, or call elements otherwise
        assert (out["line"].names, out["generator"].names) == ((br.name[3],), (before.units.name[2],))
        at = [after.branches.name.tolist().index(k) for k in br.name[on]]
        for column, stated in shunts.items():
            whole = getattr(after.branches, column)[at] + (after.branches.b[at] / 2 if column[0] == "b" else 0)
            np.testing.assert_allclose(whole, stated[on] + (br.b[on] / 2 if column[0] == "b" else 0), atol=1e-12)


def test_an_impedance_that_differs_by_end_is_refused(tmp_path):
    g = load_source("case14").grid
    odd = g.replace(branches=replace(g.branches, r_asym=np.full(len(g.branches), 0.01)))
    with pytest.raises(GridError, match="another impedance from each end"):
        write_exchange(odd, tmp_path / "x.xiidm")


def _matching(before: Grid, after: Grid, by_name: bool):
    """For each bus its position after the trip: by name, or by its number where names are cut short."""
    if by_name:
        return [after.buses.name.tolist().index(n) for n in before.buses.name]
    numbers = [int(n.split()[0]) for n in after.buses.name]
    return [numbers.index(n) for n in before.buses.number]


def _rates(g: Grid):
    return g.branches.rate[g.branches.in_service & np.isfinite(g.branches.rate)]


def test_ucte_keeps_the_state_to_its_six_digits(tmp_path):
    """The format renames everything and knows eight nominal voltages only; the solved state in kV identifies it."""
    before = load_source("case9").grid
    write_exchange(before, tmp_path / "x.uct")
    after = load_source(str(tmp_path / "x.uct")).grid
    _same_power_flow(pp.network.load(str(tmp_path / "x.uct")), after)
    kv = [sorted(np.abs(solved_here(g)) * g.buses.kv) for g in (before, after)]
    np.testing.assert_allclose(kv[1], kv[0], rtol=1e-4)


def test_a_folder_of_cgmes_files_is_read(tmp_path):
    network = pp.network.create_ieee14()
    network.save(str(tmp_path / "ieee14"), format="CGMES")
    assert len(list(tmp_path.glob("*.xml"))) == 4
    g = load_source(str(tmp_path)).grid
    assert (g.n_bus, len(g.branches), len(g.units)) == (14, 20, 5)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.uct", "nothing", "cannot be read"),
        ("x.zip", "nothing", "cannot be read"),
        ("no.raw", None, "does not exist"),
    ],
)
def test_a_bad_file_gets_one_sentence(name, content, sentence, tmp_path):
    if content:
        (tmp_path / name).write_text(content)
    with pytest.raises(GridError, match=sentence) as caught:
        load_source(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_what_a_format_has_no_place_for_is_refused(tmp_path):
    with pytest.raises(GridError, match="cannot be written as UCTE"):
        write_exchange(load_source("case14").grid, tmp_path / "x.uct")  # it has a shunt
    assert not list(tmp_path.iterdir())


def test_networks_that_powsybl_brings_are_listed_as_they_are():
    listed = {g.grid.removeprefix("powsybl:"): g for g in listed_grids() if g.grid.startswith("powsybl:")}
    assert sorted(listed) == shipped_names()
    for name, sizes in listed.items():
        if not sizes.buses:
            with pytest.raises(GridError, match=r"no generator in its main area"):
                load_source(f"powsybl:{name}")
            continue
        g = load_source(f"powsybl:{name}").grid
        assert (sizes.buses, sizes.branches, sizes.units) == (g.n_bus, len(g.branches), len(g.units))


@pytest.mark.parametrize(
    ("name", "right"),
    [("fixedq", {"B3": 1.0322}), ("openend", {"B2": 1.0438, "B3": 1.0681}), ("zeroL", {"B3": 1.0228})],
)
def test_situations_have_their_right_voltages(name, right):
    """A unit that holds no voltage; a line open at one end; a line without impedance beside a charged one."""
    path = SITUATIONS / f"{name}.xiidm"
    g = load_source(str(path)).grid
    v = dict(zip(g.buses.name.tolist(), np.abs(solved_here(g)), strict=True))
    for bus, p_u in right.items():
        assert v[bus] == pytest.approx(p_u, abs=5e-5)


def test_shunts_of_a_line_without_impedance_stay():
    """As they do where its impedance is small instead; OpenLoadFlow alone would drop them."""
    network = pp.network.load(str(SITUATIONS / "zeroL.xiidm"))
    joined = network.get_lines().query("x == 0").index[0]
    for x in (0.0, 0.05):
        network.update_lines(id=joined, x=x, b1=4e-4, b2=3e-4, g1=1e-5)
        if x == 0.0:
            g = reader.grid_of_network(network, "x", "test")
    here = np.abs(solved_here(g))
    there = np.abs(solved_here(reader.grid_of_network(network, "x", "test")))
    np.testing.assert_allclose(here[[0, 1, 1]], there, atol=2e-4)


_ZIP = '><iidm:zipModel c0p="0.2" c1p="0.3" c2p="0.5" c0q="0.2" c1q="0.3" c2q="0.5"/></iidm:load>'


def test_what_powsybls_tables_hide_is_used_or_named(tmp_path):
    """Fictitious injections at a bus are loads; a load that depends on voltage is named and taken as constant power."""
    text = (SITUATIONS / "fixedq.xiidm").read_text()
    ends = text.index("/>", text.index('<iidm:load id="D3"'))
    text = text[:ends] + _ZIP + text[ends + 2 :]
    path = tmp_path / "x.xiidm"
    path.write_text(text.replace('<iidm:bus id="B3"/>', '<iidm:bus id="B3" fictitiousP0="7" fictitiousQ0="3"/>'))
    g = load_source(str(path)).grid
    assert g.buses.pd.tolist() == [0, 200, 97]
    assert [x.names for x in g.reading.left_out if x.kind == "voltage model of a load"] == [("D3",)]
    _same_power_flow(pp.network.load(str(path)), g)
