"""Virtual containers: the scheduler's decisions at scales and loads that this machine lacks.

Time is counted in events; tasks take the seconds they are given. The board that decides is the scheduler's own; other
policies offer the same two methods, so all are compared on the same work.
"""

import heapq
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bos_core.tccsp.board import Demand, Slot
from bos_core.tccsp.forecast import Forecaster


@dataclass(eq=False)
class VirtualTask:
    """A task of a simulation.

    Attributes:
        demand: what the policy sees.
        seconds: what it takes; memory_mib: its peak.
        arrival: when it is submitted, if nothing comes before it.
        before: how many tasks must end first; `after`: those that wait for it.
        ended: when it ended.
    """

    demand: Demand
    seconds: float
    memory_mib: float = 0.0
    arrival: float = 0.0
    before: int = 0
    after: "list[VirtualTask]" = field(default_factory=list)
    ended: float = float("nan")


class Policy(Protocol):
    """Who runs what next; `Board` is one."""

    def add(self, demand: Demand, work: Any, since: float) -> None:
        """Queue a task."""
        ...

    def decide(self, now: float, slots: Sequence[Slot]) -> Any:
        """Choices, each with `work` and `container`."""
        ...

    def __len__(self) -> int:
        """How many wait."""
        ...


@dataclass(frozen=True)
class Picked:
    """A task and the container that a simple policy sends it to."""

    work: Any
    container: str


@dataclass(frozen=True)
class Picks:
    """The choices of a simple policy."""

    choices: list[Picked]


class FirstComeFirstServed:
    """Tasks in the order in which they arrive, to any idle container."""

    def __init__(self) -> None:
        self._queue: deque[Any] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, demand: Demand, work: Any, since: float) -> None:
        """Queue a task."""
        self._queue.append(work)

    def decide(self, now: float, slots: Sequence[Slot]) -> Picks:
        """The oldest tasks."""
        return Picks([Picked(self._queue.popleft(), s.name) for s in slots if self._queue])


class EarliestDeadlineFirst:
    """Tasks by deadline, those without one last, in the order in which they arrive."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Any]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, demand: Demand, work: Any, since: float) -> None:
        """Queue a task."""
        self._count += 1
        heapq.heappush(self._heap, (demand.deadline, self._count, work))

    def decide(self, now: float, slots: Sequence[Slot]) -> Picks:
        """The tasks of the earliest deadlines."""
        return Picks([Picked(heapq.heappop(self._heap)[2], s.name) for s in slots if self._heap])


class RoundRobin:
    """What plain Dask does with tasks that need nothing: each goes to the least occupied container as it arrives."""

    def __init__(self, containers: Sequence[str]) -> None:
        self._queues: dict[str, deque[Any]] = {name: deque() for name in containers}

    def __len__(self) -> int:
        return sum(len(q) for q in self._queues.values())

    def add(self, demand: Demand, work: Any, since: float) -> None:
        """Queue a task where least waits."""
        min(self._queues.values(), key=len).append(work)

    def decide(self, now: float, slots: Sequence[Slot]) -> Picks:
        """The oldest task of each container's own queue; an idle one steals from the longest."""
        picks = []
        for s in slots:
            queue = self._queues[s.name] or max(self._queues.values(), key=len)
            if queue:
                picks.append(Picked(queue.popleft(), s.name))
        return Picks(picks)


@dataclass(frozen=True)
class Outcome:
    """What a simulation came to.

    Attributes:
        makespan: s until the last task ended.
        busy: share of the containers' time in which they worked.
        misses: tasks that ended after their deadline.
        weighted_completion: Σ criticality·(end - arrival) / tasks, s.
        decision_s: processor seconds of all decisions; cycles: how many there were.
    """

    makespan: float
    busy: float
    misses: int
    weighted_completion: float
    decision_s: float
    cycles: int


def simulate(
    tasks: Sequence[VirtualTask], containers: Sequence[Slot], policy: Policy, forecaster: Forecaster | None = None,
    quantum: float = 0.0, progress: Callable[[float], None] = lambda now: None,
) -> Outcome:  # fmt: skip
    """Run tasks on virtual containers.

    Args:
        tasks: all of them; arrivals in any order.
        containers: their names and quotas.
        policy: who runs what next.
        forecaster: told of every task that ends.
        quantum: s between decisions; 0 decides at every event.
        progress: told the time now and then.
    """
    arrivals = [(t.arrival, k) for k, t in enumerate(tasks) if not t.before]
    heapq.heapify(arrivals)
    idle = {s.name: s for s in containers}
    running: list[tuple[float, int, VirtualTask, str]] = []
    now = worked = deciding = 0.0
    count = cycles = 0
    by_name = dict(idle)
    while arrivals or running or len(policy):
        upcoming = [heap[0][0] for heap in (arrivals, running) if heap]
        if not upcoming:
            raise RuntimeError(f"{len(policy)} tasks wait and no container can ever run them")
        now = max(now, min(upcoming))
        if quantum:
            now = max(now, (now // quantum + (now % quantum > 0)) * quantum)
        while running and running[0][0] <= now:
            end, _, task, name = heapq.heappop(running)
            task.ended, idle[name] = end, by_name[name]
            if forecaster is not None:
                forecaster.learn(task.demand.job, task.seconds, task.memory_mib)
            for later in task.after:
                later.before -= 1
                if not later.before:
                    policy.add(later.demand, later, end)
        while arrivals and arrivals[0][0] <= now:
            task = tasks[heapq.heappop(arrivals)[1]]
            policy.add(task.demand, task, task.arrival)
        began = time.process_time()
        found = policy.decide(now, list(idle.values())) if idle and len(policy) else Picks([])
        deciding += time.process_time() - began
        cycles += 1
        for choice in found.choices:
            del idle[choice.container]
            count += 1
            worked += choice.work.seconds
            heapq.heappush(running, (now + choice.work.seconds, count, choice.work, choice.container))
        progress(now)
    return _outcome(tasks, worked, len(containers), deciding, cycles)


def _outcome(tasks: Sequence[VirtualTask], worked: float, containers: int, deciding: float, cycles: int) -> Outcome:
    makespan = max(t.ended for t in tasks)
    return Outcome(
        makespan, worked / (makespan * containers), sum(t.ended > t.demand.deadline for t in tasks),
        sum(t.demand.criticality * (t.ended - t.arrival) for t in tasks) / len(tasks), deciding, cycles,
    )  # fmt: skip


def lower_bound(tasks: Sequence[VirtualTask], containers: int) -> float:
    """What no schedule can beat (s): all work over all containers, and the longest chain of tasks."""
    waiting = {id(t): t.before for t in tasks}
    starts = {id(t): t.arrival for t in tasks}
    ready, longest = deque(t for t in tasks if not t.before), 0.0
    while ready:
        t = ready.popleft()
        end = starts[id(t)] + t.seconds
        longest = max(longest, end)
        for later in t.after:
            starts[id(later)] = max(starts[id(later)], end)
            waiting[id(later)] -= 1
            if not waiting[id(later)]:
                ready.append(later)
    return max(sum(t.seconds for t in tasks) / containers, longest)
