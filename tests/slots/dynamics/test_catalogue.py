"""Official models: documented, right in their derivatives, and what their block diagrams and textbooks say."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from slots.dynamics.catalogue import names, official
from slots.dynamics.equations.checks import TOLERANCE, _random, derivative_error
from slots.dynamics.equations.code import Functions, functions_of
from slots.dynamics.equations.parser import symbol
from slots.dynamics.initial import at_rest
from slots.dynamics.proving import DRIFT, prove

FREQUENCIES = 1j * 2 * np.pi * np.array([0.01, 0.1, 1.0, 10.0])


@pytest.mark.parametrize("name", names())
def test_a_model_is_documented_and_its_derivatives_are_right(name):
    model = official(name)
    assert model.name == name
    assert model.description
    assert model.source
    assert all(v.description for v in model.variables if v.role == "parameter")
    assert derivative_error(functions_of(model)) < TOLERANCE


WITHOUT_COMPLEX = {"LOADFREQ"}  # has the angle of a voltage, which numpy takes of real numbers alone
TINY = 1e-30


@pytest.mark.parametrize("name", sorted(set(names()) - WITHOUT_COMPLEX))
def test_derivatives_are_those_of_complex_steps(name):
    """Im f(x + i 1e-30) / 1e-30, which no difference spoils: 1e-9 of the largest derivative."""
    made = functions_of(official(name), in_c=False)
    arrays = _random(made, np.random.default_rng(5))
    pairs = ((made.residual, made.jacobian, made.entries), (made.outputs, made.output_slopes, made.slopes))
    for function, derivative, entries in pairs:
        told, n = derivative(0.01, *arrays), len(made.unknowns)
        for column in np.unique(entries[:, 1]):
            moved = [a.astype(complex) for a in arrays]
            moved[0 if column < n else 1][column if column < n else column - n] += 1j * TINY
            found = function(0.01, *moved).imag / TINY
            mine = entries[:, 1] == column
            assert np.abs(told[mine] - found[entries[mine, 0]]).max() <= 1e-9 * max(1.0, np.abs(told).max())


def _exciter_1(s: complex, p: dict[str, float]) -> complex:
    forward = p["K_A"] / (1 + s * p["T_A"]) / (p["K_E"] + s * p["T_E"])
    return forward / (1 + forward * s * p["K_F"] / (1 + s * p["T_F"]))


def _static(s: complex, p: dict[str, float]) -> complex:
    forward = p["K_A"] * _stages(s, p, "T_C/T_B") / (1 + s * p["T_A"])
    return forward / (1 + forward * s * p["K_F"] / (1 + s * p["T_F"]))


def _steam(s: complex, p: dict[str, float]) -> complex:
    inlet = p["K_1"] * _stages(s, p, "T_2/T_1") / (1 + s * p["T_3"]) / (1 + s * p["T_4"])
    reheated = p["K_2"] / (1 + s * p["T_5"])
    return -inlet * (1 - p["K_2"] + reheated * (1 - p["K_3"] + p["K_3"] / (1 + s * p["T_6"])))


def _direct(s: complex, p: dict[str, float]) -> complex:
    forward = p["K_A"] * _stages(s, p, "T_C/T_B") / (1 + s * p["T_A"]) / (p["K_E"] + s * p["T_E"])
    return forward / (1 + forward * s * p["K_F"] / (1 + s * p["T_F"]))


def _digital(s: complex, p: dict[str, float]) -> complex:
    control = p["K_P"] + p["K_I"] / s + s * p["K_D"] / (1 + s * p["T_D"])
    return control * p["K_A"] / (1 + s * p["T_A"]) / (p["K_E"] + s * p["T_E"])


def _steam_stages(s: complex, p: dict[str, float]) -> complex:
    x4 = p["K"] * _stages(s, p, "T_2/T_1") / (1 + s * p["T_3"]) / (1 + s * p["T_4"])
    x5 = x4 / (1 + s * p["T_5"])
    x6 = x5 / (1 + s * p["T_6"])
    return -(p["K_1"] * x4 + p["K_3"] * x5 + p["K_5"] * x6 + p["K_7"] * x6 / (1 + s * p["T_7"]))


def _hydro(s: complex, p: dict[str, float]) -> complex:
    """At flow and gate of 0.5: of the water, (1 - T_w g s) / (1 + T_w g s / 2) but for the flow without load."""
    forward = (1 + s * p["T_r"]) / (p["r"] * s * p["T_r"]) / (1 + s * p["T_f"])
    gate = -forward / (1 + p["R"] * forward) / (1 + s * p["T_g"])
    flow = 1 / (1 + s * p["T_w"] * 0.5 / 2)
    return gate * p["A_t"] * (flow + (0.5 - p["q_0"]) * 2 * (flow - 1) / 0.5) - p["D_t"] * 0.5


def _diesel(s: complex, p: dict[str, float]) -> complex:
    control = (1 + s * p["T_3"]) / (1 + s * p["T_1"] + s**2 * p["T_1"] * p["T_2"])
    late = (1 - s * p["T_D"] / 2) / (1 + s * p["T_D"] / 2)
    return -control * p["K"] * (1 + s * p["T_4"]) / (1 + s * p["T_5"]) / (1 + s * p["T_6"]) / s * late


def _filtered(s: complex, p: dict[str, float]) -> complex:
    first, second = (1 + s * p[a] + s**2 * p[b] for a, b in (("A_1", "A_2"), ("A_3", "A_4")))
    shaped = (1 + s * p["A_5"] + s**2 * p["A_6"]) / first / second
    return p["K_S"] * shaped * _stages(s, p, "T_1/T_2", "T_3/T_4") * s * p["T_5"] / (1 + s * p["T_6"])


def _stages(s: complex, p: dict[str, float], *pairs: str) -> complex:
    out = complex(1)
    for pair in pairs:
        lead, lag = pair.split("/")
        out *= (1 + s * p[lead]) / (1 + s * p[lag])
    return out


def _rated(s: complex, p: dict[str, float]) -> complex:
    return s * p["K_F"] / (1 + s * p["T_F"])


def _rectified(s: complex, p: dict[str, float], inner: float) -> complex:
    """Of a rotating rectifier: what a regulator's volt moves its exciter, with a loop around the field."""
    gain = p.get("K_B", 1.0)
    forward = p["K_A"] * _stages(s, p, "T_C/T_B") / (1 + s * p["T_A"])
    exciter = gain / (s * p["T_E"] + p["K_E"] + inner * p["K_E"])
    return forward * exciter / (1 + forward * exciter * p["K_E"] * _rated(s, p))


