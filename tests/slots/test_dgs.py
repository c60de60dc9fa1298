"""DGS files of PowerFactory: OpenLoadFlow's power flow, and what PowSyBl's import alone would leave out."""

from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pypowsybl as pp
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from slots.grid.model import Grid
from slots.grid.reading import ReadingLog
from slots.sources.catalogue import load_source
from slots.sources.exchange.reader import complete, grid_of_tables, tables_of_network
from tests.slots.dgs_files import Row, dgs_text, draw_dgs
from tests.slots.openloadflow import differences

MANY = settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)


@cache
def _written(seed: int) -> tuple[dict[str, list[Row]], str]:
    rows = draw_dgs(Random(seed))
    return rows, dgs_text(rows, comma=seed % 3 == 0)


def _check(seed: int, folder: Path) -> bool:
    """Draw, write, read, compare; False where OpenLoadFlow finds no state."""
    rows, text = _written(seed)
    path = folder / "drawn.dgs"
    path.write_text(text)
    network, log = pp.network.load(str(path)), ReadingLog("drawn", "test")
    windings = network.get_2_windings_transformers(all_attributes=True), network.get_3_windings_transformers()
    frames, tables = tables_of_network(network, "drawn", log, complete(network, path, log))
    g = grid_of_tables(frames, tables, "drawn", "test")
    _as_stated(rows, network, windings, g)
    apart = differences(network, g, tables)
    assert apart is None or (apart[0] < 1e-6 and apart[1] < 1e-4), apart
    return apart is not None


def _as_stated(rows: dict[str, list[Row]], network: Any, before: tuple[Any, Any], g: Grid) -> None:
    """Ratings of lines; loads scaled, machines and transformers as many as are stated (DGS numbers are single precision)."""
    types = {r["ID"]: r for r in rows["TypLne"]}
    at = {name: k for k, name in enumerate(g.branches.name.tolist())}
    for r in rows["ElmLne"]:
        if r["loc_name"] in at:
            amps = 1000 * types[r["typ_id"]]["sline"] * r["fline"] * r["nlnum"]
            kv = g.buses.kv[g.branches.f[at[r["loc_name"]]]]
            assert g.branches.rate[at[r["loc_name"]]] == pytest.approx(np.sqrt(3) * kv * amps / 1000 or np.inf)
    loads, units = network.get_loads(), network.get_generators(all_attributes=True)
    for r in rows["ElmLod"]:
        p = r["slini"] * r["coslini"] if r["mode_inp"] == "SC" else r["plini"]
        assert loads.p0[r["loc_name"]] == pytest.approx(p * r["scale0"], rel=1e-5, abs=1e-9)
    for r in rows["ElmSym"]:
        u, n = units.loc[r["loc_name"]], r["ngnum"]
        stated = [n * r[k] for k in ("pgini", "qgini", "Pmin_uc", "Pmax_uc")]
        assert [u.target_p, u.target_q, u.min_p, u.max_p] == pytest.approx(stated, rel=1e-5)
    after = network.get_2_windings_transformers(all_attributes=True), network.get_3_windings_transformers()
    for now, was, kind, column, leg in zip(
        after, before, ("ElmTr2", "ElmTr3"), ("ntnum", "nt3nm"), ("", "2"), strict=True
    ):
        for r in rows[kind]:
            for k, power in (("r", -1), ("x", -1), ("g", 1), ("b", 1)):
                stated = was[k + leg][r["loc_name"]] * r[column] ** power
                assert now[k + leg][r["loc_name"]] == pytest.approx(stated, rel=1e-9)


def compare() -> None:
    """Some random files, read and compared; raises at the first difference."""
    with TemporaryDirectory() as folder:
        for seed in range(25):
            _check(seed, Path(folder))


@MANY
@given(seed=st.integers(0, 10**9))
def test_a_random_file_has_openloadflows_power_flow_and_its_own_limits(tmp_path_factory, seed):
    assume(_check(seed, tmp_path_factory.getbasetemp()))


def test_what_has_no_place_is_told(tmp_path):
    rows = next(r for r, _ in map(_written, range(99)) if r["ElmPvsys"] and r["ElmTr2"] and r["ElmZpu"])
    rows["TypTr2"][0] |= {"nt2ag": 5, "dutap": 1.25, "phitr": 90.0}
    first = next(r for r in rows["ElmTr2"] if r["typ_id"] == rows["TypTr2"][0]["ID"])
    first["nntap"] = 1
    rows["ElmZpu"][0]["x_pu_ji"] = 2 * rows["ElmZpu"][0]["x_pu"]
    path = tmp_path / "x.dgs"
    path.write_text(dgs_text(rows))
    told = {x.kind: x for x in load_source(str(path)).grid.reading.left_out}
    assert told["ElmPvsys"].names == ("roof",)
    assert first["loc_name"] in told["vector group of a transformer"].names
    assert told["phase of a tap's additional voltage"].names[0] == first["loc_name"]
    assert rows["ElmZpu"][0]["loc_name"] in told["impedance that differs by end"].names
