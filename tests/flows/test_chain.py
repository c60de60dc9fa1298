"""How a horizon is cut: nothing lost, nothing twice, whatever the horizon."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from flows.chain import CHUNK_S, STAGES, cut, elements, months_of

START = datetime(2016, 1, 1, tzinfo=UTC)


@given(st.integers(0, 364), st.integers(1, 8784), st.sampled_from(STAGES), st.floats(1e-3, 100), st.integers(1, 300))
def test_months_and_chunks_cover_the_horizon_once(day, hours, stage, seconds, workers):
    first = 24 * day
    hours = min(hours, 8784 - first)
    months = months_of(first, hours, START)
    covered = [h for m in months for a, n in cut(stage, m, seconds, workers) for h in range(a, a + n)]
    assert covered == list(range(first, first + hours))
    for m in months:
        parts = cut(stage, m, seconds, workers)
        if stage.days:
            assert all(n <= 24 or n / 24 * seconds < 1.6 * CHUNK_S for _, n in parts)  # rounded to whole days
        if stage.days:  # daily problems are never cut in two
            assert all((a - m.first_hour) % 24 == 0 for a, _ in parts)
            assert sum(elements(stage, n, 7) for _, n in parts) == elements(stage, m.hours, 7)


def test_a_year_is_the_reference_platforms_counts():
    months = months_of(0, 8760, START)
    assert [m.number for m in months] == list(range(1, 13))
    count = {s.name: sum(elements(s, m.hours, 705) for m in months) for s in STAGES}
    assert count["uc-monthly"] + count["uc"] == 377
    assert count["n1"] == 6_175_800


def test_months_are_those_of_the_calendar_wherever_hour_0_is():
    july = datetime(2020, 7, 1, tzinfo=UTC)
    assert [(m.number, m.first_hour, m.hours) for m in months_of(0, 48, july)] == [(7, 0, 48)]
    assert [(m.number, m.first_hour, m.hours) for m in months_of(720, 48, july)] == [(7, 720, 24), (8, 744, 24)]
    assert [m.number for m in months_of(0, 8760, july)] == list(range(7, 19))
    assert sum(m.hours for m in months_of(0, 8760, july)) == 8760
