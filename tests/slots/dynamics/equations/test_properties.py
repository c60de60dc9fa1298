"""Equations that an independent printer writes are read back; what is mutated is read or refused, never worse."""

import math

import pytest
import sympy as sp
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bos_core.objects.errors import EquationError
from slots.dynamics.equations.parser import parse, symbol
from tests.slots.dynamics.equations.test_parser import CASES

SPELLED = {
    "a": "a", "x_1": "x_{1}", "E_q'": "E_{q}^{\\prime}", "omega_b": "\\omega_{b}", "V_ref": "V_{ref}", "T_d0''": "T_{d0}''",
    "Delta(P)": "\\Delta P", "I_q^cmd": "I_{q}^{cmd}", "SOC": "\\mathrm{SOC}", "K_a,1": "K_{a,1}",
}  # fmt: skip
NAMES = [symbol(n) for n in SPELLED]
LEAVES = st.one_of(
    st.sampled_from(NAMES),
    st.integers(1, 9).map(sp.Integer),
    st.sampled_from([sp.Rational(1, 2), sp.pi, sp.Float("0.035")]),
)
ONE = [  # real everywhere, so that values can be compared
    sp.sin, sp.cos, sp.atan, sp.tanh, sp.Abs, lambda x: sp.exp(-x), lambda x: sp.sqrt(1 + x**2), lambda x: sp.log(2 + sp.Abs(x)),
    lambda x: -x, lambda x: x**2, lambda x: x**-3,
]  # fmt: skip
TWO = [
    lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x / y, sp.Max, sp.Min,
    lambda x, y: (2 + sp.Abs(x)) ** (y / 3), lambda x, y: sp.Piecewise((x, NAMES[0] < NAMES[1]), (y, sp.true)),
]  # fmt: skip
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda f, x: f(x), st.sampled_from(ONE), inner),
        st.builds(lambda f, x, y: f(x, y), st.sampled_from(TWO), inner, inner),
    ),
    max_leaves=8,
)


def _value(expression: sp.Expr, at: dict[sp.Symbol, float]) -> complex:
    return complex(expression.evalf(subs=at))


@settings(
    max_examples=500,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(EXPRESSIONS, st.lists(st.floats(0.2, 0.9), min_size=len(NAMES), max_size=len(NAMES)))
def test_what_sympy_prints_is_read_back(expression, values):
    """The same value at a point, to 1e-9; names as they were. (The same examples each time: sympy itself fails on rare ones.)"""
    assume(not expression.has(sp.zoo, sp.nan, sp.oo, sp.E))
    assume(all(x.free_symbols for x in expression.atoms(sp.exp)))  # a bare e is a name, not a number
    printed = sp.latex(expression, symbol_names=dict(zip(NAMES, SPELLED.values(), strict=True)), ln_notation=True)
    found = parse(f"y = {printed}", list(SPELLED))
    at = dict(zip(NAMES, values, strict=True))
    theirs = _value(expression, at)
    assume(math.isfinite(abs(theirs)) and 1e-9 < abs(theirs) < 1e9)
    assert _value(found.right, at) == pytest.approx(theirs, rel=1e-9)
    assert found.right.free_symbols <= expression.free_symbols


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(CASES), st.data())
def test_mutated_equations_are_read_or_refused(case, data):
    """One character changed: another equation, or an error with a column inside the source; no crash, no endless loop."""
    source = case[1]
    at = data.draw(st.integers(0, len(source) - 1))
    put = data.draw(st.sampled_from(["", *"\\{}()[]|&^_'=+-*/,. x2dte", "\\frac", "\\dot", "\\text", "\\begin{cases}"]))
    mutated = source[:at] + put + source[at + data.draw(st.integers(0, 1)) :]
    told = _refusal(mutated, case[3])
    if told is not None:
        assert told.what.startswith("column ")
        assert 1 <= int(told.what.split()[1]) <= len(mutated) + 1
        assert told.mend


def _refusal(source: str, declared: list[str]) -> EquationError | None:
    try:
        parse(source, declared)
    except EquationError as error:
        return error
    return None
