"""Generated functions: C against NumPy, derivatives against differences, the trapezoidal rule against its own words."""

from dataclasses import replace

import numpy as np
import pytest

from bos_core.objects.errors import EquationError
from slots.dynamics.equations.checks import TOLERANCE, derivative_error
from slots.dynamics.equations.code import Functions, functions_of
from slots.dynamics.equations.model import model_of
from tests.slots.compiler import compiled
from tests.slots.dynamics.equations.test_model import TWO_AXIS

DEVICES = 7
KINKS = r"""
name = "kinks"
kind = "test"
description = "limits, cases, an absolute value, powers and a mass that is a variable"
inputs = ['u']
outputs = ['y', 'x']
equations = '''
(T + u^2) \dot{x} = \max(a, \min(b, u - x)) + |u| x^3
y = \begin{cases} x^2 & u < 0.5 \\ e^{x} + w & \text{otherwise} \end{cases}
w^2 + w = u + \sqrt{x}
'''

[parameters]
'T' = { value = 2.0 }
'a' = { value = -0.1 }
'b' = { value = 0.2 }
"""


def _state(made: Functions, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = (len(made.unknowns), len(made.inputs), len(made.constants), made.states, made.states)
    x, u, p, xp, fp = (rng.uniform(0.2, 1.2, (k, DEVICES)) for k in rows)
    return [x, u, p * made.values(DEVICES) + p, xp, fp]


def _moved(function, made: Functions, arrays, column: int, by: float) -> np.ndarray:
    n, moved = len(made.unknowns), [a.copy() for a in arrays]
    moved[0 if column < n else 1][column if column < n else column - n] += by
    return function(0.01, *moved)


@pytest.mark.parametrize("text", [TWO_AXIS, KINKS], ids=["two-axis", "kinks"])
@pytest.mark.parametrize("in_c", [pytest.param(True, marks=compiled), False], ids=["c", "numpy"])
def test_derivatives_are_those_of_differences(text, in_c):
    """To 1e-8 of the largest: differences over 1e-6 are good for a few 1e-9."""
    made = functions_of(model_of(text), in_c)
    assert max(derivative_error(made, seed) for seed in range(3)) < 1e-8


def test_a_wrong_derivative_is_seen():
    made = functions_of(model_of(TWO_AXIS), in_c=False)
    wrong = replace(made, jacobian=lambda *a: made.jacobian(*a) * (1 + 1e-5))
    assert derivative_error(wrong) > TOLERANCE


def test_equations_without_values_are_refused():
    text = KINKS.replace("\\sqrt{x}", "\\sqrt{x - 9}")
    with pytest.raises(EquationError, match="no finite values"):
        derivative_error(functions_of(model_of(text), in_c=False))


@pytest.mark.parametrize("text", [TWO_AXIS, KINKS], ids=["two-axis", "kinks"])
def test_no_derivative_is_left_out(text):
    """What is not among the entries does not move the residual."""
    made = functions_of(model_of(text), in_c=False)
    arrays = _state(made, 5)
    known = {tuple(e) for e in made.entries.tolist()}
    for column in range(len(made.unknowns) + len(made.inputs)):
        rest = [row for row in range(len(made.unknowns)) if (row, column) not in known]
        sides = [_moved(made.residual, made, arrays, column, by)[rest] for by in (1e-3, -1e-3)]
        np.testing.assert_array_equal(*sides)


@compiled
@pytest.mark.parametrize("text", [TWO_AXIS, KINKS], ids=["two-axis", "kinks"])
def test_c_and_numpy_are_the_same(text):
    model = model_of(text)
    c, plain = functions_of(model), functions_of(model, in_c=False)
    assert c.in_c
    assert not plain.in_c
    arrays = _state(c, 1)
    for name in ("rates", "residual", "jacobian", "outputs", "output_slopes"):
        a, b = getattr(c, name)(0.01, *arrays), getattr(plain, name)(0.01, *arrays)
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13, err_msg=name)


def test_the_residual_is_the_trapezoidal_rule():
    """M (x - x') = h/2 (f + f') for the swing equation, worked out by hand."""
    made = functions_of(model_of(TWO_AXIS), in_c=False)
    x, u, p, xp, fp = _state(made, 2)
    h, k = 0.02, made.unknowns.index("omega")
    f = made.rates(h, x, u, p, xp, fp)[k]
    inertia = p[made.constants.index("H")]
    by_hand = 2 * inertia * (x[k] - xp[k]) - h / 2 * (f + fp[k])
    np.testing.assert_allclose(made.residual(h, x, u, p, xp, fp)[k], by_hand, rtol=1e-12)


def test_values_are_those_of_the_file():
    made = functions_of(model_of(TWO_AXIS), in_c=False)
    p = made.values(2)
    assert p[made.constants.index("H")].tolist() == [3.5, 3.5]
    assert p[made.constants.index("V_ref")].tolist() == [0.0, 0.0]