def _led_back(s: complex, p: dict[str, float]) -> complex:
    forward = p["K_A"] / (1 + s * p["T_A"]) / (p["K_E"] + s * p["T_E"])
    back = s * p["K_F"] * (1 + s * p["T_F3"]) / (1 + s * p["T_F1"]) / (1 + s * p["T_F2"])
    return forward / (1 + forward * back)


def _two_controls(s: complex, p: dict[str, float]) -> complex:
    supply = p["K_P"] * (1 - 0.577 * p["K_C"] / p["K_P"])  # at 1 p.u. of voltage and field current
    outer = (p["K_PR"] + p["K_IR"] / s) / (1 + s * p["T_A"])
    inner = supply * (p["K_PM"] + p["K_IM"] / s)
    return outer * inner / (1 + inner * p["K_G"])


def _forward_fed(s: complex, p: dict[str, float]) -> complex:
    control = p["K_PA"] + p["K_IA"] / s
    return control * (p["K_M"] + p["K_FF"]) / (1 + s * p["T_A"] + p["K_M"] * p["K_G"] / (1 + s * p["T_G"]))


def _from_regulator(s: complex, p: dict[str, float]) -> complex:
    regulator = p["K_A"] / (1 + s * p["T_A"])
    back = s * p["K_F"] / (1 + s * p["T_F1"]) / (1 + s * p["T_F2"])
    return regulator / (1 + regulator * back) / (p["K_E"] + s * p["T_E"])


def _bands(s: complex, p: dict[str, float]) -> complex:
    return sum(p[f"K_{b}"] * (1 / (1 + s * p[f"T_{b}1"]) - 1 / (1 + s * p[f"T_{b}2"])) for b in "LIH")


