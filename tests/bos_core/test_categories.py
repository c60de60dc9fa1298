"""The thirteen categories and two relations: filled for the default grid, or documented as empty there."""

from pathlib import Path

import pytest

from bos_core.objects.data import Category, Relation
from flows.ontology import ontology_of
from slots.sources.catalogue import load_source
from storage.ontology.schema import attributes_of

DOCUMENTED = (Path(__file__).resolve().parents[2] / "docs/how-to.md").read_text(encoding="utf-8")
HOURLY = {Category.SYSTEM_STATE}  # held as arrays of results, by backfilling


@pytest.fixture(scope="module")
def filled() -> dict[Category, int]:
    changes = ontology_of(load_source("case_RTS_GMLC").grid, (0.03, 0.05))
    assert {x.relation for x in changes.links} == set(Relation)
    out: dict[Category, int] = {}
    for category, _, values in changes.values:
        out[category] = out.get(category, 0) + sum(v is not None for v in values.values())
    return out


@pytest.mark.parametrize("category", list(Category))
def test_a_category_holds_data_or_says_that_it_does_not(category: Category, filled: dict[Category, int]):
    if category in HOURLY:
        assert any(a.hourly for a in attributes_of(category).values())
    elif not filled.get(category):
        assert f"`{category}`" in DOCUMENTED.split("## What the default grid leaves empty")[1]
    else:
        assert filled[category] > 0
