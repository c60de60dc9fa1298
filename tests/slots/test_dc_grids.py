"""DC grids in detail: their schedules as links, against OpenLoadFlow's solution of AC and DC together."""

from pathlib import Path
from random import Random

import pypowsybl as pp
import pytest

from bos_core.objects.errors import GridError
from slots.sources.catalogue import load_source
from slots.sources.exchange.reader import grid_of_network
from slots.sources.exchange.shipped import read_shipped
from tests.slots.dc_networks import draw_dc_network
from tests.slots.openloadflow import differences

VOLTAGE, POWER = 1e-6, 1e-4  # p.u.; MW and MVAr


def test_random_dc_grids_have_openloadflows_power_flow():
    compared = 0
    for seed in range(60):
        network = pp.network.load_from_string("drawn.xiidm", draw_dc_network(Random(seed)))
        apart = differences(network, grid_of_network(network, "drawn", "test"))
        if apart is not None:
            compared += 1
            assert apart[0] < VOLTAGE, seed
            assert apart[1] < POWER, seed
    assert compared > 50


def test_the_links_of_a_grid_lose_what_its_lines_and_converters_lose():
    """The converter that holds the voltage takes 51.3462112 MW for the 50 MW given, as OpenLoadFlow finds."""
    g = read_shipped("ac_dc_bipolar")
    assert g.dc_links.p.sum() == pytest.approx(51.3462112, abs=1e-6)
    assert (g.dc_links.p * (1 - g.dc_links.loss1)).sum() == pytest.approx(50.0, abs=1e-9)


def test_a_line_commutated_bipole_is_a_load_of_the_grid_it_leaves():
    """200 MW are given elsewhere at 500 kV less what 5 Ω there and 5 Ω back take: P = 500 I, 200 = (500 - 10 I) I."""
    g = read_shipped("dc_detailed_lcc_bipole_metallic_return")
    kiloamperes = g.buses.pd[g.buses.qd > 0].sum() / 500.0
    assert (500.0 - 10.0 * kiloamperes) * kiloamperes == pytest.approx(200.0, abs=1e-6)
    assert "leaves the main synchronous area" in " ".join(g.reading.warnings)


@pytest.mark.parametrize(("old", "new", "says"), [
    ('controlMode="V_DC"', 'controlMode="P_PCC" targetP="5"', "holds its voltage"),
    ('targetP="-', 'targetP="-9000', "no power flow at the schedules"),
])  # fmt: skip
def test_a_dc_grid_that_cannot_be_is_refused_in_a_sentence(tmp_path: Path, old, new, says):
    text = draw_dc_network(Random(0))
    assert old in text
    (tmp_path / "drawn.xiidm").write_text(text.replace(old, new))
    with pytest.raises(GridError, match=says):
        load_source(str(tmp_path / "drawn.xiidm"))
