"""Forecasts against what is known of made-up services: they learn size, kind and spread, and own up to errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bos_core.tccsp.forecast import COLD_PEAK_MIB, DATA, Forecast, Forecaster, Job


def _taught(seed: int, chunks: int, power: float = 1.0, noise: float = 0.1) -> tuple[Forecaster, list[float]]:
    rng, f, errors = np.random.default_rng(seed), Forecaster(), []
    for _ in range(chunks):
        kind, size = rng.choice(["small", "large"]), int(rng.integers(1, 400))
        true = (0.02 if kind == "small" else 0.3) * size**power * np.exp(noise * rng.standard_normal())
        job = Job("n1", str(kind), size)
        errors.append(abs(f.forecast(job).seconds - true) / true)
        f.learn(job, true, 500 + (300 if kind == "large" else 0) + 20 * rng.random())
    return f, errors


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.6, 1.2))
def test_errors_fall_to_the_noise(seed, power):
    f, errors = _taught(seed, 120, power)
    assert np.median(errors[60:]) < 0.2
    assert f.median_error == pytest.approx(np.median(errors))


def test_a_kind_never_seen_leans_on_its_service():
    f, _ = _taught(1, 200)
    told = f.forecast(Job("n1", "new", 100))
    assert 2.0 < told.seconds < 30.0  # between the kinds that it knows
    assert told.spread > f.forecast(Job("n1", "small", 100)).spread
    assert told.peak_mib >= 800


def test_the_first_forecast_is_honest():
    told = Forecaster().forecast(Job("uc", "x", 1))
    assert told.seconds == pytest.approx(0.1 + np.exp(DATA[0]), rel=0.01)
    assert told.spread > 0.5
    assert told.peak_mib + told.margin_mib == 2 * COLD_PEAK_MIB


def test_what_data_take_does_not_grow_like_work():
    f = Forecaster()
    f.learn(Job("check", "x", 24), 0.05, 200.0, data=0.04)
    assert f.forecast(Job("check", "x", 240)).seconds == pytest.approx(0.04 * 10 ** DATA[1] + 0.1, rel=0.1)
    f.learn(Job("check", "x", 240), 0.30, 200.0, data=0.20)  # until it turns out to
    assert f.forecast(Job("check", "x", 240)).seconds > 0.20


def test_few_chunks_are_not_taken_for_all():
    f, needs = Forecaster(), []
    for _ in range(20):
        f.learn(Job("uc", "x", 24), 1.0, 250.0, start_mib=200.0)
        needs.append(f.forecast(Job("uc", "x", 24)).need_mib)
    assert needs == sorted(needs, reverse=True)
    assert needs[0] > 550.0
    assert needs[-1] < 450.0


def test_loading_counts_only_where_it_is_to_be_done():
    f = Forecaster()
    f.learn(Job("n1", "x", 24), 1.4, 200.0, load=1.3)
    assert f.forecast(Job("n1", "x", 24)).seconds == pytest.approx(0.1, rel=0.1)
    assert f.forecast(Job("n1", "x", 24), cold=True).seconds == pytest.approx(1.4, rel=0.1)
    f.learn(Job("check", "x", 24), 0.1, 200.0)
    assert f.forecast(Job("check", "x", 24), cold=True) == f.forecast(Job("check", "x", 24))


def test_what_has_taken_long_will_take_longer():
    told = Forecast(4.0, 0.5, 0.0, 0.0)
    assert told.left(0.0) == 4.0
    assert told.left(2.0) == pytest.approx(2.2, abs=0.2)
    taken = 4.0 * np.exp(0.5 * np.random.default_rng(1).standard_normal(200_000))
    for elapsed in (1.0, 4.0, 12.0):
        assert told.left(elapsed) == pytest.approx(np.median(taken[taken > elapsed]) - elapsed, rel=0.05)


def test_spread_covers_what_happens():
    true = 0.02 * 50 * np.exp(0.4 * np.random.default_rng(3).standard_normal(2000))
    within: list[list[float]] = []
    for seed in range(12):  # one forecaster may be off by its own sample; on average they are not
        told = _taught(seed, 150, noise=0.4)[0].forecast(Job("n1", "small", 50))
        within.append([(true < told.quantile(k)).mean() for k in (-1, 0, 1, 2)])
    assert np.mean(within, axis=0) == pytest.approx([0.16, 0.5, 0.84, 0.977], abs=0.08)  # a little cautious


def test_memory_is_not_forecast_too_low():
    f, _ = _taught(4, 200)
    assert f.worst_beyond_mib <= 0
    told = f.forecast(Job("n1", "large", 10))
    assert 800 < told.peak_mib <= 820
    assert told.margin_mib < 250


def test_it_follows_a_machine_that_changes():
    f, _ = _taught(5, 300, noise=0.05)
    for _ in range(150):
        f.learn(Job("n1", "small", 100), 6.0, 500)  # three times slower than before
    assert f.forecast(Job("n1", "small", 100)).seconds == pytest.approx(6.0, rel=0.25)


def test_what_a_quota_killed_needs_more():
    f, _ = _taught(6, 50)
    f.too_small(Job("n1", "large", 10), 1000)
    assert f.forecast(Job("n1", "large", 10)).peak_mib == 2000
    assert f.forecast(Job("n1", "small", 10)).peak_mib < 600


def test_loading_is_added_where_a_container_is_cold():
    f = Forecaster()
    f.learn(Job("n1", "k", 24), 1.5, 400, load=1.2, start_mib=250)
    assert f.forecast(Job("n1", "k", 24)).seconds == pytest.approx(0.3, rel=0.3)
    assert f.forecast(Job("n1", "k", 24), cold=True).seconds == pytest.approx(1.5, rel=0.1)


def test_memory_is_what_containers_hold_and_what_a_kind_adds():
    f = Forecaster()
    f.learn(Job("small", "k", 24), 1.0, 230, start_mib=200)
    f.learn(Job("large", "k", 24), 1.0, 1200, start_mib=200)
    for _ in range(20):  # libraries and caches stay
        f.learn(Job("large", "k", 24), 1.0, 1450, start_mib=450)
    told = f.forecast(Job("small", "k", 24))
    assert told.peak_mib == pytest.approx(480, abs=1)
    assert f.forecast(Job("large", "k", 24)).peak_mib == pytest.approx(1450, abs=1)
