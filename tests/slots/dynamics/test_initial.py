"""Devices at rest: the textbook's sequence, vanishing rates, and one sentence where there is no rest."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from bos_core.objects.errors import BosError, EquationError, ParameterError
from slots.dynamics.catalogue import official
from slots.dynamics.devices import Device, DynamicCase
from slots.dynamics.equations.code import Functions, functions_of
from slots.dynamics.equations.model import model_of
from slots.dynamics.initial import at_rest

V = 1.02 * np.exp(0.1j)
G = Device("G", "GENTWO", 0, injected=80 + 30j)


@cache
def _models() -> dict[str, Functions]:
    names = (
        "GENTWO",
        "GENROU",
        "GENSAL",
        "GENONE",
        "GENCLS",
        "SEXS",
        "EXST1",
        "TGOV1",
        "GAST",
        "STAB1",
        "STATCOM",
        "LOADREC",
    )
    return {n: functions_of(official(n), in_c=False) for n in names}


def _case(*devices: Device, v: complex = V) -> DynamicCase:
    return DynamicCase(100.0, sparse.csc_matrix((1, 1), dtype=complex), np.array([v]), devices, _models())


@pytest.mark.parametrize("model", ["GENTWO", "GENROU", "GENSAL", "GENONE"])
@settings(max_examples=15, deadline=None)
@given(st.floats(-100, 100), st.floats(-60, 90), st.floats(0.9, 1.1), st.floats(-3, 3))
def test_a_machine_rests_as_the_textbook_says(model, p, q, size, angle):
    """Sauer and Pai (1998), section 7.6: rotor angle behind R + jX_q, then currents, voltages and the field (1e-9)."""
    v = size * np.exp(1j * angle)
    machine = replace(G, model=model, injected=p + 1j * q)
    (rest,) = at_rest(_case(machine, v=v))
    made = _models()[model]
    c = dict(zip(made.constants, rest.p, strict=True))
    current = np.conj((p + 1j * q) / 100 / v)
    delta = np.angle(v + (c["R_s"] + 1j * c["X_q"]) * current)
    turned = np.exp(1j * (np.pi / 2 - delta))
    (i_d, i_q), (_, v_q) = ((z.real, z.imag) for z in (current * turned, v * turned))
    e_q = v_q + c["R_s"] * i_q + c["X_d'"] * i_d
    expected = {"omega": 1.0, "E_q'": e_q, "I_d": i_d, "I_q": i_q}
    if "X_q'" in c:
        expected["E_d'"] = (c["X_q"] - c["X_q'"]) * i_q
    told = dict(zip(made.unknowns, rest.x, strict=True))
    for name, value in expected.items():
        assert told[name] == pytest.approx(value, abs=1e-9)
    assert np.exp(1j * told["delta"]) == pytest.approx(np.exp(1j * delta), abs=1e-9)
    inputs = dict(zip(made.inputs, rest.u, strict=True))
    assert inputs["E_fd"] == pytest.approx(e_q + (c["X_d"] - c["X_d'"]) * i_d, abs=1e-9)
    assert inputs["P_m"] == pytest.approx((p / 100) + c["R_s"] * abs(current) ** 2, abs=1e-9)


def test_controllers_are_set_so_that_they_give_what_the_machine_needs():
    plant = (G, Device("E", "EXST1", of="G"), Device("T", "TGOV1", of="G"), Device("S", "STAB1", of="G"))
    case = _case(*plant)
    for device, rest in zip(plant, at_rest(case), strict=True):
        made = case.models[device.model]
        states = rest.x[: made.states, None]
        rates = made.rates(0.0, rest.x[:, None], rest.u[:, None], rest.p[:, None], states, states)
        assert np.abs(rates).max() < 1e-9, device.name
    told = {
        d.name: dict(zip(_models()[d.model].constants, r.p, strict=True))
        for d, r in zip(plant, at_rest(case), strict=True)
    }
    assert told["T"]["P_ref"] == pytest.approx(0.05 * at_rest(case)[0].u[3], rel=1e-9)  # droop times power


def test_plants_of_one_structure_rest_as_each_alone():
    rng = np.random.default_rng(3)
    devices = [replace(G, name=f"G{k}", injected=complex(*rng.uniform(10, 90, 2))) for k in range(7)]
    exciters = [Device(f"E{k}", "SEXS", of=f"G{k}", parameters={"E_max": 9.0}) for k in range(7)]
    together = at_rest(_case(*devices, *exciters))
    for k in range(7):
        for a, b in zip(at_rest(_case(devices[k], exciters[k])), (together[k], together[7 + k]), strict=True):
            np.testing.assert_allclose(np.concatenate([a.x, a.p]), np.concatenate([b.x, b.p]), atol=1e-8)


WRONG = [
    ((replace(G, injected=280 + 230j), Device("E", "SEXS", of="G")), EquationError, "E_fd of E must start at 7.087, above its limit of 5"),
    ((replace(G, model="GENCLS", injected=120 + 30j), Device("T", "GAST", of="G")), EquationError, "plant G cannot be at rest: "),
    ((Device("C", "STATCOM", 0, injected=10 + 30j),), EquationError, "plant C cannot be at rest: the current I_re"),
    ((G, Device("T", "TGOV1", of="G"), Device("U", "GAST", of="G")), ParameterError, "both T and U give P_m to G"),
    ((G, Device("T", "TGOV1", of="H")), ParameterError, "device T belongs to 'H', which injects nothing"),
    ((G, G), ParameterError, "device G occurs twice"),
    ((replace(G, model="GENNO"),), ParameterError, "model 'GENNO' of device G is unknown"),
    ((replace(G, parameters={"X": 1.0}),), ParameterError, "'X' of device G is no parameter of GENTWO"),
    ((replace(G, bus=4),), ParameterError, "bus 4 of device G is none"),
    ((Device("T", "TGOV1", 0),), ParameterError, "device T (governor) injects no current"),
    ((G, Device("L", "LOADREC", of="G")), ParameterError, "device L (load) belongs to a plant"),
]  # fmt: skip


@pytest.mark.parametrize(("devices", "kind", "says"), WRONG, ids=[w[2][:30] for w in WRONG])
def test_what_cannot_rest_is_told_in_one_sentence(devices, kind, says):
    with pytest.raises(BosError) as told:
        at_rest(_case(*devices))
    assert isinstance(told.value, kind)
    assert says in told.value.what
    assert told.value.mend
    assert "\n" not in str(told.value)


def test_singular_equations_are_told():
    """Two set points that only their sum is known of."""
    text = r"""
name = "twice"
kind = "load"
description = "a current of two set points"
inputs = ['V_{re}', 'V_{im}']
setpoints = ['a', 'b']
outputs = ['I_{re}', 'I_{im}']
equations = '''
T \dot{x} = a + b - x
I_{re} = x V_{re}
I_{im} = x V_{im}
'''

[parameters]
'T' = { value = 1.0 }
"""
    case = replace(
        _case(Device("L", "twice", 0, injected=10.0)), models={"twice": functions_of(model_of(text), in_c=False)}
    )
    with pytest.raises(EquationError, match=r"plant L has no definite state of rest: nothing determines [ab] of twice"):
        at_rest(case)
