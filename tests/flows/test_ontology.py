"""Grids of any values into the ontology and back: every column, whatever is in it; edits that change nothing are refused."""

from dataclasses import fields
from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bos_core.index import scenarios
from bos_core.index.client import Index
from flows.ontology import _RENAMED, _TABLES, grid_of_ontology, ontology_of
from slots.grid.model import Grid
from slots.grid.reading import ReadingLog
from storage.ontology.schema import schema

_label = (f"o{k}" for k in count())
_LISTS = {"cost_mw": 5, "cost_usd": 5, "start_off": 3, "start_share": 3}  # columns of several values


def random_grid(seed: int, sizes: dict[str, int]) -> Grid:
    """A grid whose columns hold anything that the schema allows."""
    rng = np.random.default_rng(seed)
    described = {(a.entity, _RENAMED.get((a.entity, a.attribute), a.attribute)): a for a in schema()}
    tables = {}
    for table, (kind, build, _) in _TABLES.items():
        n, columns = sizes[table], {}
        for f in fields(build):
            a = described.get((kind, f.name))
            low = -1e6 if a is None or a.minimum is None else a.minimum
            high = 1e6 if a is None or a.maximum is None else a.maximum
            if f.name == "name":
                values = np.array([f"{kind} {k} ä|:" for k in range(n)], dtype=np.str_)
            elif f.name == "number":
                values = rng.permutation(9 * n)[:n]
            elif f.name in ("f", "t", "bus"):
                values = rng.integers(0, sizes["buses"], n)
            elif f.type == "Strings":
                values = np.array([rng.choice(["", "gas", "Öl, schwer", 'a "b"']) for _ in range(n)], dtype=np.str_)
            elif f.type == "Ints":
                values = rng.integers(max(low, 0), min(high, 99) + 1, n)
            elif f.type == "Bools":
                values = rng.random(n) < 0.5
            else:
                shape = (n, _LISTS[f.name]) if f.name in _LISTS else n
                values = np.clip(rng.standard_normal(shape) * 10.0 ** rng.integers(-9, 7, shape), low, high)
                if a is not None and isinstance(a.default, float) and not np.isfinite(a.default):
                    values = np.where(rng.random(shape) < 0.3, a.default, values)
            columns[f.name] = values
        tables[table] = build(**columns)
    log = ReadingLog("random.m", "random")
    log.read("bus", sizes["buses"])
    log.leave_out("thing", ["a", "ß"], "why")
    log.fill("units.ramp", 3, "1 MW/h", "a table")
    log.warn("mind 'this'")
    return Grid(
        f"grid {seed}", float(rng.uniform(1, 900)), origin="by chance, ü", reading=log.done({"buses": 3}), **tables
    )


def test_the_columns_of_several_values_are_known():
    columns = {f.name for _, build, _ in _TABLES.values() for f in fields(build)}
    assert {a.attribute for a in schema() if a.type == "floats"} & columns == set(_LISTS)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(0, 6), st.integers(0, 5), st.integers(0, 2))
def test_any_grid_comes_back_from_the_database_whole(
    index: Index, seed: int, buses: int, branches: int, units: int, links: int
):
    grid = random_grid(seed, {"buses": buses, "branches": branches, "units": units, "dc_links": links})

    async def there_and_back(db):
        version = await scenarios.branch(db, None, next(_label))
        await scenarios.write(db, version, ontology_of(grid))
        await scenarios.commit(db, version)
        return await scenarios.read(db, version)

    again = grid_of_ontology(index.call(there_and_back))
    assert again.header() == grid.header()
    before, after = grid.to_arrays(), again.to_arrays()
    assert list(before) == list(after)
    for name, x in before.items():
        if len(x):
            np.testing.assert_array_equal(after[name], x, err_msg=name)
            assert after[name].dtype.kind == x.dtype.kind, name


@pytest.mark.parametrize("table", list(_TABLES))
def test_every_column_of_a_grid_is_in_the_schema(table: str):
    kind, build, _ = _TABLES[table]
    known = {_RENAMED.get((kind, a.attribute), a.attribute) for a in schema() if a.entity == kind}
    apart = {"name", "f", "t", "bus", "area"}  # names, connections and places of entities
    assert {f.name for f in fields(build)} - known <= apart