def _pid(s: complex, p: dict[str, float]) -> complex:
    return p["K_P"] + p["K_I"] / s + s * p["K_D"] / (1 + s * p["T_D"])


def _water(s: complex, start: float) -> complex:
    return (1 - s * start) / (1 + s * start / 2)


def _drooped(s: complex, p: dict[str, float]) -> complex:
    servo = 1 / (p["T_G"] * s * (1 + s * p["T_P"]))
    return -servo / (1 + servo * (p["sigma"] + p["delta_t"] * s * p["T_R"] / (1 + s * p["T_R"]))) * _water(s, p["T_W"])


def _gas(s: complex, p: dict[str, float]) -> complex:
    valve = _pid(s, p) / (1 + s * p["T_act"])
    return -valve / (1 + p["R"] * valve) * p["K_turb"] * _stages(s, p, "T_C/T_B") - p["D_m"]


def _pid_gate(s: complex, p: dict[str, float]) -> complex:
    gate = _pid(s, p) / (1 + s * p["T_g"])
    return -gate / (1 + p["R"] * gate) * _water(s, p["T_w"])


def _diesel_drooped(s: complex, p: dict[str, float]) -> complex:
    box = (1 + s * p["T_3"]) / (1 + s * p["T_1"] + s**2 * p["T_1"] * p["T_2"])
    fuel = box * p["K"] / s / (1 + s * p["T_5"]) / (1 + s * p["T_6"])
    return -fuel / (1 + p["R"] * fuel) * (1 - s * p["T_D"] / 2) / (1 + s * p["T_D"] / 2)


def _fed_back(s: complex, p: dict[str, float]) -> complex:
    return _digital(s, p) / (1 + _digital(s, p) * _rated(s, p))


TRANSFERS: list[tuple[str, str, str, Callable[[complex, Any], complex]]] = [
    ("SEXS", "V_s", "E_fd", lambda s, p: p["K"] * _stages(s, p, "T_A/T_B") / (1 + s * p["T_E"])),
    ("IEEET1", "V_s", "E_fd", _exciter_1),
    ("IEEET1", "V_t", "E_fd", lambda s, p: -_exciter_1(s, p) / (1 + s * p["T_R"])),
    ("EXST1", "V_s", "E_fd", _static),
    ("EXST1", "V_t", "E_fd", lambda s, p: -_static(s, p) / (1 + s * p["T_R"])),
    ("IEESGO", "omega", "P_m", _steam),
    ("GAST", "omega", "P_m", lambda s, p: -1 / p["R"] / (1 + s * p["T_1"]) / (1 + s * p["T_2"]) - p["D_t"]),
    ("TGOV1", "omega", "P_m", lambda s, p: -_stages(s, p, "T_2/T_3") / p["R"] / (1 + s * p["T_1"]) - p["D_t"]),
    ("IEEEX1", "V_s", "E_fd", _direct),
    ("EXAC4", "V_s", "E_fd", lambda s, p: p["K_A"] * _stages(s, p, "T_C/T_B") / (1 + s * p["T_A"])),
    ("SCRX", "V_s", "E_fd", lambda s, p: p["K"] * _stages(s, p, "T_A/T_B") / (1 + s * p["T_E"])),
    ("AC8B", "V_s", "E_fd", _digital),
    ("IEEEG1", "omega", "P_m", _steam_stages),
    ("HYGOV", "omega", "P_m", _hydro),
    ("DEGOV", "omega", "P_m", _diesel),
    ("IEEEST", "omega", "V_s", _filtered),
    ("EXDC2", "V_s", "E_fd", _direct),
    ("EXAC1", "V_s", "E_fd", lambda s, p: _rectified(s, p, 0.0)),
    ("EXAC2", "V_s", "E_fd", lambda s, p: _rectified(s, p, p["K_B"] * p["K_H"])),
    ("ESAC5A", "V_s", "E_fd", _led_back),
    ("ESST4B", "V_s", "E_fd", _two_controls),
    ("ESST5B", "V_s", "E_fd", lambda s, p: p["K_R"] * _stages(s, p, "T_C1/T_B1", "T_C2/T_B2") / (1 + s * p["T_1"])),
    ("ESST6B", "V_s", "E_fd", _forward_fed),
    ("IEEET2", "V_s", "E_fd", _from_regulator),
    ("DC4B", "V_s", "E_fd", _fed_back),
    ("PSS4B", "omega", "V_s", _bands),
    ("IEEEG2", "omega", "P_m", lambda s, p: -p["K"] * _stages(s, p, "T_2/T_1") / (1 + s * p["T_3"]) / (1 + s * p["T_g"])
     * _water(s, p["T_4"])),
    ("IEEEG3", "omega", "P_m", _drooped),
    ("GGOV1", "omega", "P_m", _gas),
    ("PIDGOV", "omega", "P_m", _pid_gate),
    ("DEGOV1", "omega", "P_m", _diesel_drooped),
    ("STAB1", "omega", "V_s", lambda s, p: p["K"] * s * p["T"] / (1 + s * p["T"]) * _stages(s, p, "T_1/T_3", "T_2/T_4")),
]  # fmt: skip


