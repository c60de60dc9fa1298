"""What the language of expressions refuses, and that it says where."""

import string
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bos_core.objects.errors import BosError, ExpressionError, ParameterError
from slots.scheduling.formulation import Formulation
from slots.scheduling.grammar import parse
from slots.scheduling.routines.daily import DailyCommitment
from slots.scheduling.symbols import Cone, Constraint, Cost, Expr, Param, Term, Total, Var
from slots.scheduling.units import parse_unit, show, times


class Base(Formulation):
    """A dispatch to break."""

    price = Param("unit", "USD/MWh")
    most = Param("unit", "MW")
    load = Param("hour", "MW")
    at = Param("bus unit", "")
    p = Var("hour unit", "MW", upper="most")
    q = Var("hour unit", "MW")
    balance = Constraint("sum(p, unit) == load")
    cost = Cost("1 * price * p * 1")


class Priced(Base):
    """With hours in the cost, as it must be."""

    step = Param("", "h", default=1.0)
    cost = Cost("step * price * p")


REFUSED = {
    "().__class__.__bases__ <= p": "attributes are not allowed",
    "p.real <= most": "attributes are not allowed",
    "__import__('os') <= most": "this call is not allowed",
    "open(p) <= most": "this call is not allowed",
    "sum(p, unit, key=p) <= load": "this call is not allowed",
    "p[0] <= most": "this is not allowed",
    "[p for p in most] <= most": "this is not allowed",
    "(lambda: p)() <= most": "this call is not allowed",
    "p if most else q <= most": "not what is needed",
    "p <= 'most'": "this is not allowed",
    "p <= 1e999": "this is not allowed",
    "p <= True": "this is not allowed",
    "p ** 99999999 <= most": "only the square",
    "p <= most; q": "cannot be read",
    "p <=": "cannot be read",
    "p < most": "only ==, <= and >=",
    "p": "not what is needed",
    "pp <= most": "unknown name",
    "p * q <= most": "a product of variables",
    "p / q <= 1": "division by a variable",
    "p**2 <= most**2": "a square",
    "p <= price": "beside",
    "p + 1 <= most": "beside",
    "sum(p, bus) <= load": "no index set `bus`",
    "sum(p, 1) <= load": "not the name of an index set",
    "at @ load <= most": "wrong shapes",
    "p @ most <= load": "no matrix of parameters",
    "prev(most) <= p": "needs the index set `hour`",
    "prev(p, load) <= most": "wrong shape",
    "least(p, most) <= most": "of a variable",
    "most <= load": "no variable",
    "q <= p <= most": "outer side",
    "0 <= p >= most": "too many comparisons",
    "(" * 90 + "p" + ")" * 90 + " <= most + price": "beside",
    "-" * 70 + "p <= most": "nested too deeply",
    "p <= most" + " + most" * 1000: "characters",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_wrong_or_malicious_expression_is_refused_with_its_place(text):
    broken = type("Broken", (Priced,), {"bad": Constraint(text), "__doc__": ""})
    with pytest.raises(ExpressionError, match=r"(?s)constraint 'bad' of Broken.*") as told:
        broken.structure()
    assert REFUSED[text] in str(told.value)
    assert "column" in str(told.value) or "characters" in str(told.value)


def test_a_cost_is_in_money():
    with pytest.raises(ExpressionError, match=r"cost 'cost' of Base: in USD/h, not in USD"):
        Base.structure()


@pytest.mark.parametrize(
    ("symbols", "why"),
    [
        ({"load": Param("hour", "bananas")}, "'bananas' is not a unit"),
        ({"p": Var("unit hour", "MW")}, "write hour unit"),
        ({"p": Var("hour unit", "MW", upper="q")}, "its upper depends on a variable"),
        ({"p": Var("hour unit", "MW", upper="load + price")}, "beside"),
        ({"p": Var("unit", "MW", upper="load")}, "wrong shape"),
        ({"a": Expr("b + 0"), "b": Expr("a + 0")}, "stand for each other"),
        ({"t": Term("nowhere", "p")}, "no total"),
        ({"s": Total("hour", "MW"), "t": Term("s", "p")}, "wrong shape"),
        ({"unit": Param("hour", "MW")}, "name of an index set"),
        ({"c": Constraint("p <= most", where="q")}, "its where depends on a variable"),
        ({"c": Constraint("p <= prev(p)", lazy=True)}, "across hours"),
        ({"c": Cone(("p", "q"), within="price")}, "beside"),
        ({"c": Cone(("most",), within="load")}, "no variable"),
        ({"c": Cone(("p", "q.real"), within="most")}, "attributes are not allowed"),
    ],
)
def test_a_wrong_declaration_is_refused(symbols, why):
    with pytest.raises(ExpressionError, match=why):
        type("Broken", (Priced,), symbols).structure()


@given(st.text(alphabet=string.printable, max_size=60))
def test_any_text_is_parsed_or_refused(text):
    for comparison in (False, True):
        with suppress(BosError):  # anything else fails the test
            parse(text, "text", comparison)


GOOD = {"price": np.array([1.0, 2.0]), "most": np.array([5.0, 5.0]), "load": np.array([3.0, 8.0]), "at": np.eye(2)}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"most": None}, "'most' is missing"),
        ({"most": np.ones(3)}, "has 3 along unit, where 'price' has 2"),
        ({"most": np.ones((2, 2))}, "has shape"),
        ({"most": np.array([1.0, np.nan])}, "holds NaN"),
        ({"mots": np.ones(2)}, "no parameter mots"),
    ],
)
def test_wrong_data_are_refused(change, why):
    with pytest.raises(ParameterError, match=why):
        Priced.compile({**GOOD, **change})


def test_a_part_takes_away_what_it_replaces():
    lighter = type("Lighter", (Priced,), {"q": None})
    assert "q" not in lighter.structure().symbols
    assert DailyCommitment.structure().kinds["u"].degree == 1  # a parameter of the dispatch became a decision


def test_units_multiply():
    assert times(parse_unit("USD/MWh"), parse_unit("MW h")) == parse_unit("USD")
    assert times(parse_unit("MW"), parse_unit("MW"), -1) == parse_unit("")
    assert parse_unit("MVA") == parse_unit("MW") != parse_unit("MVAr")
    assert show(parse_unit("USD/MW^2 h")) == "USD/MW^2 h"
