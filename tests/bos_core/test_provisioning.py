"""Problem (2) against enumeration of which containers run, and its continuous part against a second solver."""

from itertools import product

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from bos_core.objects.errors import ParameterError, SolverError
from bos_core.tccsp import provisioning
from bos_core.tccsp.provisioning import Need, Prices, Site, guarantee, lower_bounds, provision

SCALE = np.array([1.0, 1 / 1024])


def _instance(seed: int, containers: int):
    rng = np.random.default_rng(seed)
    sites = []
    for _ in range(containers):
        least, most = (0.5, 256.0), (float(rng.integers(1, 9)), float(rng.integers(1, 9)) * 1024)
        runs = rng.random() < 0.5
        now = (float(rng.uniform(0.5, most[0])), float(rng.uniform(256, most[1]))) if runs else (0.0, 0.0)
        sites.append(Site(least, most, now))
    needs = [
        [Need(float(rng.uniform(1, 60)), float(rng.choice([0.0, 0.1, 1.0])),
              float(rng.choice([np.inf, 30.0, 90.0])), float(rng.uniform(100, 3000)))
         for _ in range(int(rng.integers(0, 3)))]
        for _ in range(containers)
    ]  # fmt: skip
    total = (float(rng.uniform(1, 5 * containers)), float(rng.uniform(1, 4 * containers)) * 1024)
    return sites, needs, total, Prices(change=float(rng.choice([0.0, 0.2, 2.0])))


def _enumerated(sites, needs, total, prices) -> float:
    """The least cost over all choices of running containers; sizes by another solver's linear program."""
    bounds = lower_bounds(sites, needs)
    best = np.inf
    for u in product((0, 1), repeat=len(sites)):
        if any(b.max() > 0 and not on for b, on in zip(bounds, u, strict=True)):
            continue
        best = min(best, _sized(sites, bounds, u, total, prices))
    return best


def _sized(sites, bounds, u, total, prices) -> float:
    """Cost of the cheapest sizes of the containers that run: variables r and how far each moves, in scaled units."""
    n = len(sites)
    on = np.array(u, float)
    least, most, now = (np.array([getattr(s, k) for s in sites]) * SCALE for k in ("least", "most", "now"))
    ran = (now.max(axis=1) > 0).astype(float)
    low, high = np.maximum(bounds * SCALE, least * on[:, None]), most * on[:, None]
    if (low > high + 1e-12).any():
        return np.inf
    price = np.tile([prices.core, prices.gib], n)
    moving = (ran[:, None] * prices.change / 2 / most).ravel()
    eye, kept = np.eye(2 * n), (now * on[:, None]).ravel()
    a = np.block([[np.tile(np.eye(2), n), np.zeros((2, 2 * n))], [eye, -eye], [-eye, -eye]])
    b = np.concatenate([np.array(total) * SCALE, now.ravel(), -kept])
    found = linprog(
        np.concatenate([price, moving]), a, b, method="highs-ipm",
        bounds=[*zip(low.ravel(), high.ravel(), strict=True), *[(0, None)] * 2 * n],
    )  # fmt: skip
    if not found.success:
        return np.inf
    return float(found.fun + prices.container * on.sum() + prices.change * np.abs(on - ran).sum())


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_normal_mode_equals_enumeration(seed, containers):
    problem = _instance(seed, containers)
    found, best = provision(*problem), _enumerated(*problem)
    assert found.feasible == np.isfinite(best)
    if found.feasible:
        assert found.cost == pytest.approx(best, rel=1e-6, abs=1e-6)
        sites, needs, total, _ = problem
        assert (found.size.sum(axis=0) <= np.array(total) * (1 + 1e-6)).all()
        for site, mine, size in zip(sites, needs, found.size, strict=True):
            assert all(size[1] >= n.memory_mib - 1e-3 for n in mine)
            assert all(n.seconds * (n.serial + (1 - n.serial) / size[0]) <= n.limit * (1 + 1e-6) for n in mine)
            assert not size.any() or (size >= np.array(site.least) - 1e-3).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 4))
