"""Why a limit stays broken: two buses, where the reasons can be told by hand; and actions that mend what AC limits break."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slots.algorithms.adjustment.left import what_is_left
from slots.algorithms.adjustment.search import Search
from slots.contracts.adjustment import AdjustmentRequest, Limit, Why
from slots.contracts.curative import with_change
from slots.contracts.n1 import limits
from slots.grid.admittance import admittance, branch_flows
from slots.grid.network import Network, whole
from slots.grid.operating_point import OperatingPoint, settle
from slots.grid.outage import hour_before, solve_outage
from slots.sources.catalogue import load_source
from slots.suites.cases import _insecure_hour

# Two lines of 100 MVA each feed 120 MW: once one is lost, the other carries more than it may.
CASE = """function mpc = two
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
1 3 0 0 0 0 1 1 0 230 1 1.1 0.9;
2 2 120 20 0 0 1 1 0 230 1 1.1 0.9;
];
mpc.gen = [
1 120 0 300 -300 1 100 1 300 0;
2 0 0 300 -300 1 100 1 100 0;
];
mpc.branch = [
1 2 0.001 0.05 0 100 100 100 0 0 1 -360 360;
1 2 0.001 0.05 0 100 100 100 0 0 1 -360 360;
];
mpc.gencost = [
2 0 0 2 10 0;
2 0 0 2 20 0;
];
"""


def _two(folder: Path) -> Network:
    path = folder / "two.m"
    path.write_text(CASE)
    return whole(load_source(str(path)).grid)


def _left(net: Network, on: bool, room: float, demand: float) -> list[tuple[Limit, Why]]:
    """What is told of the two buses as they are: unit 2 runs or not and has so many MW of room."""
    running, p = np.array([True, on]), np.array([120.0, 0.0])
    fixed = -(net.grid.buses.pd + 1j * net.grid.buses.qd) / net.grid.base_mva
    zero = np.zeros(2)
    held = net.voltage_controlled(running)
    point = OperatingPoint(
        p, running, np.array([0.0, 0.0]), np.array([300.0, room]), fixed, zero, np.ones(2, complex), held, zero, zero,
        np.zeros(len(net.grid.changers)),
    )  # fmt: skip
    adm = admittance(net.grid)
    point, ok = settle(net, adm.ybus, point)
    assert ok
    search = Search(AdjustmentRequest(net, point, np.array([0.0, demand]), net.contingencies), adm)
    found = what_is_left(search, point, search.verify(point))
    assert sorted(x.outage for x in found) == [0, 1]
    for x in found:
        assert x.where == 1 - x.outage
        assert 0.2 < x.beyond < 0.25  # 120 MW, losses and 20 MVAr on 100 MVA
    return [(x.limit, x.why) for x in found]


@pytest.mark.parametrize(
    ("on", "room", "demand", "why"),
    [
        (True, 100.0, 120.0, Why.STEPS),  # unit 2 may give 25 MW: nobody has let it yet
        (True, 5.0, 120.0, Why.LOAD),  # five are too few, so load would have to go
        (True, 5.0, 0.0, Why.USED_UP),
        (False, 0.0, 120.0, Why.COMMITMENT),  # unit 2 is off
    ],
)
def test_the_reason_is_what_hand_and_head_tell(tmp_path: Path, on: bool, room: float, demand: float, why: Why) -> None:
    assert _left(_two(tmp_path), on, room, demand) == [(Limit.LOADING, why)] * 2


def test_a_plant_larger_than_the_rest_leaves_too_little(tmp_path: Path) -> None:
    """A third bus with the only large plant, on one line: without it 60 MW of capacity are left for 120 MW."""
    path = tmp_path / "three.m"
    text = CASE.replace("0 100 100 100", "0 60 60 60").replace("1 100 1 300 0", "1 100 1 60 0")
    for before, row in (
        ("mpc.gen = ", "3 2 0 0 0 0 1 1 0 230 1 1.1 0.9;"),
        ("mpc.branch", "3 60 0 300 -300 1 100 1 300 0;"),
        ("mpc.gencost", "1 3 0.001 0.05 0 400 400 400 0 0 1 -360 360;"),
    ):
        text = text.replace(f"];\n{before}", f"{row}\n];\n{before}")
    path.write_text(text.replace("2 0 0 2 20 0;", "2 0 0 2 20 0;\n2 0 0 2 5 0;"))
    net = whole(load_source(str(path)).grid)
    on, p = np.array([True, False, True]), np.array([60.0, 0.0, 60.0])
    zero, fixed = np.zeros(3), -(net.grid.buses.pd + 1j * net.grid.buses.qd) / net.grid.base_mva
    held = net.voltage_controlled(on)
    adm = admittance(net.grid)
    high = np.where(on, net.grid.units.pmax, 0.0)
    point, ok = settle(
        net, adm.ybus, OperatingPoint(p, on, zero, high, fixed, zero, np.ones(3, complex), held, zero, zero, zero[:0])
    )
    assert ok
    search = Search(AdjustmentRequest(net, point, np.maximum(net.grid.buses.pd, 0), net.contingencies), adm)
    told = {x.outage: x.why for x in what_is_left(search, point, search.verify(point))}
    assert told[2] is Why.CAPACITY
    assert Why.CAPACITY not in (told[0], told[1])


def test_nothing_changes_what_one_unit_feeds(tmp_path: Path) -> None:
    net = _two(tmp_path)
    units = net.grid.units
    alone = whole(net.grid.replace(units=replace(units, in_service=np.array([True, False]))))
    assert _left(alone, False, 0.0, 0.0) == [(Limit.LOADING, Why.NOTHING)] * 2


def test_actions_mend_limits_after_an_outage_by_the_full_newton_method() -> None:
    asked = _insecure_hour()
    net, point = asked.network, asked.point
    adm = admittance(net.grid)
    search = Search(asked, adm)
    hour = hour_before(net, point.v, point.injection(net), point.q, point.on, point.controlled, point.shunt, point.tap)
    rate, low, high = limits(net, True)

    def breaks(case: int, change: np.ndarray) -> bool:
        k = int(net.contingencies[case])
        after = solve_outage(net, adm, k, with_change(hour, change))
        assert after.converged
        mva = np.maximum(*(np.abs(x) for x in branch_flows(net.grid, adm, after.v))) * net.grid.base_mva
        mva[k] = 0.0
        mag = np.abs(after.v)
        return bool((mva > rate * (1 + 1e-4)).any() or (mag < low - 1e-5).any() or (mag > high + 1e-5).any())

    result = search.verify(point).result
    broken = np.flatnonzero(result.insecure()[0, 1:] & result.converged[0, 1:]).tolist()
    assert broken
    pocket = search.pocket(point)
    for case in broken[:4]:
        action = pocket.mend(case)
        assert action is not None
        assert breaks(case, np.zeros(net.grid.n_bus, complex))
        assert not breaks(case, action.change)
        # What is run back and shed is what changes.
        assert action.change.real.sum() * net.grid.base_mva == pytest.approx(action.shed - action.run_back, abs=1e-6)
        assert (action.change.real * net.grid.base_mva >= -pocket.generation - 1e-6).all()
        assert (action.change.real * net.grid.base_mva <= pocket.demand + 1e-6).all()