def _transfer(made: Functions, source: str, sink: str, held: tuple[str, ...] = ()) -> Callable[[complex], complex]:
    """From an input to an output, small changes about a state inside all limits; states held do not move."""
    n, k = len(made.unknowns), made.inputs.index(source)
    x, u = np.full((n, 1), 0.5), np.full((len(made.inputs), 1), 1.0)
    if made.model.kind == "stabiliser" or held:
        x[:] = 0.0
    p = made.values(1)
    p[len(made.model.of("parameter")) :] = 1.0  # set points
    if held:
        p[made.constants.index("R_s")] = 0.0
    arrays = [x, u, p, x[: made.states], x[: made.states]]

    def full(entries: Any, values: Any, rows: int) -> Any:
        out = np.zeros((rows, len(x) + len(u) + len(p)))
        out[entries[:, 0], entries[:, 1]] = values[:, 0]
        return out

    # Without a step the residual is M (x - x').
    masses = full(made.entries, made.jacobian(0.0, *arrays), n)[:, :n]
    masses[made.states :] = 0.0  # algebraic equations
    for name in held:
        masses[made.unknowns.index(name)] *= 1e15
    at_rest = full(made.standing, made.steady_slopes(0.0, *arrays), n + len(made.model.outputs))
    rates, out = at_rest[:n], at_rest[n:]
    row = made.model.outputs.index(sink)

    def at(s: complex) -> complex:
        solved = np.linalg.solve(s * masses - rates[:, :n], rates[:, n + k])
        return complex(out[row, :n] @ solved + out[row, n + k])

    return at


@pytest.mark.parametrize(("name", "source", "sink", "diagram"), TRANSFERS, ids=[f"{t[0]}-{t[1]}" for t in TRANSFERS])
def test_small_changes_are_those_of_the_block_diagram(name, source, sink, diagram):
    """Transfer functions at four frequencies, 1e-9."""
    model = official(name)
    found = _transfer(functions_of(model, in_c=False), source, sink)
    p = {v.name: v.value for v in model.variables if v.value is not None}
    for s in FREQUENCIES:
        assert found(s) == pytest.approx(diagram(s, p), rel=1e-9)


@pytest.mark.parametrize(("state", "name", "side"), [("E_fd", "SEXS", 1), ("V_R", "IEEET1", -1), ("v", "TGOV1", 1)])
def test_at_a_limit_an_integrator_stops_and_comes_back(state, name, side):
    made = functions_of(official(name), in_c=False)
    p = {symbol(v.name): v.value for v in made.model.variables if v.value is not None}
    low, high = (float(e.subs(p)) for e in made.model.limits[state])
    row = made.unknowns.index(state)
    for push in (1, -1):
        x = np.full((len(made.unknowns), 1), 0.5)
        x[row] = high if side > 0 else low
        u, constants = np.ones((len(made.inputs), 1)), made.values(1)
        constants[len(made.model.of("parameter")) :] = 1 + 9.0 * push  # the set point far above or below
        rate = made.rates(0.0, x, u, constants, x[: made.states], x[: made.states])[row, 0]
        assert (rate == 0) if push == side else (rate * push > 0)


