"""The decision of a cycle: queues of like tasks lose nothing, memory and deadlines are kept, order is kept."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bos_core.objects.container import ContainerMode
from bos_core.tccsp.board import CAUTION, Board, Demand, Slot
from bos_core.tccsp.forecast import Forecaster, Job


def _taught() -> Forecaster:
    f = Forecaster()
    for _ in range(30):
        f.learn(Job("short", "k", 1), 1.0, 200)
        f.learn(Job("long", "k", 1), 20.0, 1500)
    return f


def _slots(*memory: float, free_at: float = 0.0) -> list[Slot]:
    return [Slot(f"c{k}", m, free_at) for k, m in enumerate(memory)]


def test_lower_ranks_go_first_and_older_ones_of_a_rank():
    board: Board[str] = Board(_taught())
    for rank, name, since in ((3, "late", 0.0), (1, "early", 1.0), (1, "early too", 2.0), (2, "middle", 0.0)):
        board.add(Demand(Job("short", "k", 1), rank=rank), name, since)
    found = board.decide(5.0, _slots(2000, 2000, 2000))
    assert {c.work for c in found.choices} == {"early", "early too", "middle"}
    assert board.clear() == ["late"]


def test_what_does_not_fit_goes_where_it_does_or_is_told():
    board: Board[str] = Board(_taught())
    board.add(Demand(Job("long", "k", 1)), "large", 0.0)
    board.add(Demand(Job("short", "k", 1)), "small", 0.0)
    found = board.decide(1.0, _slots(500, 4000))
    assert {c.work: c.container for c in found.choices} == {"large": "c1", "small": "c0"}
    board.add(Demand(Job("long", "k", 1)), "large", 0.0)
    found = board.decide(1.0, _slots(500, 500))
    assert not found.choices
    assert [d.job.service for d in found.too_large] == ["long"]
    assert len(board) == 1


def test_urgent_work_overtakes_and_what_comes_too_late_is_told():
    board: Board[str] = Board(_taught())
    for k in range(50):
        board.add(Demand(Job("long", "k", 1)), f"annual {k}", 0.0)
    board.add(Demand(Job("short", "k", 1), criticality=10, deadline=103.0), "urgent", 100.0)
    board.add(Demand(Job("short", "k", 1), criticality=10, deadline=100.5), "too late", 100.0)
    found = board.decide(100.0, _slots(4000, 4000))
    assert {c.work for c in found.choices} == {"urgent", "too late"}
    assert [d.deadline for d in found.late] == [100.5]


def test_what_is_late_is_not_held_up_by_the_deadline_of_less_critical_work():
    forecaster = _taught()
    board: Board[str] = Board(forecaster)
    just = 100.5 + forecaster.forecast(Job("long", "k", 1)).quantile(CAUTION)  # in time now, and not a second later
    board.add(Demand(Job("short", "k", 1), criticality=10, deadline=99.0), "late", 98.0)
    board.add(Demand(Job("long", "k", 1), criticality=5, deadline=just), "study", 98.0)
    assert [c.work for c in board.decide(100.0, _slots(4000)).choices] == ["late"]
    board.add(Demand(Job("short", "k", 1), criticality=5, deadline=99.0), "late", 98.0)
    assert [c.work for c in board.decide(100.0, _slots(4000)).choices] == ["study"]


def test_modes_are_kept_apart_and_a_missing_one_is_made_room_for():
    launched, trial = ContainerMode.LAUNCHED, ContainerMode.TRIAL
    board: Board[str] = Board(_taught())
    board.add(Demand(Job("short", "k", 1), mode=trial), "private", 0.0)
    board.add(Demand(Job("short", "k", 1)), "public", 5.0)
    found = board.decide(10.0, _slots(4000), {launched: 4000.0})
    assert not found.choices
    assert found.blocked is not None
    assert found.blocked.mode is trial
    both = [Slot("c0", 4000, 0.0), Slot("c1", 4000, 0.0, mode=trial)]
    found = board.decide(10.0, both, {launched: 4000.0, trial: 4000.0})
    assert {c.work: c.container for c in found.choices} == {"public": "c0", "private": "c1"}


def test_a_service_runs_only_where_it_is_hosted():
    board: Board[str] = Board(_taught())
    board.add(Demand(Job("short", "k", 1)), "x", 0.0)
    elsewhere = Slot("c0", 4000, 0.0, frozenset({"long"}))
    assert not board.decide(1.0, [elsewhere]).choices
    assert board.decide(1.0, [elsewhere, Slot("c1", 4000, 0.0, frozenset({"short"}))]).choices[0].container == "c1"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_every_task_is_chosen_once_and_no_container_twice(seed, containers):
    rng = np.random.default_rng(seed)
    board: Board[int] = Board(_taught())
    for k in range(40):
        service = str(rng.choice(["short", "long"]))
        board.add(Demand(Job(service, "k", int(rng.integers(1, 3))), rank=int(rng.integers(3))), k, float(rng.random()))
    seen: list[int] = []
    while len(board):
        found = board.decide(2.0, _slots(*[4000.0] * containers))
        assert 0 < len(found.choices) <= containers
        assert len({c.container for c in found.choices}) == len(found.choices)
        seen += [c.work for c in found.choices]
    assert sorted(seen) == list(range(40))


def test_an_empty_board_and_no_container():
    board: Board[str] = Board(_taught())
    assert board.decide(0.0, _slots(1000)).choices == []
    board.add(Demand(Job("short", "k", 1)), "x", 0.0)
    assert board.decide(0.0, []).choices == []
    assert len(board) == 1
