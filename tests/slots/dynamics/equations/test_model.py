"""Models from files: variables found and typed; what is wrong told with its line."""

from typing import Any

import pytest
import sympy as sp

from bos_core.objects.errors import BosError, EquationError
from slots.dynamics.equations.model import DeviceModel, model_of
from slots.dynamics.equations.parser import symbol

TWO_AXIS = r"""
name = "two-axis"
kind = "synchronous machine"
description = "two-axis machine with a static exciter (Sauer and Pai, 1998, section 6.5)"
inputs = ['V_{re}', 'V_{im}']
setpoints = ['T_m', 'V_{ref}']
outputs = ['I_{re}', 'I_{im}']
equations = '''
\dot{\delta} = \omega_b (\omega - 1)
2 H \dot{\omega} = T_m - T_e - D (\omega - 1)
T_{d0}^{\prime} \dot{E}_q^{\prime} = -E_q^{\prime} - (X_d - X_d^{\prime}) I_d + E_{fd}
% the exciter
T_A \dot{E}_{fd} = -E_{fd} + K_A (V_{ref} - V_t)
T_e = E_q^{\prime} I_q + (X_q - X_d^{\prime}) I_d I_q
0 = X_q I_q - V_d - R_s I_d
0 = E_q^{\prime} - V_q - R_s I_q - X_d^{\prime} I_d
V_d = V_{re} \sin\delta - V_{im} \cos\delta
V_q = V_{re} \cos\delta + V_{im} \sin\delta
V_t = \sqrt{V_{re}^2 + V_{im}^2}
I_{re} = I_d \sin\delta + I_q \cos\delta
I_{im} = -I_d \cos\delta + I_q \sin\delta
'''

[parameters]
'\omega_b' = { value = 376.99, unit = "rad/s" }
'H' = { value = 3.5, unit = "s", description = "inertia" }
'D' = { value = 0 }
'X_d' = { value = 1.8 }
"X_d'" = { value = 0.3 }
'X_q' = { value = 1.7 }
"T_{d0}'" = { value = 8.0, unit = "s" }
'R_s' = { value = 0.003 }
'K_A' = { value = 100 }
'T_A' = { value = 0.05, unit = "s" }
"""


def _with(old: str, new: str) -> DeviceModel:
    assert old in TWO_AXIS
    return model_of(TWO_AXIS.replace(old, new))


def test_variables_are_found_and_typed():
    model = model_of(TWO_AXIS)
    assert model.of("state") == ["delta", "omega", "E_q'", "E_fd"]
    assert model.of("algebraic") == ["I_d", "I_q"]
    assert set(model.of("internal")) == {"T_e", "V_d", "V_q", "V_t", "I_re", "I_im"}
    assert model.of("setpoint") == ["T_m", "V_ref"]
    assert model.of("input") == ["V_re", "V_im"]
    assert model.outputs == ("I_re", "I_im")
    (inertia,) = (v for v in model.variables if v.name == "H")
    assert (inertia.value, inertia.unit, inertia.description) == (3.5, "s", "inertia")


def test_states_have_masses_and_rates():
    mass, rate = model_of(TWO_AXIS).states["omega"]
    assert mass == 2 * symbol("H")
    expected = symbol("T_m") - symbol("T_e") - symbol("D") * (symbol("omega") - 1)
    assert sp.expand(rate - expected) == 0


def test_definitions_come_in_an_order_in_which_each_needs_only_those_before():
    swapped = model_of(TWO_AXIS.replace("T_e = E_q^{\\prime} I_q", "T_e = P_g + E_q^{\\prime} I_q").replace(
        "V_t = ", "P_g = V_t\nV_t = "))  # fmt: skip
    order = list(swapped.internal)
    assert order.index("V_t") < order.index("P_g") < order.index("T_e")


