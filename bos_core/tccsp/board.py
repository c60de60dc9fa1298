"""What waits, and the decision of a cycle: forecast (A1), priority (A2) and assignment (A3) put together.

Tasks that differ in nothing but their age form a queue; of each queue only as many heads as there are containers can
be chosen in a cycle, so a cycle costs the same whether ten tasks wait or a million. The scheduler and the simulator
decide with this very code.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isinf
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from bos_core.objects.container import ContainerMode
from bos_core.tccsp.assignment import Floats, Ints, assign
from bos_core.tccsp.forecast import Forecast, Forecaster, Job
from bos_core.tccsp.priority import Beta, priorities

Bools = npt.NDArray[np.bool_]
Work = TypeVar("Work")
BUFFER_S = 1.0  # by which putting a task off counts as longer than the longest forecast
PROMISE = 1e3  # times as long putting off a task counts that was promised room
CAUTION = 1.0  # deadlines are held against the forecast that many deviations above its median


@dataclass(frozen=True)
class Demand:
    """What a waiting task asks for.

    Attributes:
        job: what its forecast depends on.
        criticality: of its business request, 1 for ordinary work.
        rank: its place among the tasks of its request, lower first.
        request: the business request that it belongs to.
        deadline: when it must have ended, on the clock of `now`; inf without one.
        mode: of the containers that may run it.
    """

    job: Job
    criticality: float = 1.0
    rank: int = 0
    deadline: float = float("inf")
    request: str = ""
    mode: ContainerMode = ContainerMode.LAUNCHED


@dataclass(frozen=True)
class Slot:
    """A container as a cycle sees it.

    Attributes:
        name: of the container.
        memory_mib: its quota.
        free_at: when it will have done what it was given, on the clock of `now`.
        services: those it hosts; None for any.
        warm: (service, request) that it has run before; None for all.
        mode: only tasks of the same mode run there.
    """

    name: str
    memory_mib: float
    free_at: float
    services: frozenset[str] | None = None
    warm: frozenset[tuple[str, str]] | None = None
    mode: ContainerMode = ContainerMode.LAUNCHED

    def cold(self, demand: Demand) -> bool:
        """Whether it would run a service for a request for the first time."""
        return self.warm is not None and (demand.job.service, demand.request) not in self.warm


@dataclass(frozen=True)
class Choice(Generic[Work]):
    """A task that a container is to run now; `cold`: it runs its service there for the first time."""

    work: Work
    demand: Demand
    container: str
    forecast: Forecast
    cold: bool
    weight: float
    waited: float


@dataclass(frozen=True)
class Decision(Generic[Work]):
    """The choices of a cycle, and the demands that no container here can meet in time or at all.

    `blocked` is the one that would have gone first, had any container of its mode been large enough; nothing else is
    chosen then, so that containers fall idle and make it room.
    """

    choices: list[Choice[Work]]
    late: list[Demand]
    too_large: list[Demand]
    blocked: Demand | None = None


@dataclass(frozen=True)
class _Heads:
    """The tasks that can be chosen in a cycle.

    Attributes:
        demands: of each; behind: how many of its queue are before it.
        told, cold: forecasts, on a container that has run the service before, and on one that has not.
        seconds: (task,) forecast; limit: (task,) s within which that has to have passed for the deadline to be kept.
        criticality, waited, weight: (task,) of each; s since it could have started; of algorithm A2.
    """

    demands: list[Demand]
    behind: list[int]
    told: Mapping[Demand, Forecast]
    cold: Mapping[Demand, Forecast]
    seconds: Floats
    limit: Floats
    criticality: Floats
    waited: Floats
    weight: Floats


class Board(Generic[Work]):
    """Waiting tasks in queues of like ones.

    Args:
        forecaster: of durations and memory.
        beta: parameters of the priority.
        most_mib: memory that any task can get; one forecast to need more tries with that.
    """

    def __init__(self, forecaster: Forecaster, beta: Beta | None = None, most_mib: float = float("inf")) -> None:
        self._forecaster, self._beta, self.most_mib = forecaster, beta or Beta(), most_mib
        self._queues: dict[Demand, deque[tuple[float, Work]]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def modes(self) -> set[ContainerMode]:
        """Modes of the containers that are waited for."""
        return {d.mode for d in self._queues}

    @property
    def calm(self) -> bool:
        """Whether it matters little what goes first: nothing has a deadline, and all is equally critical."""
        return len({d.criticality for d in self._queues}) < 2 and all(isinf(d.deadline) for d in self._queues)

    def add(self, demand: Demand, work: Work, since: float) -> None:
        """Queue a task that could run since a moment."""
        self._queues.setdefault(demand, deque()).append((since, work))
        self._size += 1

    def needs(self, most: int, before: Demand | None = None) -> list[float]:
        """Memory (MiB) that the tasks which would go first ask for, at most so many; `before` goes before all."""
        first = sorted(self._queues, key=lambda d: (d != before, -d.criticality, d.deadline, d.rank))
        out: list[float] = []
        for d in first:
            if len(out) == most:
                break
            out += [self.need(d)] * min(len(self._queues[d]), most - len(out))
        return out

    def need(self, demand: Demand) -> float:
        """Memory (MiB) that a demand asks for: its forecast peak and margin, or all there is."""
        told = self._forecaster.forecast(demand.job)
        return min(told.need_mib, self.most_mib)

    def withdraw(self, request: str) -> list[Work]:
        """Take all tasks of a request off the board; they are returned."""
        gone = [d for d in self._queues if d.request == request]
        left = [work for d in gone for _, work in self._queues.pop(d)]
        self._size -= len(left)
        return left

    def clear(self) -> list[Work]:
        """Empty the board; what waited."""
        left = [work for q in self._queues.values() for _, work in q]
        self._queues.clear()
        self._size = 0
        return left

    def decide(
        self, now: float, slots: Sequence[Slot], largest_mib: Mapping[ContainerMode, float] | None = None,
        promised: Demand | None = None,
    ) -> Decision[Work]:  # fmt: skip
        """Choose at most one task for each container, and take the chosen ones off the board.

        Args:
            now: the time; slots: containers that can be sent one.
            largest_mib: that any container of a mode has, those that work included; None if it does not matter.
            promised: demand that a container has been made room for; its first task goes before all others.
        """
        if not self._size or not slots:
            return Decision([], [], [])
        heads = self._heads(now, slots)
        first = heads.demands[int(np.argmax(heads.weight))]
        if largest_mib is not None and self.need(first) > largest_mib.get(first.mode, 0.0):
            return Decision([], [], [first], first)
        container, hopeless = self._assigned(heads, now, slots, promised)
        chosen = [(int(i), slots[int(container[i])]) for i in np.flatnonzero(container >= 0)]
        choices = [self._choice(heads, i, slot) for i, slot in chosen]
        self._remove([(heads.demands[i], heads.behind[i]) for i, _ in chosen])
        return Decision(choices, _once(heads.demands, hopeless), self._too_large(heads.told, slots))

    def _heads(self, now: float, slots: Sequence[Slot]) -> _Heads:
        """The tasks that can be chosen in a cycle, with their forecasts and weights."""
        pairs = [(d, k) for d, q in self._queues.items() for k in range(min(len(q), len(slots)))]
        demands = [d for d, _ in pairs]
        told = {d: self._forecaster.forecast(d.job) for d in self._queues}
        cold = {d: self._forecaster.forecast(d.job, cold=True) for d in self._queues if any(s.cold(d) for s in slots)}
        careful = np.array([told[d].quantile(CAUTION) for d in demands])
        left = np.array([d.deadline for d in demands]) - now
        waited = np.array([now - self._queues[d][k][0] for d, k in pairs])
        criticality = np.array([d.criticality for d in demands])
        weight = priorities(criticality, waited, left - careful, self._places(demands), self._beta)
        seconds = np.array([told[d].seconds for d in demands])
        limit = left - (careful - seconds)  # of the median, so that the careful forecast is in time
        return _Heads(demands, [k for _, k in pairs], told, cold, seconds, limit, criticality, waited, weight)

    def _assigned(
        self, heads: _Heads, now: float, slots: Sequence[Slot], promised: Demand | None
    ) -> tuple[Ints, Bools]:
        """(task,) position of the container, -1 for none; and whether no container can have it in time."""
        free = np.maximum(np.array([s.free_at for s in slots]) - now, 0.0)
        ends = free[None, :] + heads.seconds[:, None]
        for i, d in enumerate(heads.demands):
            if d in heads.cold:
                ends[i] += [(heads.cold[d].seconds - heads.seconds[i]) * s.cold(d) for s in slots]
        put_off = np.full(len(heads.demands), float(ends.max()) + BUFFER_S)
        put_off[[d == promised and k == 0 for d, k in zip(heads.demands, heads.behind, strict=True)]] *= PROMISE
        fits = self._fits(heads.demands, heads.told, slots)
        found = assign(heads.weight, ends, put_off, heads.limit, fits)
        hopeless = np.isin(np.arange(len(heads.demands)), found.late)
        if hopeless.any():  # that is done as soon as it can be; no deadline of less critical work holds it up
            soft = hopeless | (heads.criticality < heads.criticality[hopeless].max())
            found = assign(heads.weight, ends, put_off, np.where(soft, np.inf, heads.limit), fits)
        return found.container, hopeless

    def _choice(self, heads: _Heads, i: int, slot: Slot) -> Choice[Work]:
        demand, fresh = heads.demands[i], slot.cold(heads.demands[i])
        forecast = (heads.cold if fresh else heads.told)[demand]
        work = self._queues[demand][heads.behind[i]][1]
        return Choice(work, demand, slot.name, forecast, fresh, float(heads.weight[i]), float(heads.waited[i]))

    @staticmethod
    def _places(demands: list[Demand]) -> Floats:
        """(task,) place of its rank among those of its request that wait, 0 first."""
        ranks: dict[str, set[int]] = {}
        for d in demands:
            ranks.setdefault(d.request, set()).add(d.rank)
        place = {(r, rank): k for r, mine in ranks.items() for k, rank in enumerate(sorted(mine))}
        return np.array([place[d.request, d.rank] for d in demands], dtype=float)

    def _too_large(self, told: Mapping[Demand, Forecast], slots: Sequence[Slot]) -> list[Demand]:
        """Demands that are waited for in containers of which none has the memory."""
        largest = {m: max(s.memory_mib for s in slots if s.mode == m) for m in {s.mode for s in slots}}
        return [d for d in self._queues if min(told[d].need_mib, self.most_mib) > largest.get(d.mode, float("inf"))]

    def _fits(self, demands: list[Demand], told: Mapping[Demand, Forecast], slots: Sequence[Slot]) -> Bools:
        """(task, container) whether it has the mode, holds the forecast peak and its margin, and hosts the service."""
        need = np.array([min(told[d].need_mib, self.most_mib) for d in demands])
        out = need[:, None] <= np.array([s.memory_mib for s in slots])[None, :]
        for k, s in enumerate(slots):
            out[:, k] &= np.array(
                [d.mode == s.mode and (s.services is None or d.job.service in s.services) for d in demands]
            )
        return np.asarray(out)

    def _remove(self, heads: list[tuple[Demand, int]]) -> None:
        for d, k in sorted(heads, key=lambda h: -h[1]):
            del self._queues[d][k]
            self._size -= 1
        for d in {d for d, _ in heads}:
            if not self._queues[d]:
                del self._queues[d]


def _once(demands: list[Demand], flags: Any) -> list[Demand]:
    return list(dict.fromkeys(d for d, flag in zip(demands, flags, strict=True) if flag))