def test_guarantee_mode_equals_enumeration(seed, containers, tasks):
    sites, _, total, prices = _instance(seed, containers)
    rng = np.random.default_rng(seed + 1)
    waiting = [
        Need(float(rng.uniform(1, 60)), 0.1, float(rng.uniform(20, 90)), float(rng.uniform(100, 5000)))
        for _ in range(tasks)
    ]
    offered = [sorted(rng.choice(containers, size=min(3, containers), replace=False).tolist()) for _ in waiting]
    found = guarantee(sites, waiting, offered, total, prices)
    best = (-1, -np.inf)
    for choice in product(*[[-1, *mine] for mine in offered]):
        used = [p for p in choice if p >= 0]
        sizes = [np.maximum([waiting[t].cores(), waiting[t].memory_mib], sites[p].least)
                 for t, p in enumerate(choice) if p >= 0]  # fmt: skip
        if len(used) != len(set(used)) or any(
            (s > np.array(sites[p].most) + 1e-9).any() for s, p in zip(sizes, used, strict=True)
        ):
            continue
        if sizes and (np.sum(sizes, axis=0) > np.array(total) + 1e-9).any():
            continue
        cost = sum(
            prices.core * s[0]
            + prices.gib * s[1] / 1024
            + prices.container
            + (prices.change if not max(sites[p].now) else 0)
            for s, p in zip(sizes, used, strict=True)
        )
        best = max(best, (len(used), -cost))
    assert sum(p >= 0 for p in found.taken) == best[0]
    assert found.feasible == (best[0] == tasks)
    assert found.cost == pytest.approx(-best[1], rel=1e-6, abs=1e-6)


def test_many_waiting_tasks_are_placed_within_the_limits(monkeypatch):
    monkeypatch.setattr(provisioning, "EXACT_PAIRS", 0)
    sites = [Site((1.0, 256.0), (4.0, 4096.0)) for _ in range(20)]
    waiting = [Need(30.0, 0.0, 20.0 if k % 2 else np.inf, 1000.0 + 10 * k) for k in range(30)]
    found = guarantee(sites, waiting, [range(20)] * 30, (16.0, 12 * 1024.0), Prices())
    assert found.size[:, 0].sum() <= 16
    assert found.size[:, 1].sum() <= 12 * 1024
    placed = [p for p in found.taken if p >= 0]
    assert len(placed) == len(set(placed)) >= 8
    assert not found.feasible


def test_small_gains_change_nothing():
    sites = [Site((0.5, 256.0), (2.0, 4096.0), now=(1.0, 1100.0)), Site((0.5, 256.0), (2.0, 4096.0))]
    needs = [[Need(10.0, 1.0, np.inf, 1000.0)], []]
    kept = provision(sites, needs, (4.0, 8192.0), Prices(core=0.0, change=1000.0)).size
    np.testing.assert_allclose(kept[0], (1.0, 1100.0), rtol=1e-6)
    freed = provision(sites, needs, (4.0, 8192.0), Prices(change=0.0)).size
    np.testing.assert_allclose(freed[0], (0.5, 1000.0), rtol=1e-6)


def test_the_same_problem_is_built_once():
    sites, needs, total, prices = (
        [Site((0.5, 256.0), (2.0, 4096.0))],
        [[Need(1.0, 1.0, np.inf, 500.0)]],
        (2.0, 4096.0),
        Prices(),
    )
    provision(sites, needs, total, prices)
    before = provisioning._normal.cache_info().hits
    provision(sites, needs, total, prices)
    assert provisioning._normal.cache_info().hits == before + 1
    assert provisioning._normal(1).problem.is_dcp(dpp=True)
    assert isinstance(provisioning._normal(1).problem, cp.Problem)


def test_wrong_prices_are_refused():
    with pytest.raises(ParameterError, match="the price of a core is -1"):
        Prices(core=-1)


def test_sizes_that_cannot_be_are_told_in_a_sentence():
    """A container asked for more than its most, which `provision` itself refuses before."""
    site = Site((1.0, 512.0), (2.0, 1024.0))
    with pytest.raises(SolverError, match="sizes of 1 containers were not found: HiGHS ended with the status"):
        provisioning._normal(1).solve([site], np.array([[3.0, 512.0]]), (8.0, 8192.0), Prices())
