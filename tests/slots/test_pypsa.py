"""PyPSA networks are read as PyPSA itself reads them; what cannot be read is refused in one sentence."""

import numpy as np
import pandas as pd
import pytest

from bos_core.objects.errors import GridError
from slots.sources.catalogue import load_source
from slots.sources.pypsa.branches import _shipped
from slots.sources.pypsa.file import DEFAULTS
from slots.sources.pypsa.reader import read_pypsa
from tests.slots.pypsa_networks import compare, draw, write

SEEDS = range(300)
TRANSFORMER = ("s_nom", "vsc", "vscr", "pfe", "i0", "phase_shift", "tap_side", "tap_neutral", "tap_step")
pytest.importorskip("pypsa")


@pytest.mark.parametrize("part", range(5))
def test_random_networks_are_read_as_pypsa_reads_them(part):
    compare(SEEDS[part::5])


@pytest.fixture
def folder(tmp_path):
    """A network in CSV files."""
    return write(draw(3), tmp_path, csv=True)


@pytest.mark.parametrize("kind", ["line_types", "transformer_types"])
def test_standard_types_are_pypsas(kind):
    import pypsa

    table = pypsa.Network().static({"line_types": "LineType", "transformer_types": "TransformerType"}[kind])
    for name, row in table[table.f_nom > 0].iterrows():
        ours = _shipped(kind, name)
        for column in ("r_per_length", "x_per_length", "c_per_length") if kind == "line_types" else TRANSFORMER:
            assert float(ours[column]) == float(row[column]), f"{name}: {column}"


def test_both_layouts_say_the_same(tmp_path):
    n = draw(3)
    one, hours = read_pypsa(write(n, tmp_path, csv=True))
    other, same_hours = read_pypsa(write(n, tmp_path, csv=False))
    for key, values in one.to_arrays().items():
        assert np.array_equal(values, other.to_arrays()[key]), key
    assert np.array_equal(hours.load, same_hours.load)


def test_a_network_is_named_like_any_grid(tmp_path):
    path = write(draw(3), tmp_path, csv=False)
    source = load_source(str(path))
    assert source.series is not None
    assert source.grid.reading.format == "PyPSA network"
    assert source.grid.reading.read["buses"] >= source.grid.n_bus


def test_what_is_left_out_is_told(tmp_path):
    import pypsa

    n = pypsa.Network()
    n.add("Bus", ["a", "b"], v_nom=110)
    n.add("Bus", "heat", carrier="heat")
    n.add("Line", "ab", bus0="a", bus1="b", x=10, v_ang_max=30)
    n.add("Generator", "g", bus="a", p_nom=90, marginal_cost=20, control="Slack")
    n.add("Generator", "shedding", bus="b", carrier="load", p_nom=1e9, marginal_cost=1e4)
    n.add("Load", ["here", "there"], bus=["b", "heat"], p_set=20)
    n.add("Link", "pump", bus0="a", bus1="heat", p_nom=10, efficiency=3)
    n.add("GlobalConstraint", "co2", constant=1)
    grid, series = read_pypsa(write(n, tmp_path, csv=True))
    told = {x.kind: x.names for x in grid.reading.left_out}
    assert told == {"buses": ("heat",), "loads": ("there",), "links": ("pump",), "generators": ("shedding",),
                    "global_constraints": ("co2",), "lines.v_ang_min, v_ang_max": ("ab",)}  # fmt: skip
    assert series is None
    assert any("synthetic" in w for w in grid.reading.warnings)
    assert grid.units.p.tolist() == [20.0], "the only unit gives what the load takes"


@pytest.mark.parametrize(("minutes", "hours"), [(15, 2), (30, 4), (120, 16)])
def test_other_steps_than_hours_become_hours(tmp_path, minutes, hours):
    import pypsa

    n = pypsa.Network(snapshots=pd.date_range("2021-02-01", periods=8, freq=f"{minutes}min"))
    n.add("Bus", "a", v_nom=110)
    n.add("Generator", "g", bus="a", p_nom=90, marginal_cost=20)
    n.add("Load", "l", bus="a", p_set=pd.Series(np.arange(8.0), index=n.snapshots))
    grid, series = read_pypsa(write(n, tmp_path, csv=True))
    energy = series.load.sum()
    assert (series.hours, series.first) == (hours, 31 * 24)
    assert energy == pytest.approx(np.arange(8.0).sum() * minutes / 60), "energy is kept"
    assert any("snapshots every" in w for w in grid.reading.warnings)


BAD = {
    "no buses": (lambda f: (f / "buses.csv").write_text("name\n"), "bus"),
    "not a number": (lambda f: _replace(f / "generators.csv", r"(?m)^(g0,[^,]*,[^,]*,)[^,]*", r"\1many"), "not a number"),
    "two of a name": (lambda f: (f / "loads.csv").write_text("name,bus\nx,b0\nx,b0\n"), "called x"),
    "a hole": (lambda f: (f / "loads-p_set.csv").write_text(",l0\n" + "".join(f"{k},\n" for k in range(5))), "no number"),
    "a series of nothing": (lambda f: (f / "loads-p_set.csv").write_text(",nobody\n0,1\n1,1\n"), "nobody"),
    "no impedance": (lambda f: (f / "lines.csv").write_text("name,bus0,bus1\nx,b0,b1\n"), "no impedance"),
    "an unknown type": (lambda f: (f / "lines.csv").write_text("name,bus0,bus1,type\nx,b0,b1,Wire\n"), "Wire"),
    "a jump in time": (lambda f: (f / "snapshots.csv").write_text(",snapshot\n0,2020-01-01\n1,2020-01-02\n2,2020-01-05\n"), "jump"),
    "no time": (lambda f: (f / "snapshots.csv").write_text(",snapshot\n0,first\n1,second\n"), "timestamps"),
    "not a table": (lambda f: (f / "buses.csv").write_bytes(b"\x00\xff\xfe\x01" * 50), "buses"),
    "a transformer without rating": (lambda f: (f / "transformers.csv").write_text("name,bus0,bus1,x\nx,b0,b1,0.1\n"), "s_nom"),
}  # fmt: skip


def _replace(path, old, new):
    import re

    text = path.read_text()
    assert re.search(old, text)
    path.write_text(re.sub(old, new, text))


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_in_a_sentence(folder, case):
    change, word = BAD[case]
    change(folder)
    with pytest.raises(GridError, match=word):
        read_pypsa(folder)


@pytest.mark.parametrize("content", [b"", b"CDF\x01", b"\x89HDF\r\n\x1a\n" + b"\x00" * 64, b"name,v_nom\n"])
def test_files_that_are_no_netcdf_are_refused(tmp_path, content):
    path = tmp_path / "x.nc"
    path.write_bytes(content)
    with pytest.raises(GridError, match=r"x\.nc"):
        load_source(str(path))


def test_defaults_are_pypsas_own():
    import pypsa

    n = pypsa.Network()
    for kind, attributes in DEFAULTS.items():
        known = n.components[kind].defaults.default
        for attribute, default in attributes.items():
            if attribute in known and attribute != "carrier":
                same = known[attribute] == default or (known[attribute] != known[attribute] and default != default)
                assert same or not str(known[attribute]).strip(), f"{kind}.{attribute}: {known[attribute]}"
