"""Random networks: what is read of them has OpenLoadFlow's power flow, branch by branch, and the limits that were drawn."""

from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pypowsybl as pp
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from slots.grid.admittance import admittance
from slots.grid.model import Grid
from slots.grid.reading import ReadingLog
from slots.sources.catalogue import load_source
from slots.sources.exchange.reader import grid_of_network, grid_of_tables, tables_of_network
from slots.sources.exchange.tables import Tables
from tests.slots.openloadflow import differences
from tests.slots.powsybl_networks import Drawn, draw_network
from tests.slots.ucte_files import draw_ucte

VOLTAGE, POWER = 1e-6, 1e-4  # p.u.; MW and MVAr
SUFFIX = {"CGMES": "zip", "MATPOWER": "mat"}
MANY = settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


def _read(network: object) -> tuple[Grid, Tables]:
    """What is read of a network, and the rows that it was put together from."""
    frames, tables = tables_of_network(network, "drawn", ReadingLog("drawn", "test"))
    return grid_of_tables(frames, tables, "drawn", "test"), tables


def _same_power_flow(network: object, g: Grid, tables: Tables | None = None) -> None:
    apart = differences(network, g, tables)
    assume(apart is not None)
    assert apart[0] < VOLTAGE
    assert apart[1] < POWER


def _as_stated(drawn: Drawn, g: Grid) -> None:
    """Ratings of branches and ranges of units; what cannot be used is told."""
    told = {x.kind for x in g.reading.left_out}
    assert drawn.told <= told
    for name, rate in drawn.rates.items():
        at = np.flatnonzero(g.branches.name == name)
        for k in at:
            np.testing.assert_allclose((g.branches.rate[k], g.branches.rate_emergency[k]), rate, rtol=1e-9)
    for name, (pmin, pmax, *q) in drawn.ranges.items():
        for k in np.flatnonzero(g.units.name == name):
            assert g.units.pmax[k] == pmax
            assert g.units.pmin[k] == (0.0 if g.units.kind[k] == "variable" else pmin)
            if q:
                np.testing.assert_allclose((g.units.qmin[k], g.units.qmax[k]), q, rtol=1e-9)


@cache
def _drawn(seed: int) -> Drawn:
    return draw_network(Random(seed))


def compare() -> None:
    """Some random networks, read and compared; raises at the first difference."""
    for seed in range(40):
        drawn = _drawn(seed)
        g = grid_of_network(drawn.network, "drawn", "test")
        _as_stated(drawn, g)
        apart = differences(drawn.network, g)
        assert apart is None or max(apart[0] / VOLTAGE, apart[1] / POWER) < 1


@MANY
@given(seed=st.integers(0, 10**9))
def test_a_random_network_has_openloadflows_power_flow(folder, seed):
    drawn = draw_network(Random(seed))
    path = folder / "drawn.xiidm"
    drawn.network.save(str(path), format="XIIDM")
    network = pp.network.load(str(path))
    g, tables = _read(network)
    _as_stated(drawn, g)
    _same_power_flow(network, g, tables)


@pytest.mark.parametrize("kind", list(SUFFIX))
def test_a_file_is_read_as_its_network(folder, kind):
    path = folder / f"named.{SUFFIX[kind]}"
    for seed in range(3):
        _plain(seed).network.save(str(path), format=kind)
        g = load_source(str(path)).grid
        np.testing.assert_array_equal(
            admittance(g).ybus.toarray(), admittance(_read(pp.network.load(str(path)))[0]).ybus.toarray()
        )


@cache
def _plain(seed: int) -> Drawn:
    """A network that formats with fewer elements can hold, drawn once for all of them."""
    return draw_network(Random(seed), plain=True)


@pytest.mark.parametrize("kind", list(SUFFIX))
@MANY
@given(seed=st.integers(0, 10**9))
def test_so_has_what_another_format_holds_of_it(folder, kind, seed):
    path = folder / f"drawn.{SUFFIX[kind]}"
    try:
        _plain(seed).network.save(str(path), format=kind)
        network = pp.network.load(str(path))
    except pp.PyPowsyblError:
        assume(False)  # the format has no place for something, or PowSyBl cannot read what it wrote
    _same_power_flow(network, *_read(network))


@MANY
@given(seed=st.integers(0, 10**9))
def test_a_random_ucte_file_has_openloadflows_power_flow(folder, seed):
    path = folder / "drawn.uct"
    path.write_text(draw_ucte(Random(seed)))
    network = pp.network.load(str(path))
    _same_power_flow(network, *_read(network))
