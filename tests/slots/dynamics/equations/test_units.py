"""Units: those of official models fit, a unit that is changed does not, and the place is told."""

from fractions import Fraction

import pytest

from bos_core.objects.errors import EquationError
from slots.dynamics.catalogue import names, official, text_of
from slots.dynamics.equations.model import model_of
from slots.dynamics.equations.units import check_units, time_power


@pytest.mark.parametrize(
    ("unit", "power"),
    [("s", 1), ("rad/s", -1), ("p.u.", 0), ("s^2", 2), ("s²", 2), ("1/s", -1), ("p.u./s^2", -2), ("MW/h", -1), ("degree", 0),
     ("p.u. s", 1), ("USD", 0), ("share", 0)],
)  # fmt: skip
def test_powers_of_time(unit, power):
    assert time_power(unit) == Fraction(power)


@pytest.mark.parametrize("name", names())
def test_units_of_official_models_fit(name):
    check_units(official(name))


@pytest.mark.parametrize("name", names())
def test_a_time_constant_in_per_unit_is_found(name):
    """Each parameter in seconds, one after the other, is said to be in p.u.; a gain without unit may hide one of them."""
    lines, hidden = text_of(name).split("\n"), 0
    for k, line in enumerate(lines):
        if 'unit = "s"' in line:
            changed = [*lines[:k], line.replace('unit = "s"', 'unit = "p.u."'), *lines[k + 1 :]]
            try:
                check_units(model_of("\n".join(changed)))
                hidden += 1
            except EquationError as error:
                told = str(error)
                assert told.startswith("units do not fit in ")
    assert hidden <= (name == "IEEEST")


@pytest.mark.parametrize(
    ("name", "old", "new", "where"),
    [
        ("TGOV1", "T_1 \\dot{v}", "T_1^2 \\dot{v}", "the equation of v"),
        ("IEEET1", "T_E \\dot{E}_{fd}", "T_E T_A \\dot{E}_{fd}", "the limit of V_R"),
        ("MOTOR", "T' s \\omega_b E_{im}", "T' s E_{im}", "the equation of E_im"),
        ("AC8B", "\\dot{x}_I = K_I e", "\\dot{x}_I = K_I T_D e", "the equation of x_I"),
    ],
)
def test_a_slip_in_an_equation_is_told(name, old, new, where):
    text = text_of(name)
    if old not in text:
        pytest.fail(f"{name} is written otherwise now")
    with pytest.raises(EquationError) as told:
        check_units(model_of(text.replace(old, new, 1)))
    assert f"units do not fit in {where}" in str(told.value)
    assert "factor of s^" in str(told.value)
    assert told.value.mend


def test_what_has_no_unit_is_what_fits():
    text = text_of("TGOV1").replace('unit = "s", ', "").replace('unit = "p.u.", ', "")
    check_units(model_of(text))
