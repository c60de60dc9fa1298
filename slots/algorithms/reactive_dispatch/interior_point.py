"""Reactive dispatch as a nonlinear program: least losses or flattest voltages, by interior-point methods.

Within a request each hour follows the one before (`following`), the first starts from DC angles by IPOPT through
CasADi, so results do not depend on who computes what. IPOPT's program is built once per network; hours differ in
parameters and bounds.

Banks of shunts and taps move in whole steps, and seldom: for each block of hours the program is solved with free
susceptances and ratios in its middle hour, they are rounded, and the block's hours are dispatched with them as they
are. An hour that has no solution so gets a setting of its own. Rounding many banks to one side, or a load that rises within
a block, can cost some tenths of a percent of losses that a step of one bank saves: where the multipliers of an hour tell
of such a step, it is tried.

Hours in which nothing is free are no program but a power flow, and never reach IPOPT. Nor is its rule after Mehrotra used:
where a step's predictor fails (multipliers of a hopeless hour outgrow the arithmetic), IPOPT 3.14 goes on without the
predictor and reads it all the same, which ends the process.
"""

from dataclasses import dataclass, replace
from typing import Any

import casadi as ca
import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from bos_core.objects.errors import InfeasibleError, ParameterError
from slots.algorithms.reactive_dispatch.following import follow
from slots.algorithms.reactive_dispatch.newton_step import NewtonStep, library
from slots.algorithms.reactive_dispatch.nonlinear import TIES, problem_of
from slots.algorithms.reactive_dispatch.redispatch import with_power_flow
from slots.algorithms.reactive_dispatch.stated import (
    BALANCE,
    LOSSES,
    TOLERANCE,
    VOLTAGES,
    WARM_PUSH,
    Settings,
    Solution,
    Stated,
    first_point,
    state,
)
from slots.contracts.reactive_dispatch import ReactiveDispatch, ReactiveRequest
from slots.grid.admittance import admittance, as_set
from slots.grid.connectivity import components
from slots.grid.model import Bools, Floats
from slots.grid.network import Network
from slots.grid.operating_point import OperatingPoint, settle

MINIMUM_DEGREE = 0  # MUMPS' ordering that suits networks best
BLOCK_H = 4  # hours between settings of banks and taps, so that none moves more than six times a day,
MORE_MOVES = 2  # and a bank so often besides
WORTH = 3e-4  # of the losses that a move must save
MOST_STEPS = 30  # of Newton's method where nothing is free
_TRIALS = 2  # of single moves in an hour
WARM_MU = 1e-3  # barrier from which an hour goes on after the one before; smaller ones stall where hours differ much


@dataclass(frozen=True)
class _Program:
    """What solves an hour: steps from another hour's solution (None without a C compiler), IPOPT's program for a warm
    start and for a cold one, and the balance with its derivatives for hours without freedom."""

    steps: NewtonStep | None
    warm: Any
    cold: Any
    balance: Any


def interior_point(request: ReactiveRequest) -> ReactiveDispatch:
    """Dispatch every hour of the request at least losses.

    Raises:
        InfeasibleError: no power flow was found for an hour, even beyond its limits.
        ParameterError: powers that are not numbers.
    """
    return _dispatch(request, LOSSES)


def flat_voltages(request: ReactiveRequest) -> ReactiveDispatch:
    """Dispatch every hour of the request with voltages as near 1 p.u. as they can be, losses second.

    Raises:
        InfeasibleError, ParameterError: as `interior_point`.
    """
    return _dispatch(request, VOLTAGES)


