"""PSS/E cases, text and JSON: OpenLoadFlow's power flow, and what PowSyBl's import alone would leave out."""

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

from bos_core.objects.errors import GridError
from slots.grid.model import Grid
from slots.grid.reading import ReadingLog
from slots.sources.catalogue import load_source
from slots.sources.exchange.reader import complete, grid_of_tables, tables_of_network
from tests.slots.openloadflow import differences
from tests.slots.psse_files import Case, draw_psse, raw_text, rawx_text

MANY = settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
WRITERS = {"raw": raw_text, "rawx": rawx_text}


@cache
def _written(seed: int, suffix: str) -> tuple[Case, str]:
    case = draw_psse(Random(seed), new=suffix == "rawx")
    return case, WRITERS[suffix](case)


def _check(seed: int, suffix: str, folder: Path) -> bool:
    """Draw, write, read, compare; False where OpenLoadFlow finds no state."""
    case, text = _written(seed, suffix)
    path = folder / f"drawn.{suffix}"
    path.write_text(text)
    network, log = pp.network.load(str(path)), ReadingLog("drawn", "test")
    frames, tables = tables_of_network(network, "drawn", log, complete(network, path, log))
    g = grid_of_tables(frames, tables, "drawn", "test")
    _as_stated(case, g, suffix)
    apart = differences(network, g, tables)
    assert apart is None or (apart[0] < 1e-6 and apart[1] < 1e-4), apart
    return apart is not None


def _as_stated(case: Case, g: Grid, suffix: str) -> None:
    """Ratings, limits of voltages and powers, and loads of the buses of the grid."""
    _rated(case, g, suffix)
    named = {f"bus {b['ibus']}": b for b in case["bus"]} | {f"B{b['ibus']}": b for b in case["bus"]}
    joined = {n for r in case["sysswd"] if r["stat"] for n in (r["ibus"], r["jbus"])}
    for k in np.flatnonzero(g.live):
        b = named.get(str(g.buses.name[k]))
        if b and b["ibus"] not in joined:
            assert (g.buses.vmin[k], g.buses.vmax[k]) == pytest.approx((b["nvlo"], b["nvhi"]))
    units = {f"B{r['ibus']}-G{r['machid']}": r for r in case["generator"]}
    for k, name in enumerate(g.units.name.tolist()):
        if name in units:
            r = units[name]
            assert (g.units.pmax[k], g.units.qmax[k], g.units.qmin[k]) == pytest.approx((r["pt"], r["qt"], r["qb"]))
    here = {int(str(n).split()[-1].removeprefix("B")) for n in g.buses.name if str(n) in named} | joined
    load = sum(
        r["pl"] + r["ip"] + r["yp"] - r["dgenp"] * r["dgenm"] for r in case["load"] if r["stat"] and r["ibus"] in here
    )
    if not case["twotermdc"] and not case["vscdc"]:
        assert g.buses.pd.sum() == pytest.approx(load, abs=1e-9)


def _rated(case: Case, g: Grid, suffix: str) -> None:
    at = {name: k for k, name in enumerate(g.branches.name.tolist())}
    stated: list[tuple[str, Any, str]] = []
    for r in case["acline"]:
        plain = f"L-{r['ibus']}-{r['jbus']}-{r['ckt']}"
        stated.append((f"bus {r['ibus']}_bus {r['jbus']}_{r['ckt']}" if suffix == "raw" else plain, r, ""))
    for r in case["transformer"]:
        if r["kbus"]:
            key = f"T-{r['ibus']}-{r['jbus']}-{r['kbus']}-{r['ckt']}"
            stated += [(f"{key} side {k}", r, f"wdg{k}") for k in (1, 2, 3)]
        else:
            stated.append((f"T-{r['ibus']}-{r['jbus']}-{r['ckt']}", r, "wdg1"))
    for name, r, of in stated:
        if name in at:
            a, b = r[f"{of}rate1"] or np.inf, r[f"{of}rate2"]
            found = g.branches.rate[at[name]], g.branches.rate_emergency[at[name]]
            assert found == pytest.approx((a, max(a, b)), rel=1e-6), name


def compare() -> None:
    """Some random cases, read and compared; raises at the first difference."""
    with TemporaryDirectory() as folder:
        for seed in range(15):
            for suffix in WRITERS:
                _check(seed, suffix, Path(folder))


@pytest.mark.parametrize("suffix", list(WRITERS))
@MANY
@given(seed=st.integers(0, 10**9))
def test_a_random_case_has_openloadflows_power_flow_and_its_own_limits(tmp_path_factory, suffix, seed):
    assume(_check(seed, suffix, tmp_path_factory.getbasetemp()))


def test_what_has_no_place_is_told(tmp_path):
    case = next(c for c in (draw_psse(Random(k)) for k in range(99)) if c["acline"])
    case["generator"][0] |= {"rt": 0.01, "xt": 0.1}
    case["acline"].append(case["acline"][0] | {"ckt": "9", "rate2": 90.0, "rate3": 95.0})
    text = raw_text(case).replace(
        "BEGIN MULTI-TERMINAL DC DATA\n", "BEGIN MULTI-TERMINAL DC DATA\n'MT',0,0,0,1,0,0.0,0\n"
    )
    text = text.replace("BEGIN INDUCTION MACHINE DATA\n", "BEGIN INDUCTION MACHINE DATA\n2,'1',1,1,1,1,1,1,1,1,1\n")
    path = tmp_path / "x.raw"
    path.write_text(text)
    told = {x.kind: x for x in load_source(str(path)).grid.reading.left_out}
    assert told["multi-terminal DC line"].names == ("MT",)
    assert told["induction machine"].count == 1
    assert told["step-up transformer in a machine's record"].names == ("1 1",)
    assert f"{case['acline'][-1]['ibus']}-{case['acline'][-1]['jbus']}" in told["rating C of a branch"].names


def test_an_invalid_case_is_refused_with_what_is_wrong_in_it(tmp_path):
    case = draw_psse(Random(3))
    case["generator"][0]["pb"] = 999.0
    path = tmp_path / "x.raw"
    path.write_text(raw_text(case))
    with pytest.raises(GridError, match=r"not a valid case; Generator: 1 1 Unexpected Pmin: 999") as caught:
        load_source(str(path))
    assert "\n" not in str(caught.value)
