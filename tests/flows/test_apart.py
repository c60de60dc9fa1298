"""An outage that kills what computes it is found in its hour, and the other outages come out as ever."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from bos_core.objects.container import Container, Quota
from bos_core.tccsp.containers import ContainerPool
from flows.steps.apart import verify_apart
from slots.algorithms.n1.batched import batched
from slots.contracts.n1 import N1Request, N1Result
from slots.suites.states import day

pytestmark = pytest.mark.slow
KILL, FILL = 5, 11  # positions of outages


def poisoned(request: N1Request) -> N1Result:
    """Dies at one outage, and wants all memory there is at another."""
    net = request.network
    positions = np.flatnonzero(np.isin(replace(net, outages=None).contingencies, net.contingencies))
    if KILL in positions:
        os.kill(os.getpid(), signal.SIGKILL)
    if FILL in positions:
        held = [np.ones(2**24) for _ in range(40) if not time.sleep(0.05)]  # 128 MiB at a time
        del held
    return batched(request)


@pytest.fixture(scope="module")
def hours() -> N1Request:
    """Two hours of a real day."""
    full = day(2).n1_request()
    rows = {
        name: getattr(full, name)[11:13] for name in ("v", "injection", "controlled", "share", "low", "high", "shunt")
    }
    return replace(full, **rows)


@pytest.fixture(scope="module")
def pool() -> Iterator[ContainerPool]:
    out = ContainerPool([Container("a1", Quota(1, 1500))])
    out.start()
    yield out
    out.close()


def _compare(apart: N1Result, killed: np.ndarray, ever: N1Result) -> None:
    rest = np.setdiff1d(np.arange(ever.loading.shape[1]), killed)
    for name, array in ever.to_arrays().items():
        mine = getattr(apart, name)
        if name == "contingencies":
            assert np.array_equal(mine, array)
        else:  # an engine made for other outages orders its sums differently
            assert np.allclose(mine[:, rest], array[:, rest], rtol=1e-7, atol=1e-9, equal_nan=True), name


def test_nothing_changes_where_nothing_dies(hours: N1Request):
    result, killed = verify_apart(batched, hours)
    assert len(killed) == 0
    _compare(result, killed, batched(hours))


def test_in_a_container_the_culprits_are_found_and_the_rest_completes(hours: N1Request, pool: ContainerPool):
    assert pool.client is not None
    result, killed = pool.client.submit(verify_apart, poisoned, hours).result(timeout=300)
    assert killed.tolist() == [1 + KILL, 1 + FILL]
    assert not result.converged[:, killed].any()
    assert result.insecure()[:, killed].all()
    assert np.isnan(result.loading[:, killed]).all()
    _compare(result, killed, batched(hours))