def _dispatch(request: ReactiveRequest, aim: tuple[float, float]) -> ReactiveDispatch:
    net, grid = request.network, request.network.grid
    hours, n, scheduled = len(request.p), grid.n_bus, request.p
    if not all(np.isfinite(x).all() for x in (request.p, request.fixed)) or np.isnan(request.low + request.high).any():
        raise ParameterError("powers of the hours to dispatch are not numbers", "give finite ones")
    day = _Day(request, aim)
    v, q, shunt = np.zeros((hours, n), complex), np.zeros((hours, n)), np.zeros((hours, n))
    tap = np.zeros((hours, len(grid.changers)))
    p, loss = np.zeros_like(request.p), np.zeros(hours)
    feasible, residual = np.zeros(hours, bool), np.zeros(hours)
    for h in range(hours):
        if h % BLOCK_H == 0:
            day.set(min(h + BLOCK_H // 2, hours - 1))
        point, ok = day.hour(h)
        try:
            point = _settled(request, h, day.ybus, point)
        except InfeasibleError:
            moved = with_power_flow(request, h, day.settings, day.ybus)
            if moved is None:
                raise
            request, day = moved, _Day(moved, aim)
            point, ok = day.hour(h)
            point = _settled(request, h, day.ybus, point)
        v[h], q[h], p[h], shunt[h], tap[h] = point.v, point.q, point.p, point.shunt, point.tap
        loss[h] = ((point.v * np.conj(day.ybus @ point.v)).real.sum()) * grid.base_mva
        mag, live = np.abs(point.v), grid.live
        residual[h] = max(0.0, (grid.buses.vmin - mag)[live].max(), (mag - grid.buses.vmax)[live].max())
        held = _reactive_held(net, request.on[h], q[h]) and _within(request, h, p[h])
        feasible[h] = ok and residual[h] < 1e-6 and held
    moved = np.abs(request.p - scheduled).sum(axis=1) / 2
    return ReactiveDispatch(v, q, p, loss, feasible, residual, shunt, tap, moved)


def _reactive_held(net: Network, on: Bools, q: Floats) -> bool:
    low, high = net.reactive_range(on)
    return bool((q >= low - 1e-3).all() and (q <= high + 1e-3).all())


def _within(request: ReactiveRequest, h: int, p: Floats) -> bool:
    return bool((p >= request.low[h] - 1e-3).all() and (p <= request.high[h] + 1e-3).all())


def _settled(request: ReactiveRequest, h: int, ybus: Any, point: OperatingPoint) -> OperatingPoint:
    """The power flow at a point, from its own voltages or from DC angles.

    Raises:
        InfeasibleError: none is found.
    """
    net = request.network
    settled, converged = settle(net, ybus, point)
    if not converged:
        angles = state(request, h, *2 * (Settings(point.shunt, point.tap),)).flat_start(net)[: net.grid.n_bus]
        settled, converged = settle(net, ybus, replace(point, v=np.exp(1j * angles)))
    if converged:
        return settled
    if not request.on[h].any():
        raise InfeasibleError(
            f"in hour {h} of the dispatch no unit runs that could cover load and losses", "commit one"
        )
    apart = components(net.grid) != components(net.grid)[net.grid.slack]
    if (apart & net.grid.live).any():
        number = net.grid.buses.number[np.flatnonzero(apart & net.grid.live)[0]]
        raise InfeasibleError(
            f"bus {number} is in service but not connected to the slack bus", "join it or take it out"
        )
    raise InfeasibleError(
        f"for hour {h} of the dispatch no AC power flow was found, even beyond the limits of voltages and units",
        "check loads, impedances and the schedule",
    )


class _Day:
    """A request under way: what the last hour left, and how banks and taps stand."""

    def __init__(self, request: ReactiveRequest, aim: tuple[float, float]) -> None:
        self._aim = aim
        self._request, self._net = request, request.network
        self._program = program_of(self._net)
        self._bounds = Settings.bounds(self._net)
        self._admittance = admittance(self._net.grid)
        self._take(Settings.own(self._net))
        self._start: Solution | None = None
        self._moves = np.zeros(self._net.grid.n_bus, dtype=np.int64)  # of single banks

    def _take(self, settings: Settings) -> None:
        """Let banks and taps stand so; `ybus` are the admittances then."""
        self.settings = settings
        self.ybus = as_set(self._net.grid, self._admittance, settings.shunt, settings.tap).ybus
        if self._program.steps is not None:
            self._program.steps.set(self.ybus)

    def set(self, hour: int) -> None:
        """Set banks and taps as the hour wants them, in whole steps."""
        down, up, step = self._bounds
        if not (step.shunt.any() or step.tap.any()):
            return
        found = self._solve(hour, down, up, self._start)
        if found is not None:
            self._take(Settings.found(self._net, found.x).whole(down, up, step))
            rounded = self._solve(hour, self.settings, self.settings, found)
            self._start = found if rounded is None else self._improved(hour, rounded)

    def hour(self, h: int) -> tuple[OperatingPoint, bool]:
        """The hour's point and whether voltages keep their limits."""
        found = self._solve(h, self.settings, self.settings, self._start)
        if found is None:
            before = self.settings
            self.set(h)
            found = None if self.settings is before else self._solve(h, self.settings, self.settings, self._start)
            if found is None:
                self._take(before)
        if found is not None:
            self._start = self._improved(h, found, counted=True)
            return self._point(h, self._start.x), True
        self._start = None
        for short in (False, True):
            found = self._solve(h, self.settings, self.settings, None, soft=True, short=short)
            if found is not None:
                break
        return self._point(h, None if found is None else found.x), False

    def _improved(self, h: int, found: Solution, counted: bool = False) -> Solution:
        """The hour after steps of single banks that are worth it."""
        tried = self._moves >= MORE_MOVES if counted else np.zeros(len(self._moves), bool)
        for _ in range(_TRIALS):
            gain, to = self._gains(found)
            gain[tried] = 0.0
            k, before = int(gain.argmax()), self.settings
            least = WORTH * self._aim[0] * self._losses(found)
            if gain[k] < least:
                break
            tried[k] = True
            shunt = before.shunt.copy()
            shunt[k] = to[k]
            self._take(Settings(shunt, before.tap))
            better = self._solve(h, self.settings, self.settings, found)
            if better is None or self._cost(better) > self._cost(found) - least:
                self._take(before)
                continue
            found = better
            self._moves[k] += counted
        return found

    def _gains(self, found: Solution) -> tuple[Floats, Floats]:
        """(bus,) what a step of each bank saves by the multipliers, and where the bank then stands."""
        down, up, step = self._bounds
        n, now = len(step.shunt), self.settings.shunt
        of_bank = 2 * TIES * now - found.of_balance[n:] * np.exp(2 * found.x[n : 2 * n])
        to = np.clip(now - np.sign(of_bank) * step.shunt, down.shunt, up.shunt)
        return np.asarray(of_bank * (now - to)), to

    def _cost(self, found: Solution) -> float:
        n = self._net.grid.n_bus
        return float(self._aim[0] * found.x[3 * n] + self._aim[1] * (found.x[n : 2 * n] ** 2).sum())

    def _losses(self, found: Solution) -> float:
        """p.u."""
        n = self._net.grid.n_bus
        v = np.exp(found.x[n : 2 * n] + 1j * found.x[:n])
        return float((v * np.conj(self.ybus @ v)).real.sum())

    def _solve(
        self, h: int, least: Settings, most: Settings, start: Solution | None, soft: bool = False, short: bool = False
    ) -> Solution | None:
        """The hour's program with banks and taps between two settings, limits as in `state`; None without a solution."""
        stated = state(self._request, h, least, most, self._aim, soft, short)
        freedom = stated.freedom()
        if freedom < 0 or (stated.low > stated.high).any():
            return None
        flat = stated.flat_start(self._net)
        if freedom == 0:
            return _only(self._program.balance, stated, flat)
        if start is not None and least is most and self._program.steps is not None:
            found = follow(self._program.steps, stated, start)
            if found is not None:
                return found
        if start is not None:
            found = _run(self._program.warm, stated, start.x, start)
            if found is not None:
                return found
        return _run(self._program.cold, stated, flat)

    def _point(self, h: int, x: Floats | None) -> OperatingPoint:
        """The hour's point at a solution; as scheduled where there is none."""
        point, n = first_point(self._request, h, self.settings), self._net.grid.n_bus
        if x is None:
            return point
        base = self._net.grid.base_mva
        v = np.exp(x[n : 2 * n] + 1j * x[:n])
        return replace(point, v=v, q=x[2 * n : 3 * n] * base, p=point.p + point.shares() * x[3 * n] * base)


def _run(solver: Any, stated: Stated, x0: Floats, start: Solution | None = None) -> Solution | None:
    more = {} if start is None else {"lam_x0": start.of_bounds, "lam_g0": start.of_balance}
    bounds = {"lbx": stated.low, "ubx": stated.high, "lbg": 0, "ubg": 0}
    out = solver(x0=np.clip(x0, stated.low, stated.high), p=stated.given, **bounds, **more)
    if not solver.stats()["success"]:
        return None
    return Solution(*(np.asarray(out[k]).ravel() for k in ("x", "lam_x", "lam_g")))


def _only(balance: Any, stated: Stated, x0: Floats) -> Solution | None:
    """The one point that the balances leave, by Newton's method; None where there is none within the bounds."""
    free, x = stated.free, np.clip(x0, stated.low, stated.high)
    for _ in range(MOST_STEPS):
        miss, slope = balance(x, stated.given)
        gap = np.asarray(miss).ravel()
        if not np.isfinite(gap).all():
            return None
        if np.abs(gap).max() < BALANCE:
            inside = (x >= stated.low - BALANCE).all() and (x <= stated.high + BALANCE).all()
            return Solution(x, np.zeros_like(x), np.zeros_like(gap)) if inside else None
        try:
            x[free] -= splu(sp.csc_matrix(slope.sparse())[:, free]).solve(gap)
        except RuntimeError:  # singular: no point, or not one alone
            return None
    return None


_programs: dict[int, tuple[Network, _Program]] = {}


def program_of(net: Network) -> _Program:
    """The program of a network, built once per process."""
    held = _programs.get(id(net))
    if held is None or held[0] is not net:
        _programs.clear()
        _programs[id(net)] = (net, _build(net))
    return _programs[id(net)][1]


def _build(net: Network) -> _Program:
    (problem, derivatives), c = problem_of(net), library()
    steps = None if c is None else NewtonStep(net, c, admittance(net.grid).ybus)
    common: Any = {"print_time": 0, "no_nlp_grad": True, "calc_lam_p": False, **derivatives}
    cold: Any = {
        "print_level": 0,
        "sb": "yes",
        "tol": TOLERANCE,
        "compl_inf_tol": 10 * TOLERANCE,
        "constr_viol_tol": BALANCE,
        "max_iter": 200,
        "linear_solver": "mumps",
        "mumps_pivot_order": MINIMUM_DEGREE,
        # The barrier falls as fast as steps are good for: a seventh fewer of them.
        "mu_linear_decrease_factor": 0.05,
        "mu_superlinear_decrease_power": 1.8,
        "barrier_tol_factor": 100.0,
    }
    going_on: Any = {
        "warm_start_init_point": "yes", "mu_init": WARM_MU, "warm_start_bound_push": WARM_PUSH,
        "warm_start_mult_bound_push": WARM_PUSH, "warm_start_slack_bound_push": WARM_PUSH,
    }  # fmt: skip
    options = {"warm": {**cold, **going_on, "max_iter": 60}, "cold": cold}
    programs = {k: ca.nlpsol(k, "ipopt", problem, {**common, "ipopt": v}) for k, v in options.items()}
    return _Program(steps, **programs, balance=derivatives["jac_g"])
