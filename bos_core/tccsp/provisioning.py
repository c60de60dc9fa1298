"""Problem (2) of the BOS paper: which containers exist and how large they are.

    min Σ_p C(p, r_p)·u_p   subject to   D(a_t, u, r) <= D_limit,t,   Σ_p r_p <= R_limit,
                                         r_min,p·u_p <= r_p <= r_max,p·u_p

r_p is the vector (cores, memory in MiB). The duration of a task on r cores is W·(s + (1 - s)/r), W its seconds on one
core and s the share that cannot be spread (Amdahl), so a deadline asks for cores: r >= (1 - s)·W / (limit - s·W).
Memory asks for the largest peak of a container's tasks. With the assignment given (normal mode) what a container needs
is therefore a lower bound, and the problem is linear in r and binary in u; CVXPY builds it once per number of
containers and re-solves it with new parameters. The cost counts cores, memory, a fixed part per container, and the
trouble of a change, so that small gains do not make containers come and go.

In guarantee mode no feasible assignment exists. Each waiting task is then offered to a few candidate containers,
and the cheapest containers are sought that take one task each: a_tp becomes a variable. That is exact up to
EXACT_PAIRS candidate pairs; beyond them the most demanding tasks are placed one after the other where they cost least.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cvxpy as cp
import numpy as np
import numpy.typing as npt

from bos_core.objects.errors import ParameterError, SolverError

Floats = npt.NDArray[np.float64]
EXACT_PAIRS = 60
EXACTLY = {"highs_options": {"mip_rel_gap": 0.0, "mip_abs_gap": 0.0}}


@dataclass(frozen=True)
class Prices:
    """The cost of containers, per unit of time; anything in the same currency.

    Attributes:
        core, gib: of a core, and of a GiB of memory.
        container: of a container that runs, however small.
        change: of starting, stopping or fully resizing one: what a change must gain.
    """

    core: float = 1.0
    gib: float = 0.1
    container: float = 0.05
    change: float = 0.2

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0:
                raise ParameterError(f"the price of a {name} is {value:g}", "give none below 0")


@dataclass(frozen=True)
class Site:
    """A container that could run.

    Attributes:
        least, most: (cores, MiB) between which it can be sized.
        now: (cores, MiB) that it has; zeros if it does not run.
    """

    least: tuple[float, float]
    most: tuple[float, float]
    now: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Need:
    """What a task needs of its container.

    Attributes:
        seconds: on one core.
        serial: share of it that more cores do not shorten.
        limit: seconds until its deadline; inf without one.
        memory_mib: peak and margin.
    """

    seconds: float
    serial: float
    limit: float
    memory_mib: float

    def cores(self) -> float:
        """Cores that meet the deadline; inf if none do."""
        if self.limit == float("inf"):
            return 0.0
        left = self.limit - self.serial * self.seconds
        return (1 - self.serial) * self.seconds / left if left > 0 else float("inf")


@dataclass(frozen=True)
class Provision:
    """The optimum.

    Attributes:
        size: (container, 2) cores and MiB, zeros where the container is not to run.
        cost: value of problem (2), with what the changes cost.
        feasible: whether every need is met; if not, `size` is what comes nearest within the limits.
        taken: (task,) container that guarantee mode foresees for it, -1 for none; empty in normal mode.
    """

    size: Floats
    cost: float
    feasible: bool
    taken: tuple[int, ...] = ()


def lower_bounds(sites: Sequence[Site], needs: Sequence[Sequence[Need]]) -> Floats:
    """(container, 2) cores and MiB that the tasks given to each container ask for; zeros where it has none."""
    out = np.zeros((len(sites), 2))
    for p, mine in enumerate(needs):
        if mine:
            out[p] = max(n.cores() for n in mine), max(n.memory_mib for n in mine)
            out[p] = np.maximum(out[p], sites[p].least)
    return out


def provision(
    sites: Sequence[Site], needs: Sequence[Sequence[Need]], total: tuple[float, float], prices: Prices
) -> Provision:
    """Normal mode: size containers for the tasks that each was given; those without tasks may go.

    Args:
        sites: containers that run or could.
        needs: per container, of the tasks assigned to it.
        total: (cores, MiB) that all together may have.
        prices: the cost function.
    """
    bounds = lower_bounds(sites, needs)
    most = np.array([s.most for s in sites])
    if (bounds > most + 1e-9).any() or (bounds.sum(axis=0) > np.array(total) + 1e-9).any():
        return Provision(np.zeros_like(most), float("inf"), feasible=False)
    model = _normal(len(sites))
    size, cost = model.solve(sites, bounds, total, prices)
    return Provision(size, cost, feasible=True)


class _Normal:
    """Problem (2) with a given assignment, for a number of containers."""

    def __init__(self, n: int) -> None:
        self.u, self.r = cp.Variable(n, boolean=True), cp.Variable((n, 2), nonneg=True)
        self.started = cp.Variable(n, nonneg=True)
        self.moved = cp.Variable((n, 2), nonneg=True)
        self.least, self.most = cp.Parameter((n, 2), nonneg=True), cp.Parameter((n, 2), nonneg=True)
        self.asked, self.now = cp.Parameter((n, 2), nonneg=True), cp.Parameter((n, 2), nonneg=True)
        self.used, self.ran = cp.Parameter(n, nonneg=True), cp.Parameter(n, nonneg=True)
        self.total = cp.Parameter(2, nonneg=True)
        self.per_unit, self.fixed = cp.Parameter(2, nonneg=True), cp.Parameter(nonneg=True)
        self.switch, self.resize = cp.Parameter(nonneg=True), cp.Parameter((n, 2), nonneg=True)
        spread = [cp.multiply(self.most[:, k], self.u) for k in range(2)]
        constraints = [
            self.u >= self.used, self.r >= self.asked, cp.sum(self.r, axis=0) <= self.total,
            *(self.r[:, k] >= cp.multiply(self.least[:, k], self.u) for k in range(2)),
            *(self.r[:, k] <= spread[k] for k in range(2)),
            self.started >= self.u - self.ran, self.started >= self.ran - self.u,
            *(self.moved[:, k] >= self.r[:, k] - self.now[:, k] for k in range(2)),
            *(self.moved[:, k] >= cp.multiply(self.now[:, k], self.u) - self.r[:, k] for k in range(2)),
        ]  # fmt: skip
        cost = cp.sum(self.r @ self.per_unit) + self.fixed * cp.sum(self.u) + self.switch * cp.sum(self.started)
        self.problem = cp.Problem(cp.Minimize(cost + cp.sum(cp.multiply(self.resize, self.moved))), constraints)

    def solve(
        self, sites: Sequence[Site], bounds: Floats, total: tuple[float, float], prices: Prices
    ) -> tuple[Floats, float]:
        most, now = np.array([s.most for s in sites]), np.array([s.now for s in sites])
        ran = (now.max(axis=1) > 0).astype(float)
        scale = np.array([1.0, 1 / 1024])
        self.least.value = np.array([s.least for s in sites]) * scale
        self.most.value, self.asked.value, self.now.value = most * scale, bounds * scale, now * scale
        self.used.value, self.ran.value = (bounds.max(axis=1) > 0).astype(float), ran
        self.total.value = np.array(total) * scale
        self.per_unit.value, self.fixed.value = np.array([prices.core, prices.gib]), prices.container
        self.switch.value = prices.change
        # Resizing one that runs from nothing to its most, or back, costs as much as a start.
        self.resize.value = ran[:, None] * prices.change / 2 / np.maximum(most * scale, 1e-9)
        _solve(self.problem, f"sizes of {len(sites)} containers")
        size = np.where(self.u.value[:, None] > 0.5, self.r.value, 0.0) / scale
        return np.asarray(size), float(self.problem.value)


def _solve(problem: cp.Problem, what: str) -> None:
    """Solve exactly.

    Raises:
        SolverError: the solver ended without an optimum.
    """
    problem.solve(solver=cp.HIGHS, **EXACTLY)
    if problem.status != cp.OPTIMAL:
        raise SolverError(
            f"the {what} were not found: HiGHS ended with the status '{problem.status}'",
            "check the limits of containers and what all together may have",
        )


@lru_cache(maxsize=32)
def _normal(n: int) -> _Normal:
    return _Normal(n)


def guarantee(
    sites: Sequence[Site], waiting: Sequence[Need], candidates: Sequence[Sequence[int]], total: tuple[float, float],
    prices: Prices,
) -> Provision:  # fmt: skip
    """Guarantee mode: the cheapest containers of which each takes one waiting task, within its deadline.

    Args:
        sites: containers that run or could; what they do now ends before.
        waiting: tasks that no assignment could serve.
        candidates: per task, the containers that it is offered to.
        total, prices: as for `provision`.
    """
    pairs = [(t, p) for t, mine in enumerate(candidates) for p in mine if _holds(sites[p], waiting[t])]
    if len(pairs) <= EXACT_PAIRS:
        return _exact(sites, waiting, pairs, total, prices)
    return _greedy(sites, waiting, pairs, total, prices)


def _holds(site: Site, need: Need) -> bool:
    return need.cores() <= site.most[0] and need.memory_mib <= site.most[1]


def _size(site: Site, need: Need) -> Floats:
    return np.maximum([need.cores(), need.memory_mib], site.least)


def _price(site: Site, size: Floats, prices: Prices) -> float:
    """What a container of a size costs, its start included."""
    start = prices.change if max(site.now) == 0 else 0.0
    return float(prices.core * size[0] + prices.gib * size[1] / 1024 + prices.container + start)


def _exact(
    sites: Sequence[Site], waiting: Sequence[Need], pairs: Sequence[tuple[int, int]], total: tuple[float, float],
    prices: Prices,
) -> Provision:  # fmt: skip
    if not pairs:
        return Provision(np.zeros((len(sites), 2)), 0.0, feasible=not waiting, taken=(-1,) * len(waiting))
    a = cp.Variable(len(pairs), boolean=True)
    sizes = np.array([_size(sites[p], waiting[t]) for t, p in pairs])
    task, site = (np.array([[pair[k] == i for pair in pairs] for i in range(n)], float)
                  for k, n in ((0, len(waiting)), (1, len(sites))))  # fmt: skip
    costs = np.array([_price(sites[p], s, prices) for (_, p), s in zip(pairs, sizes, strict=True)])
    missed = 1 + costs.sum()  # a task less is never worth it
    problem = cp.Problem(
        cp.Minimize(costs @ a - missed * cp.sum(a)),
        [task @ a <= 1, site @ a <= 1, (sizes * [1, 1 / 1024]).T @ a <= np.array(total) * [1, 1 / 1024]],
    )
    _solve(problem, f"containers for {len(waiting)} waiting tasks")
    return _provision(sites, waiting, [pair for pair, x in zip(pairs, a.value, strict=True) if x > 0.5], prices)


def _greedy(
    sites: Sequence[Site], waiting: Sequence[Need], pairs: Sequence[tuple[int, int]], total: tuple[float, float],
    prices: Prices,
) -> Provision:  # fmt: skip
    left, free, chosen = np.array(total, float), set(range(len(sites))), []
    for t in sorted(range(len(waiting)), key=lambda t: (-waiting[t].cores(), -waiting[t].memory_mib)):
        offers = [(p, _size(sites[p], waiting[t])) for k, p in pairs if k == t and p in free]
        offers = [(p, s) for p, s in offers if (s <= left + 1e-9).all()]
        if offers:
            p, size = min(offers, key=lambda o: _price(sites[o[0]], o[1], prices))
            free.discard(p)
            left -= size
            chosen.append((t, p))
    return _provision(sites, waiting, chosen, prices)


def _provision(sites: Sequence[Site], waiting: Sequence[Need], chosen: Any, prices: Prices) -> Provision:
    size, taken = np.zeros((len(sites), 2)), [-1] * len(waiting)
    for t, p in chosen:
        size[p], taken[t] = _size(sites[p], waiting[t]), p
    cost = sum(_price(sites[p], size[p], prices) for _, p in chosen)
    return Provision(size, float(cost), feasible=-1 not in taken, taken=tuple(taken))
