"""Problem (1) against enumeration of every assignment; priorities and their promise that nothing starves."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bos_core.objects.errors import ParameterError
from bos_core.tccsp.assignment import assign
from bos_core.tccsp.priority import Beta, priorities


def _instance(seed: int, tasks: int, containers: int):
    rng = np.random.default_rng(seed)
    weight = rng.choice([1.0, 2.0, 10.0, 51.0], tasks) * rng.uniform(1, 2, tasks)
    ends = rng.uniform(0, 30, containers)[None, :] * (rng.random() < 0.5) + rng.uniform(1, 60, (tasks, containers))
    put_off = np.full(tasks, ends.max(initial=1.0) * rng.choice([0.6, 1.0, 2.0]) + 5)
    limit = np.where(rng.random(tasks) < 0.4, rng.uniform(5, 90, tasks), np.inf)
    return weight, ends, put_off, limit, rng.random((tasks, containers)) < 0.8


def _enumerated(weight, ends, put_off, limit, possible) -> tuple[int, float]:
    """(tasks in time that must not wait, objective) of the best of all assignments, read off the definition."""
    tasks, containers = ends.shape
    best = (-1, np.inf)
    for choice in product(range(-1, containers), repeat=tasks):
        used = [p for p in choice if p >= 0]
        if len(used) != len(set(used)):
            continue
        if any(p >= 0 and (not possible[t, p] or ends[t, p] > limit[t]) for t, p in enumerate(choice)):
            continue
        completion = [ends[t, p] if p >= 0 else put_off[t] for t, p in enumerate(choice)]
        met = sum(p >= 0 for t, p in enumerate(choice) if put_off[t] > limit[t])
        objective = float(np.dot(weight, completion)) / tasks
        if (met, -objective) > (best[0], -best[1]):
            best = (met, objective)
    return best


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 3))
def test_equals_enumeration(seed, tasks, containers):
    problem = _instance(seed, tasks, containers)
    found, (met, objective) = assign(*problem), _enumerated(*problem)
    _, ends, put_off, limit, possible = problem
    must = put_off > limit
    assert (found.container[must] >= 0).sum() == met
    assert len(found.late) == must.sum() - met
    assert found.objective == pytest.approx(objective, rel=1e-9)
    used = found.container[found.container >= 0]
    assert len(used) == len(set(used.tolist()))
    assert all(possible[t, p] and ends[t, p] <= limit[t] for t, p in enumerate(found.container) if p >= 0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(9, 60), st.integers(1, 4))
def test_leaving_out_tasks_that_cannot_matter_changes_nothing(seed, tasks, containers):
    weight, ends, put_off, limit, possible = _instance(seed, tasks, containers)
    padded = [np.pad(a, ((0, 0), (0, tasks))) for a in (ends, possible)]  # as many columns: nothing is left out
    whole = assign(weight, padded[0], put_off, limit, padded[1].astype(bool))
    assert assign(weight, ends, put_off, limit, possible).objective == pytest.approx(whole.objective, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(2, 4))
def test_like_containers_are_no_special_case(seed, tasks, containers):
    weight, ends, put_off, limit, possible = _instance(seed, tasks, containers)
    alike = np.repeat(ends[:, :1], containers, axis=1)
    able = np.repeat(possible[:, :1], containers, axis=1)
    nearly = alike * (1 + 1e-13 * np.arange(containers))  # keeps the shortcut from being taken
    a, b = (assign(weight, e, put_off, limit, able) for e in (alike, nearly))
    assert a.objective == pytest.approx(b.objective, rel=1e-9)
    assert len(a.late) == len(b.late)


def test_nothing_to_do_and_nobody_to_do_it():
    none = assign(np.ones(0), np.ones((0, 3)), np.ones(0), np.ones(0), np.ones((0, 3), bool))
    assert len(none.container) == 0
    waits = assign(np.ones(2), np.ones((2, 0)), np.array([9.0, 9.0]), np.array([np.inf, 5.0]), np.ones((2, 0), bool))
    assert waits.container.tolist() == [-1, -1]
    assert waits.late.tolist() == [1]


def test_what_waits_overtakes_everything_in_the_end():
    """Ordinary work that has waited long enough goes before critical work that keeps arriving."""
    age = np.array([0.0, 0.0])
    for _ in range(10_000):
        b = priorities(np.array([1.0, 10.0]), age, np.array([np.inf, 600.0]), np.zeros(2), Beta())
        if b[0] > b[1]:
            break
        age[0] += 60  # the critical task is always a fresh one
    assert b[0] > b[1]
    assert age[0] < 3 * 3600


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 1e4))
def test_less_slack_and_more_waiting_never_matter_less(age, slack, more):
    def b(a, s):
        return priorities(np.ones(1), np.array([a]), np.array([s]), np.zeros(1), Beta())[0]

    assert b(age + more, slack) >= b(age, slack) >= b(age, slack + more)


def test_wrong_parameters_are_refused():
    with pytest.raises(ParameterError, match="patience of the priority is 0"):
        Beta(patience=0)
