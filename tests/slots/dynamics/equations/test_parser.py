"""Reading equations: published ones by value and names, and what must be refused, with its column."""

import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

from bos_core.objects.errors import EquationError
from slots.dynamics.equations.names import canonical
from slots.dynamics.equations.parser import DOT, parse, symbol

PUBLISHED = tomllib.loads((Path(__file__).parent / "published.toml").read_text())
CASES = [
    (f"{part}-{k}", latex, meaning, told.get("declared", []))
    for part, told in PUBLISHED.items()
    for k, (latex, meaning) in enumerate(told["equations"])
]
WORDS: dict[str, Any] = {
    k: getattr(math, k) for k in ("sin", "cos", "tan", "atan", "atan2", "exp", "sqrt", "log", "pi")
}


def _plain(name: str) -> str:
    """The corpus's spelling of a name."""
    out = name.removeprefix(DOT).replace("'", "p").replace("^", "_").replace(",", "").replace("(", "").replace(")", "")
    out = "lambda_" if out == "lambda" else out
    return f"D_{out}" if name.startswith(DOT) else out


@pytest.mark.parametrize(("latex", "meaning", "declared"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_published_equations_mean_what_they_say(latex, meaning, declared):
    """The same names, and left minus right the same number at random points (1e-9 of it)."""
    found = parse(latex, declared)
    names = {_plain(name): name for name in found.names}
    assert len(names) == len(found.names)
    code = compile(meaning, latex, "eval")
    assert set(names) == set(code.co_names) - set(WORDS) - {"abs", "max", "min"}
    rng = np.random.default_rng(1)
    for _ in range(5):
        at = {name: float(x) for name, x in zip(names, rng.uniform(0.1, 0.7, len(names)), strict=True)}
        ours = sp.lambdify([symbol(n) for n in names.values()], found.left - found.right, "math")
        try:
            theirs = eval(code, {"__builtins__": {}}, {**WORDS, "abs": abs, "max": max, "min": min, **at})
        except ValueError:  # a root of a negative number, then it must be one here, too
            with pytest.raises(ValueError, match="math domain"):
                ours(*at.values())
            continue
        assert ours(*at.values()) == pytest.approx(theirs, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("latex", "column", "says"),
    [
        ("y = a/b c", 9, "two ways"),
        (r"y = \sin x z", 12, "two ways"),
        (r"y = \sin x / z", 12, "two ways"),
        ("y = Kq x", 5, "'Kq' is not declared"),
        ("y = x2", 5, "'x2' is not declared"),
        ("y = x 2", 7, "number behind a factor"),
        ("y = x_12", 7, "first digit"),
        ("y = x_ab", 8, "only 'a' as the subscript"),
        ("y = x^12", 7, "first digit"),
        (r"y = \log x", 5, "which base"),
        (r"y = \sin^{-1} x", 10, "inverse"),
        (r"\ddot{x} = u", 1, "not understood"),
        (r"y = \frac{dx}{dz}", 5, "other than t"),
        (r"y = \frac{d}{dt} x", 12, "stands alone"),
        (r"d\delta/dt = \omega", 9, "'dt' is not declared"),
        (r"y = \foo x", 5, "not understood"),
        ("y = (a + b", 11, "')' is expected"),
        ("y = (a + b]", 11, "')' is expected"),
        ("y = a +", 8, "cannot stand here"),
        ("y = a = b", 7, "left over"),
        ("a + b", 6, "'=' is expected"),
        ("y = a # b", 7, "means nothing"),
        (r"y = \max(a)", 9, "1 arguments"),
        (r"y = \max a", 10, "without parentheses"),
        (r"y = \begin{cases} a & x < 1 \\ b & x > 2 \end{cases}", 5, "leave values out"),
        (r"y = \begin{matrix} a \end{matrix}", 5, "not understood"),
        ("y = a_b_c", 8, "second subscript"),
        ("y = x^2_1", 8, "behind a power"),
        ("y = x^*", 7, "cannot stand here"),
        (r"y = \dot{E_q}_d", 10, "inside and outside"),
        ("y = x t", 7, "t is time"),
        ("e = 2; y", 8, "left over"),
    ],
)
def test_what_could_be_misread_is_refused_at_its_column(latex, column, says):
    with pytest.raises(EquationError) as told:
        parse(latex)
    assert says in told.value.what
    assert told.value.what.startswith(f"column {column} of the equation")
    assert told.value.mend


def test_e_is_a_variable_where_it_is_one():
    with pytest.raises(EquationError, match="e is a variable"):
        parse("y = e^{x}", ["e"])
    assert parse("y = e^{x}").right == sp.exp(symbol("x"))


def test_a_declared_label_is_no_power():
    assert parse("y = v^{ap}").right == symbol("v^ap")
    assert parse("y = v^a").right == symbol("v") ** symbol("a")
    assert parse("y = v^a", ["v^a"]).right == symbol("v^a")
    assert parse(r"y = v^{\mathrm{ap}}", ["v", "ap"]).right == symbol("v") ** symbol("ap")
    assert parse(r"y = v^{\mathrm{ap}}", ["v", "ap", "v^ap"]).right == symbol("v^ap")


@pytest.mark.parametrize(
    ("spelled", "name"),
    [("T_{d0}'", "T_d0'"), (r"T'_{\mathrm{d0}}", "T_d0'"), (r"T_{d0}^{\prime}", "T_d0'"), ("Vt", "Vt"), (r"\mathrm{Vt}", "Vt"),
     (r"\Delta\omega_r", "Delta(omega_r)"), (r"I_q^{cmd}", "I_q^cmd"), (r"V_{R\max}", "V_Rmax")],
)  # fmt: skip
def test_names_have_one_spelling(spelled, name):
    assert canonical(spelled) == name
