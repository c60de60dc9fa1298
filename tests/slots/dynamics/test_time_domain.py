"""The engine: its derivatives, its order, and what others say: other integrators, the equal-area criterion, ANDES."""

import os
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sparse

from bos_core.objects.errors import ParameterError
from slots.dynamics.andes_bridge import VARIABLE, simulate_in_andes
from slots.dynamics.catalogue import official
from slots.dynamics.devices import Device, DynamicCase
from slots.dynamics.equations.code import Functions, functions_of
from slots.dynamics.events import BranchTrip, Change, DeviceTrip, Shunt, fault
from slots.dynamics.from_case import Part, Plant, dynamic_case
from slots.dynamics.initial import at_rest
from slots.dynamics.machines import DROOP, LEAD_S, REHEAT_S, VALVE_S, new_england
from slots.dynamics.study import Study, read_study, systems
from slots.dynamics.swing import Trip
from slots.dynamics.swing import simulate as swing
from slots.dynamics.system import System
from slots.dynamics.time_domain import Response, simulate
from slots.grid.admittance import admittance
from slots.sources.catalogue import matpower_folder
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import read_case

in_andes = pytest.mark.skipif(VARIABLE not in os.environ, reason=f"no ANDES: {VARIABLE} is not set")


@cache
def _study(name: str) -> Study:
    return read_study(name)


def _angle(r: Response, device: str) -> np.ndarray:
    return r.of(device, "delta") - r.of("G1", "delta")


@pytest.mark.parametrize("name", systems())
def test_derivatives_of_the_whole_system_are_those_of_differences(name):
    """At a random state, by central differences over 1e-6: 1e-6 of the largest, rows of faults included."""
    dynamic = _study(name).dynamic
    system = System(dynamic, at_rest(dynamic))
    fault(3, 0.0, 1.0)[0].act(system)
    system.begin()
    system.z += np.random.default_rng(1).normal(0, 0.01, len(system.z))
    found, h = system.derivatives(0.01).toarray(), 0.01
    z = system.z.copy()
    for k in range(len(z)):
        sides = []
        for sign in (1, -1):
            system.z[:] = z
            system.z[k] += sign * 1e-6
            sides.append(system.residual(h))
        np.testing.assert_allclose((sides[0] - sides[1]) / 2e-6, found[:, k], atol=1e-6 * np.abs(found).max())


@pytest.mark.parametrize("name", systems())
def test_at_rest_nothing_moves(name):
    z = simulate(_study(name).dynamic, seconds=5.0).z
    assert np.abs(z - z[0]).max() < 1e-8


def test_the_error_falls_with_the_square_of_the_step():
    study = _study("wscc9")
    ends = [simulate(study.dynamic, study.events, 2.0, h).z[-1] for h in (1 / 240, 1 / 480, 1 / 960)]
    first, second = (np.abs(a - b).max() for a, b in pairwise(ends))
    assert 3.3 < first / second < 4.7


def test_a_trip_is_that_of_the_reduced_network():
    """Machines behind reactances with governors on 39 buses: `swing` integrates the reduced network by an explicit method
    of eighth order (1e-4 p.u. of speed at a step of 1/240 s)."""
    case, (_, m) = read_case(matpower_folder() / "case39.m"), new_england()
    models = {n: functions_of(official(n)) for n in ("GENCLS", "TGOV1")}
    governor = {"R": DROOP, "T_1": VALVE_S, "T_2": LEAD_S, "T_3": REHEAT_S, "V_max": 99.0, "V_min": -99.0}
    plants = [
        Plant(m.rating[k], (
            Part("GENCLS", {"H": m.inertia[k] / 2, "D": m.damping[k], "X_d'": m.reactance[k]}), Part("TGOV1", governor),
        ), unit=k) for k in range(10)
    ]  # fmt: skip
    dynamic = dynamic_case(case, plants, models)
    ours = simulate(dynamic, [DeviceTrip("G4", 1.0)], 5.0, 1 / 240)
    power = np.array([d.injected for d in dynamic.devices if not d.of])
    ybus = admittance(grid_from_case(case)).ybus.toarray()
    theirs = swing(
        ybus, dynamic.v, power.real, power.imag, case.bus[:, 2] + 1j * case.bus[:, 3], 100.0, m, Trip(3), 5.0
    )
    for k in (0, 2, 9):
        speed = np.interp(theirs.t, ours.t, ours.of(f"G{k + 1}", "omega"))
        np.testing.assert_allclose(speed, theirs.speed[:, k], atol=1e-4)


def _one_machine(power: float) -> tuple[DynamicCase, float]:
    """A machine without damping at an infinite bus behind 0.5 p.u., 0.3 p.u. of its own; and what its power can reach."""
    models: dict[str, Functions] = {"GENCLS": functions_of(official("GENCLS"))}
    y = 1 / 0.5j
    ybus = sparse.csc_matrix(np.array([[y, -y], [-y, y]]))
    far = 1.0 + 0j
    near = 1.05 * np.exp(1j * np.arcsin(power * 0.5 / 1.05))
    current = (near - far) * y
    machine = Device("G1", "GENCLS", 0, injected=complex(near * np.conj(current)) * 100, parameters={"D": 0.0})
    rest = {"D": 0.0, "H": 1e5, "X_d'": 1e-3}
    source = Device("G2", "GENCLS", 1, injected=complex(-far * np.conj(current)) * 100, parameters=rest)
    emf = abs(near + 0.3j * current)
    return DynamicCase(100.0, ybus, np.array([near, far]), (machine, source), models), emf / 0.801


