"""Random MATPOWER cases are read as they were drawn, and their power flow is MATPOWER's, whichever program solves it."""

import numpy as np
import pytest

from slots.contracts.power_flow import PowerFlowRequest, scheduled
from tests.slots.random_matpower import compare, read
from tests.slots.test_matpower_situations import PROGRAMS


def test_random_cases_are_read_right():
    compare()


def drawn(count):
    """Requests of random cases with their states."""
    found = (read(seed, 3 + seed % 6) for seed in range(10 * count))
    return [(scheduled(f[1]), f[2]) for f, _ in zip((f for f in found if f is not None), range(count), strict=False)]


DRAWN = drawn(25)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_every_program_finds_the_state_or_says_that_it_does_not(program):
    solved = 0
    for request, right in DRAWN:
        found = program(request)
        if found.converged:
            solved += 1
            live = right.kind != 4
            assert np.abs(found.v - right.v)[live].max() < 1e-5
    assert solved >= 0.85 * len(DRAWN)  # Gauss and Seidel's method diverges at series capacitors


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_no_program_calls_another_state_solved_from_a_start_of_nearly_nothing(program):
    for request, right in DRAWN[:6]:
        floats = np.isin(np.arange(len(request.v)), request.free)
        poor = PowerFlowRequest(request.grid, request.injection, np.where(floats, 0.05, request.v), request.held)
        found = program(poor)
        if found.converged:
            assert np.abs(found.v)[right.kind != 4].min() > 0.4 * np.abs(right.v[right.kind != 4]).min()