@pytest.mark.parametrize("side", [1, -1])
def test_a_valve_opens_and_closes_no_faster_than_it_can(side):
    made = functions_of(official("IEEEG1"), in_c=False)
    x, p, row = np.full((len(made.unknowns), 1), 0.5), made.values(1), made.unknowns.index("g")
    p[len(made.model.of("parameter")) :] = 5.0 * side
    rate = made.rates(0.0, x, np.ones((1, 1)), p, x, x)[row, 0] / p[made.constants.index("T_3"), 0]
    assert rate == pytest.approx(p[made.constants.index("U_o" if side > 0 else "U_c"), 0])


@pytest.mark.parametrize("seed", range(3))
def test_the_power_of_machines_is_that_of_the_textbook(seed):
    """P over the angle without resistance: Sauer and Pai (1998), equations of sections 5.4 and 5.6."""
    rng = np.random.default_rng(seed)
    for name in ("GENCLS", "GENTWO"):
        made = functions_of(official(name), in_c=False)
        x = rng.uniform(0.3, 1.1, (len(made.unknowns), 4))
        u, p = rng.uniform(0.3, 1.1, (len(made.inputs), 4)), made.values(4)
        p[made.constants.index("R_s")] = 0.0
        p[len(made.model.of("parameter")) :] = rng.uniform(0.8, 1.2)
        _solve_algebraic(made, x, u, p)
        told = {**dict(zip(made.unknowns, x, strict=True)), **dict(zip(made.inputs, u, strict=True)),
                **dict(zip(made.constants, p, strict=True))}  # fmt: skip
        v = told["V_re"] + 1j * told["V_im"]
        out = made.outputs(0.0, x, u, p, x[: made.states], x[: made.states])
        power = (v * np.conj(out[0] + 1j * out[1])).real
        angle, size = told["delta"] - np.angle(v), np.abs(v)
        xd, xq = told["X_d'"], told.get("X_q'", told["X_d'"])
        eq, ed = (told["E'"], 0.0) if name == "GENCLS" else (told["E_q'"], told["E_d'"])
        expected = eq * size / xd * np.sin(angle) - ed * size / xq * np.cos(angle)
        expected = expected + size**2 / 2 * (1 / xq - 1 / xd) * np.sin(2 * angle)
        np.testing.assert_allclose(power, expected, rtol=1e-9)


def test_compensators_and_loads_inject_what_they_should():
    """S = V conj(I): reactive power B V^2 and I V of compensators, a load's powers; a load recovers to its long-run exponent."""
    rng = np.random.default_rng(4)
    for name in ("SVC", "STATCOM", "SVCPI", "STATCOMPI", "LOADREC"):
        made = functions_of(official(name), in_c=False)
        x, u, p = rng.uniform(0.2, 0.9, (made.states, 3)), rng.uniform(0.4, 1.0, (2, 3)), made.values(3)
        points = rng.uniform(0.5, 1.5, (len(made.constants) - len(made.model.of("parameter")), 3))
        p[len(made.model.of("parameter")) :] = points
        size = np.hypot(*u)
        if name == "LOADREC":  # recovered: its states as the long-run exponents say
            at = {k: p[made.constants.index(k)] for k in made.constants}
            x[0] = at["P_0"] * (size ** at["N_ps"] - size ** at["N_pt"])
            x[1] = at["Q_0"] * (size ** at["N_qs"] - size ** at["N_qt"])
            assert np.abs(made.rates(0.0, x, u, p, x, x)).max() < 1e-12
            expected = -(at["P_0"] * size ** at["N_ps"] + 1j * at["Q_0"] * size ** at["N_qs"])
        else:
            given = next(k for k, n in enumerate(made.unknowns) if n in ("B", "I_q", "i_q"))
            expected = 1j * x[given] * (size**2 if name.startswith("SVC") else size)
        out = made.outputs(0.0, x, u, p, x, x)
        np.testing.assert_allclose((u[0] + 1j * u[1]) * np.conj(out[0] + 1j * out[1]), expected, atol=1e-12)


def _solve_algebraic(made: Functions, x: Any, u: Any, p: Any) -> None:
    """The stator's currents are linear: one step of Newton's method finds them."""
    s, n, xp = made.states, len(made.unknowns), x[: made.states].copy()
    r = made.residual(0.0, x, u, p, xp, xp)
    values = made.jacobian(0.0, x, u, p, xp, xp)
    for k in range(x.shape[1]):
        j = np.zeros((n, n + len(made.inputs)))
        j[made.entries[:, 0], made.entries[:, 1]] = values[:, k]
        x[s:, k] -= np.linalg.solve(j[s:, s:n], r[s:, k])