def test_the_critical_clearing_time_is_that_of_equal_areas():
    """Kundur (1994), section 13.1: a fault at the terminals stops all transfer; to one step of 1/960 s."""
    power = 0.8
    case, most = _one_machine(power)
    start = np.arcsin(power / most)
    end = np.pi - start
    critical = np.arccos(power / most * (end - start) + np.cos(end))
    seconds = np.sqrt(4 * 3.5 * (critical - start) / (2 * np.pi * 60 * power))
    for cleared, stable in ((seconds - 1 / 480, True), (seconds + 1 / 480, False)):
        told = simulate(case, fault(0, 0.5, 0.5 + cleared), 3.0, 1 / 960)
        assert told.stable is stable, told.reason
    assert told.reason.startswith("rotors lost step at ")


def test_a_machine_without_damping_keeps_its_energy():
    """Kinetic and potential energy after the fault: to 5e-4 of what the fault gave (the far machine moves, too)."""
    power = 0.8
    case, most = _one_machine(power)
    r = simulate(case, fault(0, 0.5, 0.6), 4.0, 1 / 480)
    after = r.t > 0.6001
    speed, delta = (r.of("G1", n)[after] for n in ("omega", "delta"))
    delta = delta - r.of("G2", "delta")[after]
    energy = 3.5 * 2 * np.pi * 60 * (speed - 1) ** 2 - power * delta - most * np.cos(delta)
    given = energy.mean() + power * np.arcsin(power / most) + most * np.cos(np.arcsin(power / most))
    assert np.ptp(energy) < 5e-4 * given


def test_an_integrator_stays_at_its_limit_and_leaves_it_at_once():
    study = _study("new_england")
    r = simulate(study.dynamic, fault(15, 1.0, 1.1), 3.0)
    field = r.of("G2.SEXS", "E_fd")
    ceiling = 5.0
    assert field.max() == pytest.approx(ceiling, abs=1e-8)
    held = np.flatnonzero(field > ceiling - 1e-8)
    assert len(held) >= 5
    assert (field[held[-1] + 2 :] < ceiling - 1e-3).all()


def test_events_do_what_they_say():
    study = _study("wscc9")
    dynamic, case = study.dynamic, study.case
    adm = admittance(grid_from_case(case))
    k = 4  # from bus 6 to 7
    f, t = (int(case.branch[k, c]) - 1 for c in (0, 1))
    trip = BranchTrip(f, t, ((adm.yff[k], adm.yft[k]), (adm.ytf[k], adm.ytt[k])), 0.5)
    without = simulate(dynamic, [trip], 1.0).system.ybus
    assert abs(without[f, t]) < 1e-12
    assert without[f, f] == pytest.approx(dynamic.ybus[f, f] - adm.yff[k])
    stepped = simulate(dynamic, [Change("G2.TGOV1", "P_ref", 0.005, 0.5)], 20.0)
    assert stepped.of("G2.TGOV1", "v")[-1] > stepped.of("G2.TGOV1", "v")[0] + 0.02
    loaded = simulate(dynamic, [Shunt(4, 0.3 + 0j, 0.5)], 2.0)
    assert loaded.of("G1", "omega")[-1] < 1.0
    assert abs(loaded.v[-1, 4]) < abs(loaded.v[0, 4])


@pytest.mark.parametrize(
    ("event", "says"),
    [(Shunt(99, 1j, 1.0), "bus 99 of an event is none"), (DeviceTrip("G9", 1.0), "device 'G9' of an event is none"),
     (DeviceTrip("G1.TGOV1", 1.0), "G1.TGOV1 injects nothing"), (Change("G1", "T", 1.0, 1.0), "G1 has no T to change"),
     (BranchTrip(0, 8, ((0j, 0j), (0j, 0j)), 1.0), "no branch joins buses 0 and 8")],
)  # fmt: skip
def test_an_event_of_what_is_not_there_is_refused(event, says):
    with pytest.raises(ParameterError, match=says):
        simulate(_study("wscc9").dynamic, [event], 2.0)


def test_a_network_that_cannot_carry_its_load_is_told():
    told = simulate(
        _study("wscc9").dynamic, [Shunt(4, 200.0 + 0j, 0.5), DeviceTrip("G1", 0.6), DeviceTrip("G2", 0.6)], 5.0
    )
    assert told.reason.startswith("voltages collapsed")
    assert told.t[-1] < 5.0


def test_c_and_numpy_tell_the_same():
    study = _study("wscc9")
    plain = {n: functions_of(made.model, in_c=False) for n, made in study.dynamic.models.items()}
    a, b = (simulate(d, study.events, 2.0).z for d in (study.dynamic, replace(study.dynamic, models=plain)))
    np.testing.assert_allclose(a, b, atol=1e-7)


@in_andes
@pytest.mark.parametrize("name", systems())
def test_trajectories_are_those_of_andes_under_refinement(name):
    """Rotor angles after the fault: the converted models in ANDES come within 1e-3 rad as its steps shrink."""
    study = _study(name)
    rest = at_rest(study.dynamic)
    ours = simulate(study.dynamic, study.events, 2.5, 1 / 960, rest)
    apart = []
    for step in (1 / 240, 1 / 960):
        theirs = simulate_in_andes(study.case, study.dynamic, rest, study.faults, 2.5, step, 1e-8)
        after = theirs["t"] > 1.2
        apart.append(max(
            np.abs(np.interp(theirs["t"][after], ours.t, _angle(ours, k)) - (d - theirs["delta"]["G1"])[after]).max()
            for k, d in theirs["delta"].items()
        ))  # fmt: skip
    assert apart[1] < 1e-3
    assert apart[1] < apart[0]
