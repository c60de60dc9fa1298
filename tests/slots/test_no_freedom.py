"""Hours in which nothing is free: a power flow, and never the end of the process."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from slots.algorithms.reactive_dispatch.interior_point import interior_point
from slots.algorithms.reactive_dispatch.stated import LOSSES, Settings, state
from slots.contracts.reactive_dispatch import ReactiveRequest, check_reactive
from slots.grid.network import whole
from slots.sources.catalogue import load_source
from tests.slots.small_networks import HOURS, request_of

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 48


def test_small_networks_never_end_the_process():
    """In a process of its own, so that its death is seen as such; every answer is a power flow, refusals are true."""
    command = [sys.executable, "-W", "error", "-m", "tests.slots.small_networks", "0", str(SEEDS)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    done = ended.stdout.splitlines()
    assert ended.returncode == 0, f"ended by {ended.returncode} after {done[-1:]}: {ended.stderr[-500:]}"
    verdicts = [line.split()[1] for line in done]
    assert len(verdicts) == SEEDS
    assert verdicts.count("solved") > 0.7 * SEEDS


def test_there_are_hours_without_freedom_among_them():
    """Otherwise the test above shows nothing: hours with fewer free unknowns than balances, with as many, with more."""
    seen = set()
    for seed in range(SEEDS):
        request = request_of(seed)
        own = Settings.own(request.network)
        seen |= {int(np.sign(state(request, h, own, own, LOSSES).freedom())) for h in range(HOURS)}
    assert seen == {-1, 0, 1}


@pytest.mark.parametrize("case", ["case24_ieee_rts", "case_ieee30", "case6ww"])
def test_schedules_without_room_for_losses_are_power_flows(case: str):
    """Units that must give exactly what the case says: losses are theirs all the same, and the hour is said to break limits."""
    grid = load_source(case).grid
    net, on = whole(grid), grid.units.in_service[None, :]
    p = np.where(on, grid.units.p, 0.0)
    request = ReactiveRequest(net, p, on, p, p, net.fixed_injection(grid.buses.pd[None, :], grid.buses.qd[None, :]))
    result = interior_point(request)
    check_reactive(request, result)
    assert not result.feasible[0]
    assert result.p.sum() - result.loss[0] == pytest.approx(grid.buses.pd.sum(), abs=1e-3)
