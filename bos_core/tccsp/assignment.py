"""Which container runs which chunk next."""

import heapq
from dataclasses import dataclass, field
from typing import Any


@dataclass(order=True)
class Waiting:
    """A chunk in the queue; lower priority numbers go first, then the order of submission."""

    priority: int
    order: int
    work: Any = field(compare=False)


class ReadyQueue:
    """Chunks whose turn has not come yet."""

    def __init__(self) -> None:
        self._heap: list[Waiting] = []
        self._count = 0

    def add(self, priority: int, work: Any) -> None:
        """Queue work."""
        self._count += 1
        heapq.heappush(self._heap, Waiting(priority, self._count, work))

    def assign(self, idle: list[str]) -> list[tuple[str, Any]]:
        """Most urgent work to idle containers, one chunk each."""
        out = []
        for name in idle:
            if not self._heap:
                break
            out.append((name, heapq.heappop(self._heap).work))
        return out

    def clear(self) -> list[Any]:
        """Empty the queue; what was in it."""
        left = [w.work for w in self._heap]
        self._heap.clear()
        return left