def test_of_definitions_that_need_each_other_one_is_solved_for():
    model = _with("V_t = \\sqrt{V_{re}^2 + V_{im}^2}", "V_t = a\na = b + V_{re}\nb = V_{im} - a")
    assert model.of("algebraic") == ["I_d", "I_q", "a"]
    assert {"b", "V_t"} <= set(model.of("internal"))
    assert model.residuals[-1] == symbol("a") - symbol("b") - symbol("V_re")


BROKEN: list[Any] = [
    (r"I_d + E_{fd}", r"I_d + E_{fe}", "E_fe (line 3) is determined by no equation"),
    ("% the exciter", "0 = H - D", "line 4 determines no variable"),
    (r"T_A \dot{E}_{fd}", r"T_A \dot{E}_q^{\prime}", "line 5: E_q' has a second derivative equation"),
    (r"2 H \dot{\omega}", r"\dot{\delta} \dot{\omega}", "line 2 has derivatives of"),
    (r"2 H \dot{\omega} =", r"\sin(\dot{\omega}) =", "not linear"),
    (r"\dot{\delta} =", r"\dot{T}_m =", "T_m is declared, and cannot have a derivative"),
    (r"- D (\omega - 1)", r"- D (\omega - 1", "line 2, column 45 of the equation"),
    (r"- D (\omega - 1)", r"- 0 (\omega - 1)", "D is declared, but no equation has it"),
    (r"outputs = ['I_{re}'", r"outputs = ['I_{r}'", "output I_r is defined by no equation"),
    (r"setpoints = ['T_m'", r"setpoints = ['H'", "H is declared twice"),
    (r"kind = ", r"sort = ", "field 'sort' of the model is unknown"),
    ('name = "two-axis"', "name = 3", "field 'name' of the model is no str"),
    ('name = "two-axis"', "", "the model has no name"),
    ("'D' = { value = 0 }", "'D' = { valu = 0 }", "parameter D has no value"),
    ("'D' = { value = 0 }", "'D' = { value = true }", "value = True of parameter D cannot be"),
    ("'D' = { value = 0 }", "'D D' = { value = 0 }", "more than one name"),
    ("'D' = { value = 0 }", "'D' = { value = 0", "the model's file is no TOML"),
    ("[parameters]", "[limits]\n'V_t' = { max = '1' }\n[parameters]", "limits of V_t, which is no state"),
    ("[parameters]", "[limits]\n'E_{fd}' = { most = '1' }\n[parameters]", "limits of E_fd cannot be read"),
    ("[parameters]", "[limits]\n'E_{fd}' = { max = '2 +' }\n[parameters]", "limit '2 +' of E_fd: column"),
    ("[parameters]", "[limits]\n'E_{fd}' = { max = 'E_x' }\n[parameters]", "has E_x, which is not declared"),
    ("[parameters]", "[rates]\n'V_t' = { max = '1' }\n[parameters]", "limits of V_t, which is no state"),
    ("[parameters]", "[starts]\n'V_t' = '1'\n[parameters]", "start of V_t, which initialisation does not search"),
    ("[parameters]", "[starts]\n'I_d' = 'I_q'\n[parameters]", "start 'I_q' of I_d has I_q, which is not declared"),
    ("[parameters]", "[defaults]\n'V_t' = 1.0\n[parameters]", "default 1.0 of V_t cannot be"),
    ("% the exciter", "%" + "x" * 300_000, "larger than 256 KiB"),
]


@pytest.mark.parametrize(("old", "new", "says"), BROKEN, ids=[b[2][:40] for b in BROKEN])
def test_what_is_wrong_is_told_in_one_sentence(old, new, says):
    with pytest.raises(BosError) as told:
        _with(old, new)
    assert says in told.value.what
    assert told.value.mend
    assert "\n" not in str(told.value)


def test_an_error_of_an_equation_is_one_of_a_parameter():
    """So commands that catch what users choose wrongly catch it, too."""
    with pytest.raises(EquationError, match="determined by no equation; declare"):
        _with("R_s I_d", "R_x I_d")