@pytest.mark.parametrize("name", names())
def test_a_model_comes_to_rest_on_the_test_system_and_stays(name):
    """10 s on the WSCC 9-bus system, pushed by 1e-10: no unknown moves by 1e-6."""
    proof = prove(functions_of(official(name)))
    assert 0 < proof.drift < DRIFT


@pytest.mark.parametrize("name", ["GENTWO", "GENONE", "GENROU", "GENSAL"])
def test_reactances_of_machines_are_those_of_their_names(name):
    """I over V of the stator at fixed angle: synchronous reactances at rest, the smallest ones at once (1e-6)."""
    made = functions_of(official(name), in_c=False)
    p = {v.name: v.value for v in made.model.variables if v.value is not None}
    held = ("delta", "omega")
    direct, across = _transfer(made, "V_re", "I_im", held), _transfer(made, "V_im", "I_re", held)
    assert 1 / direct(1e-7j) == pytest.approx(p["X_d"], rel=1e-6)
    assert -1 / across(1e-7j) == pytest.approx(p["X_q"], rel=1e-6)
    least_d = p.get("X_d''", p["X_d'"])
    least_q = p.get("X_q''", p.get("X_q'", p["X_q"]))
    assert 1 / direct(1e8j) == pytest.approx(least_d, rel=1e-6)
    assert -1 / across(1e8j) == pytest.approx(least_q, rel=1e-6)


def test_a_motor_is_its_equivalent_circuit():
    """At rest: stator in series with the magnetising reactance beside the rotor's R_r / s (Kundur, 1994, figure 7.6)."""
    proof = prove(functions_of(official("MOTOR")))
    (device,) = (d for d in proof.case.devices if d.name == proof.name)
    rest = at_rest(proof.case)[proof.case.devices.index(device)]
    made = proof.case.models["MOTOR"]
    x, p = (dict(zip(n, v, strict=True)) for n, v in ((made.unknowns, rest.x), (made.constants, rest.p)))
    rotor, magnet = p["R_r"] / x["s"] + 1j * p["X_r"], 1j * p["X_m"]
    z = p["R_s"] + 1j * p["X_s"] + magnet * rotor / (magnet + rotor)
    v = proof.case.v[device.bus]
    assert x["i_re"] + 1j * x["i_im"] == pytest.approx(v / z, rel=1e-8)
    taken = v * np.conj(v / z) + np.conj(1j * p["B_c"]) * abs(v) ** 2
    assert taken == pytest.approx(-device.injected / 100, rel=1e-8)
    assert 0 < x["s"] < 0.02


def _at_rest(name: str) -> tuple[Any, dict[str, float], dict[str, float]]:
    """A model's device on the test system, its unknowns and constants at rest."""
    proof = prove(functions_of(official(name)))
    k = next(i for i, d in enumerate(proof.case.devices) if d.name == proof.name)
    rest, made = at_rest(proof.case)[k], proof.case.models[name]
    x, p = (dict(zip(n, v, strict=True)) for n, v in ((made.unknowns, rest.x), (made.constants, rest.p)))
    return (proof.case.devices[k], proof.case.v[proof.case.devices[k].bus]), x, p


@pytest.mark.parametrize(("name", "slip"), [("MOTORSLIP", lambda x: x["s"]), ("WTG1", lambda x: 1 - x["omega_g"])])
def test_machines_of_induction_are_their_equivalent_circuit(name, slip):
    """The power that the circuit takes at the slip of rest, less that of the capacitor, is what the power flow gives."""
    (device, v), x, p = _at_rest(name)
    rotor, magnet = p["R_r"] / slip(x) + 1j * p["X_r"], 1j * p["X_m"]
    z = p["R_s"] + 1j * p["X_s"] + magnet * rotor / (magnet + rotor)
    taken = abs(v) ** 2 / np.conj(z) - 1j * p["B_c"] * abs(v) ** 2
    assert taken == pytest.approx(-device.injected / device.rating, rel=1e-7)
    assert (slip(x) > 0) == (name == "MOTORSLIP")


