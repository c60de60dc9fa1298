"""The schema of the ontology as data: whole, of one mind, and followed by the reference page."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from bos_core.objects.data import Category
from bos_core.objects.errors import OntologyError
from storage.ontology.schema import attributes_of, find, form, reference, schema, validated

ROOT = Path(__file__).resolve().parents[2]


def test_every_category_has_attributes_and_symbols_differ():
    assert {a.category for a in schema()} == set(Category)
    assert len({c.symbol for c in Category}) == len(Category) == 13


def test_an_attribute_is_in_one_category_and_means_one_thing():
    assert len({(a.entity, a.attribute) for a in schema()}) == len(schema())
    kinds: dict[tuple[Category, str], set[tuple[str, str]]] = {}
    for a in schema():
        kinds.setdefault((a.category, a.attribute), set()).add((a.type, a.unit))
    assert all(len(k) == 1 for k in kinds.values()), "one column, one type and unit"


def test_defaults_are_valid():
    for a in schema():
        if a.default is not None:
            assert validated(a.category, a.entity, "x", {a.attribute: a.default})[a.attribute] is not None


def test_the_reference_page_follows_the_schema():
    page = (ROOT / "docs/reference/ontology.md").read_text(encoding="utf-8")
    assert page.rstrip() == reference().rstrip(), "run `python -m storage.ontology.schema > docs/reference/ontology.md`"


@pytest.mark.parametrize("category", list(Category))
def test_every_kind_of_entity_has_a_form(category: Category):
    for entity in {a.entity for a in schema() if a.category is category}:
        shown = form(category, entity).model_json_schema()["properties"]
        assert set(shown) == set(attributes_of(category, entity))
        assert all(p["description"] for p in shown.values())


def test_a_form_refuses_what_is_out_of_range():
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        form(Category.COST, "unit")(start_cost=-1)


def test_unknown_names_are_refused_with_the_known_ones():
    assert find("rate", "branch").unit == "MVA"
    with pytest.raises(OntologyError, match="a branch has no attribute 'colour'; use one of: contingency, r, x"):
        find("colour", "branch")
