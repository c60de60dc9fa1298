"""Sizes of containers for what waits: within the limit, none that works is touched, the most important one is served."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bos_core.tccsp.sizing import LEAST_MIB, Held, quota_for, resized


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 6))
def test_limits_hold_and_the_first_is_served_if_it_can_be(seed, containers, tasks):
    rng = np.random.default_rng(seed)
    pool = [Held(f"c{k}", float(rng.choice([0, 300, 800, 1500])), False) for k in range(containers)]
    pool = [Held(c.name, c.quota_mib, c.quota_mib > 0 and rng.random() < 0.4) for c in pool]
    total = sum(c.quota_mib for c in pool) + float(rng.choice([0, 500, 3000]))
    needs = rng.uniform(100, 2500, tasks).tolist()
    change = resized(pool, needs, total)
    after = {c.name: change.get(c.name, c.quota_mib) for c in pool}
    assert sum(after.values()) <= total
    assert not change.keys() & {c.name for c in pool if c.busy}
    first = max(quota_for(needs[0]), LEAST_MIB)
    free = [c.name for c in pool if not c.busy]
    if free and first <= total - containers - sum(c.quota_mib for c in pool if c.busy):
        assert max(after[n] for n in free) >= first - 2


def test_what_fits_changes_nothing():
    pool = [Held("a", 1000, False), Held("b", 1000, False)]
    assert resized(pool, [500.0, 600.0], 3000) == {}
    assert resized(pool, [], 3000) == {}


def test_a_large_task_grows_one_at_the_cost_of_the_other():
    pool = [Held("a", 1500, False), Held("b", 1500, False)]
    change = resized(pool, [2400.0], 3000)
    assert sorted(change.values()) == [0, 2666] or sum(change.values()) <= 3000
    assert max(change.values()) >= 2666


def test_a_stopped_one_starts_when_there_is_room():
    pool = [Held("a", 1500, True), Held("b", 0, False)]
    assert resized(pool, [600.0], 3000) == {"b": 667}
    assert resized(pool, [1600.0], 3000) == {}  # not now: the other works