@pytest.mark.parametrize("name", ["REGCA", "PVD1", "GFLPLL", "BESS"])
def test_converters_are_asked_for_what_they_give(name):
    (device, v), x, p = _at_rest(name)
    assert p["P_ref"] + 1j * p["Q_ref"] == pytest.approx(device.injected / device.rating, rel=1e-8)
    if "theta" in x:
        assert x["theta"] == pytest.approx(np.angle(v), abs=1e-9)  # the loop has locked


def test_a_battery_gives_more_where_the_frequency_is_low():
    """One over the droop times what lies beyond the dead band."""
    made = functions_of(official("BESS"), in_c=False)
    c = dict(zip(made.constants, made.values(1)[:, 0], strict=True))
    x, u, p = np.zeros((len(made.unknowns), 1)), np.array([[1.0], [0.0]]), made.values(1)
    low = -0.002
    x[made.unknowns.index("V_m")], x[made.unknowns.index("f_m")] = 1.0, low
    rate = made.rates(0.0, x, u, p, x[: made.states], x[: made.states])[made.unknowns.index("i_d"), 0]
    assert rate == pytest.approx(-c["K_f"] * (low + c["D_B"]), rel=1e-12)


def test_a_dead_band_is_dead_and_no_step():
    made = functions_of(official("TGOV1DB"), in_c=False)
    c = dict(zip(made.constants, made.values(1)[:, 0], strict=True))
    x, p = np.full((len(made.unknowns), 1), 0.5), made.values(1)
    p[made.constants.index("P_ref")] = 0.5
    for off, beyond in ((0.0, 0.0), (0.0005, 0.0), (-0.0005, 0.0), (0.01, 0.01 - c["D_B"]), (-0.01, c["D_B"] - 0.01)):
        rate = made.rates(0.0, x, np.array([[1 + off]]), p, x, x)[made.unknowns.index("x_1"), 0]
        assert rate == pytest.approx(-beyond / c["R"], abs=1e-9)


@pytest.mark.parametrize("name", ["GFMDROOP", "VSM", "GFMVOC", "GFMMATCH"])
def test_converters_that_form_the_grid_stand_behind_their_impedance(name):
    proof = prove(functions_of(official(name)))
    k = next(i for i, d in enumerate(proof.case.devices) if d.name == proof.name)
    device, rest, made = proof.case.devices[k], at_rest(proof.case)[k], proof.case.models[name]
    x, p = (dict(zip(n, v, strict=True)) for n, v in ((made.unknowns, rest.x), (made.constants, rest.p)))
    v = proof.case.v[device.bus]
    current = np.conj(device.injected / device.rating / v)
    assert x["E"] * np.exp(1j * x["delta"]) == pytest.approx(v + (p["R"] + 1j * p["X"]) * current, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "exponents"), [("ZIP", None), ("EXPLOAD", ("alpha", "beta")), ("LOADMULT", ("t_p", "t_q"))]
)
def test_loads_follow_the_voltage(name, exponents):
    """Powers at other voltages than that of rest: polynomials and powers of the definition (1e-12)."""
    made = functions_of(official(name), in_c=False)
    p = made.values(1)
    c = dict(zip(made.constants, p[:, 0], strict=True))
    p[made.constants.index("P_0")], p[made.constants.index("Q_0")] = 0.7, 0.2
    for size in (0.6, 0.9, 1.1):
        v = size * np.exp(0.3j)
        x = np.full((made.states, 1), 1.0 if name == "LOADMULT" else size)
        out = made.outputs(0.0, x, np.array([[v.real], [v.imag]]), p, x, x)[:, 0]
        power = -v * np.conj(out[0] + 1j * out[1])
        if exponents is None:
            shares = [(c["a_P"], c["b_P"]), (c["a_Q"], c["b_Q"])]
            expected = [s * (a * size**2 + b * size + 1 - a - b) for s, (a, b) in zip((0.7, 0.2), shares, strict=True)]
        else:
            expected = [s * size ** c[e] for s, e in zip((0.7, 0.2), exponents, strict=True)]
        assert power == pytest.approx(complex(*expected), rel=1e-12)
