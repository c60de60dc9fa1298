"""Scenario versions out to files and back: nothing that a format can hold is lost."""

from pathlib import Path

import numpy as np
import pytest

from bos_core.index import merging
from bos_core.index.client import Index
from bos_core.index.scenarios import read
from bos_core.objects.errors import OntologyError, ParameterError
from flows.ontology import grid_of_ontology
from flows.portable import export_version, import_version
from slots.grid.admittance import admittance
from slots.grid.model import Grid
from slots.sources.catalogue import load_source

CASES = ("case_RTS_GMLC", "case118", "case300", "pandapower:case39")


@pytest.fixture(scope="module", params=CASES)
def version(request, index: Index) -> int:
    return import_version(index, request.param, request.param)


def _grid(index: Index, version: int) -> Grid:
    return grid_of_ontology(index.call(lambda db: read(db, version)))


def test_a_scenario_file_brings_everything_back(index: Index, version: int, tmp_path: Path):
    export_version(index, version, tmp_path / "x.bos")
    again = import_version(index, str(tmp_path / "x.bos"), f"again {version}")
    export_version(index, again, tmp_path / "y.bos")
    assert (tmp_path / "x.bos").read_bytes() == (tmp_path / "y.bos").read_bytes()
    before, after = _grid(index, version), _grid(index, again)
    for name, values in before.to_arrays().items():
        np.testing.assert_array_equal(values, after.to_arrays()[name], err_msg=name)
    with pytest.raises(OntologyError, match="no common ancestor"):
        index.call(lambda db: merging.merge(db, version, again, "x"))
    with pytest.raises(OntologyError, match="already called"):
        import_version(index, str(tmp_path / "x.bos"), f"again {version}")


def test_a_matpower_file_brings_the_grid_back(index: Index, version: int, tmp_path: Path):
    before = _grid(index, version)
    export_version(index, version, tmp_path / "x.m")
    after = load_source(str(tmp_path / "x.m")).grid
    np.testing.assert_array_equal(admittance(after).ybus.toarray(), admittance(before).ybus.toarray())
    for table, columns in {
        "buses": ("number", "name", "kv", "kind", "pd", "qd", "vmin", "vmax", "area", "vm"),
        "branches": ("name", "f", "t", "rate", "rate_emergency", "in_service"),
        "units": ("name", "bus", "p", "q", "qmin", "qmax", "pmin", "pmax", "vset", "in_service"),
        "dc_links": ("name", "p", "pmin", "pmax", "loss0", "loss1", "in_service"),
    }.items():
        for column in columns:
            if column == "name" and table in ("branches", "units") and before.units.name[0] == "ext_grid 0":
                continue  # the format has names of buses alone; branches and units get theirs from their buses
            a, b = (getattr(getattr(g, table), column) for g in (after, before))
            np.testing.assert_array_equal(a, b, err_msg=f"{table}.{column}")
    np.testing.assert_allclose(after.units.cost_usd, before.units.cost_usd, rtol=1e-12)
    np.testing.assert_allclose(after.buses.va, before.buses.va, rtol=1e-14)


def test_a_pandapower_file_brings_the_grid_back(index: Index, version: int, tmp_path: Path):
    """All of it, what is out of service included; voltages come back as pandapower solves them."""
    before = _grid(index, version)
    export_version(index, version, tmp_path / "x.json")
    after = load_source(str(tmp_path / "x.json")).grid
    arrays = after.to_arrays()
    for name, values in before.to_arrays().items():
        if name in ("buses/vm", "buses/va"):
            continue
        if values.dtype.kind == "f":
            np.testing.assert_allclose(arrays[name], values, rtol=1e-9, atol=1e-9, err_msg=name)
        else:
            np.testing.assert_array_equal(arrays[name], values, err_msg=name)
    assert any((~g).any() for g in (before.units.in_service, before.branches.in_service)) == (before.n_bus == 73)


def test_buses_without_a_nominal_voltage_are_told_where_the_format_needs_one(
    index: Index, version: int, tmp_path: Path
):
    bare = import_version(index, "case14", f"without voltages, beside {version}")
    for name in ("x.json", "x.xiidm"):
        (told,) = export_version(index, bare, tmp_path / name)
        assert told.startswith("14 of 14 buses have no nominal voltage: they are written at 1 kV")
        assert (load_source(str(tmp_path / name)).grid.buses.kv == 1.0).all()
    assert export_version(index, bare, tmp_path / "x.m") == []
    assert export_version(index, version, tmp_path / "y.json") == []


def test_bad_files_get_one_sentence(index: Index, version: int, tmp_path: Path):
    (tmp_path / "bad.bos").write_bytes(b"nothing")
    for source, sentence in ((tmp_path / "bad.bos", "damaged or no scenario"), (tmp_path / "no.bos", "cannot be read")):
        with pytest.raises(OntologyError, match=sentence):
            import_version(index, str(source), "bad")
    with pytest.raises(ParameterError, match="names no known format"):
        export_version(index, version, tmp_path / "x.xlsx")
    with pytest.raises(OntologyError, match="version 99999 does not exist"):
        export_version(index, 99999, tmp_path / "x.bos")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.bos"]
