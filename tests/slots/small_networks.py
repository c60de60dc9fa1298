"""Random networks of one to six buses in which little or nothing is free: their AC optimum, reactive dispatch and N-1.

As a program, `python -m tests.slots.small_networks FIRST COUNT`, it takes those of some seeds through the official programs,
every way there is, and prints a line for each, so that a test sees which of them ends the process.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bos_core.objects.errors import InfeasibleError, SolverError
from slots.algorithms.n1.batched import batched
from slots.algorithms.n1.lightsim import lightsim
from slots.algorithms.n1.newton_each import newton_each
from slots.algorithms.reactive_dispatch import interior_point as module
from slots.algorithms.reactive_dispatch.interior_point import flat_voltages, interior_point, program_of
from slots.contracts.n1 import check_n1, request_for
from slots.contracts.reactive_dispatch import ReactiveDispatch, ReactiveRequest, check_reactive
from slots.grid.connectivity import components
from slots.grid.model import Bools, Branches, Buses, Floats, Grid
from slots.grid.network import Network, whole
from slots.scheduling.ac_power_flow import ac_optimal_power_flow
from slots.scheduling.cases import Live
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import Case

HOURS = 3
TAP_STEP, BANK_MVAR = 0.0125, 5.0


def request_of(seed: int) -> ReactiveRequest:
    """The request that belongs to a seed."""
    rng = np.random.default_rng(seed)
    net = network_of(rng)
    buses, units = net.grid.buses, net.grid.units
    on = np.tile(units.in_service, (HOURS, 1))
    if rng.random() < 0.2:
        on &= rng.random(on.shape) < 0.6
    scale = rng.choice([0.0, 0.3, 1.0], HOURS)[:, None]
    load, load_q = scale * buses.pd, scale * buses.qd
    p = np.where(on, load.sum(axis=1, keepdims=True) / np.maximum(on.sum(axis=1, keepdims=True), 1), 0.0)
    room = rng.choice([0.0, 0.0, 5.0, 100.0]) * on
    return ReactiveRequest(net, p, on, p - room, p + room, net.fixed_injection(load, load_q))


def network_of(rng: np.random.Generator) -> Network:
    """A network whose banks and taps may move."""
    grid = grid_from_case(case_of(rng))
    return whole(grid.replace(branches=_taps(rng, grid), buses=_banks(rng, grid)))


def case_of(rng: np.random.Generator) -> Case:
    """A case: a tree, no branch at all, or more than a tree; buses cut off, limits that leave nothing."""
    n = int(rng.integers(1, 7))
    phase = rng.choice([0.0, 0.0, 30.0], n)  # of each bus, by which shifts around every loop come to nothing
    branch = [_branch(rng, phase, k, int(rng.integers(k))) for k in range(1, n)] if rng.random() > 0.15 else []
    branch += [
        _branch(rng, phase, *rng.choice(n, 2, replace=False).tolist()) for _ in range(int(rng.integers(3))) if n > 1
    ]
    bus = np.array([[k + 1, 1, *_load(rng), *_shunt(rng), 1, 1.0, 0, 110, 1, *_limits(rng)] for k in range(n)])
    bus[rng.integers(n), 1] = 3
    if n > 2 and rng.random() < 0.1:
        bus[np.flatnonzero(bus[:, 1] == 1)[0], 1:4] = 4, 0.0, 0.0
    at = rng.integers(1, n + 1, int(rng.integers(1, 4)))
    gen = np.array([[b, 10, 0, *_range(rng), 1, 100, 1, 100, 0] for b in at])
    return Case(f"small-{n}", 100.0, bus, gen, np.array(branch).reshape(len(branch), 13))


def _branch(rng: np.random.Generator, phase: Floats, f: int, t: int) -> list[float]:
    r, x = rng.choice([0.0, 0.01, 0.05]), rng.choice([0.01, 0.1, 0.2])
    tap, shift = rng.choice([0.0, 0.97]), phase[f] - phase[t]
    return [f + 1, t + 1, r, x, rng.choice([0.0, 0.05]), 0, 0, 0, tap, shift, float(rng.random() > 0.05), -360, 360]


def _load(rng: np.random.Generator) -> tuple[float, float]:
    p = float(rng.choice([0.0, 0.0, 5.0, 20.0]))
    return p, p * float(rng.choice([0.0, 0.3]))


def _shunt(rng: np.random.Generator) -> tuple[float, float]:
    return float(rng.choice([0.0, 0.0, 0.0, 1.0])), float(rng.choice([0.0, 0.0, 10.0]))


def _limits(rng: np.random.Generator) -> tuple[float, float]:
    """Most and least p.u.: wide, narrow or none between."""
    return [(1.1, 0.9), (1.02, 0.99), (1.0, 1.0), (1.05, 1.05)][int(rng.integers(4))]


def _range(rng: np.random.Generator) -> tuple[float, float]:
    """Most and least MVAr: wide, none, one, or no limit."""
    return [(100.0, -100.0), (0.0, 0.0), (10.0, 10.0), (np.inf, -np.inf)][int(rng.integers(4))]


def _taps(rng: np.random.Generator, grid: Grid) -> Branches:
    br = grid.branches
    moves = (rng.random(len(br)) < 0.3) & (rng.random() < 0.5)
    steps = 4 * TAP_STEP * moves
    return replace(br, tap_low=br.tap - steps, tap_high=br.tap + steps, tap_step=np.where(moves, TAP_STEP, 0.0))


def _banks(rng: np.random.Generator, grid: Grid) -> Buses:
    buses = grid.buses
    step = np.where((rng.random(len(buses)) < 0.3) & (rng.random() < 0.5), BANK_MVAR, 0.0)
    return replace(buses, bs_low=buses.bs - 2 * step, bs_high=buses.bs + 2 * step, bs_step=step)


def answers(request: ReactiveRequest) -> Iterator[ReactiveDispatch]:
    """What every way through the programs makes of a request: with compiled steps, without, voltages before losses."""
    yield interior_point(request)
    yield flat_voltages(request)
    held = program_of(request.network)
    module._programs[id(request.network)] = request.network, replace(held, steps=None)
    yield interior_point(request)


def unsupplied(request: ReactiveRequest) -> Bools:
    """(hour,) where nothing can be solved: no unit runs, or a bus in service hangs on no slack bus."""
    grid = request.network.grid
    label = components(grid)
    apart = grid.live & (label != label[grid.slack])
    return np.asarray(~request.on.any(axis=1) | apart.any())


def verdict(seed: int) -> str:
    """What became of a seed's request: solved, or refused where nothing can be solved.

    Raises:
        AssertionError: an answer breaks the slot's contract, or what can be solved is refused.
    """
    optimum_balances(case_of(np.random.default_rng(seed)))
    request = request_of(seed)
    try:
        for answer in answers(request):
            check_reactive(request, answer)
        outages_agree(request, answer)
    except InfeasibleError as error:
        if not unsupplied(request).any():
            raise AssertionError(f"seed {seed} is refused") from error
        return "refused"
    return "solved"


def outages_agree(request: ReactiveRequest, found: ReactiveDispatch) -> None:
    """All engines find the same outages of dispatched hours solvable, at the same voltages.

    Raises:
        AssertionError: they do not.
    """
    net = request.network
    injection = request.fixed + ((net.unit_map @ found.p.T).T + 1j * found.q) / net.grid.base_mva
    hours = request_for(net, found.v, injection, found.q, request.on, found.shunt, found.tap)
    results = [engine(hours) for engine in (newton_each, batched, lightsim)]
    for result in results:
        check_n1(hours, result)
        assert (result.converged == results[0].converged).all(), "engines differ on which outages have a power flow"
        both = np.where(result.converged, [result.vmin, results[0].vmin], 0.0)
        assert np.abs(both[0] - both[1]).max() < 1e-5, "engines differ on voltages"


def optimum_balances(case: Case) -> None:
    """The AC optimum of a case is a power flow of its grid; there may be none.

    Raises:
        AssertionError: power does not balance at a bus.
    """
    try:
        found = ac_optimal_power_flow(case)
    except (InfeasibleError, SolverError):
        return
    live = Live.of(case)
    v, bus = np.zeros(len(case.bus), complex), case.bus
    v[live.buses] = found.vm * np.exp(1j * found.va)
    given = -(bus[:, 2] + 1j * bus[:, 3])
    np.add.at(given, live.buses[live.at], found.p + 1j * found.q)
    shunt = (bus[:, 4] + 1j * bus[:, 5]) * np.abs(v) ** 2
    for k in live.branches:
        f, t = (int(np.flatnonzero(bus[:, 0] == number)[0]) for number in case.branch[k, :2])
        s = branch_power(case.branch[k], v[f], v[t])
        given[f] -= s[0] * case.base_mva
        given[t] -= s[1] * case.base_mva
    assert np.abs(given - shunt.real + 1j * shunt.imag)[live.buses].max() < 1e-3, "power does not balance"


def branch_power(row: Floats, v_f: complex, v_t: complex) -> tuple[complex, complex]:
    """p.u. that enter a branch at its two ends, by the currents of its circuit: an ideal transformer before a pi."""
    ratio = (row[8] or 1.0) * np.exp(1j * np.deg2rad(row[9]))
    behind = v_f / ratio
    through = (behind - v_t) / (row[2] + 1j * row[3])
    i_f, i_t = through + 0.5j * row[4] * behind, -through + 0.5j * row[4] * v_t
    return behind * np.conj(i_f), v_t * np.conj(i_t)


def main(first: int, count: int) -> None:
    """Print each verdict as it falls."""
    for seed in range(first, first + count):
        print(seed, verdict(seed), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
