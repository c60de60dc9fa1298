"""How the containers of a pool are to be sized for what waits: problem (2) on those that are free to change.

A container that works keeps its quota. Waiting tasks, the most important first, each get a free container as long as
memory lasts; what no free container holds is what makes one grow, at the cost of others that are free.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from bos_core.tccsp.provisioning import Need, Prices, Site, guarantee, provision
from bos_core.tccsp.tuning import STAY

LEAST_MIB = 256.0
FILL = 0.9  # of a quota that a task may be forecast to use; the container is killed a little above


@dataclass(frozen=True)
class Held:
    """A container of the pool: its quota (MiB), 0 if it does not run, and whether it works now."""

    name: str
    quota_mib: float
    busy: bool


def quota_for(need_mib: float) -> float:
    """The quota (MiB) that a forecast peak and margin ask for."""
    return need_mib / FILL


def most_of(total_mib: float, containers: int) -> float:
    """The largest forecast (MiB) that a container can hold which has all the memory there is."""
    return FILL * (total_mib - containers)


def resized(
    pool: Sequence[Held],
    needs_mib: Sequence[float],
    total_mib: float,
    late_mib: Sequence[float] = (),
    prices: Prices = STAY,
) -> dict[str, int]:
    """New quotas (MiB) of the containers that are to change; 0 stops one.

    Args:
        pool: all containers, those that do not run included.
        needs_mib: peak and margin of the waiting tasks, the most important first.
        total_mib: that all together may have.
        late_mib: of those that no container can serve in time: guarantee mode finds room for as many as it can first.
        prices: of containers, and of changing them.
    """
    free = [c for c in pool if not c.busy]
    room = total_mib - len(pool) - sum(c.quota_mib for c in pool if c.busy)  # whole MiB: rounded up
    if not free or room < LEAST_MIB:
        return {}
    sites = [
        Site((1.0, LEAST_MIB), (1.0, max(room, LEAST_MIB)), (1.0, c.quota_mib) if c.quota_mib else (0.0, 0.0))
        for c in free
    ]
    total = (float(len(free)), room)
    tasks = _guaranteed(sites, late_mib, total, prices) if late_mib else [[] for _ in free]
    _place(free, tasks, needs_mib, room)
    if not any(tasks):
        return {}
    found = provision(sites, tasks, total, prices)
    if not found.feasible:
        return {}
    return {
        c.name: ceil(size - 1e-6) for c, size in zip(free, found.size[:, 1], strict=True) if abs(size - c.quota_mib) > 1
    }


def _need(peak_mib: float) -> Need:
    return Need(0.0, 1.0, float("inf"), max(quota_for(peak_mib), LEAST_MIB))


def _guaranteed(
    sites: Sequence[Site], late_mib: Sequence[float], total: tuple[float, float], prices: Prices
) -> list[list[Need]]:
    """Per free container the late task that guarantee mode foresees for it."""
    waiting = [_need(m) for m in late_mib]
    found = guarantee(sites, waiting, [range(len(sites))] * len(waiting), total, prices)
    tasks: list[list[Need]] = [[] for _ in sites]
    for need, p in zip(waiting, found.taken, strict=True):
        if p >= 0:
            tasks[p].append(need)
    return tasks


def _place(free: Sequence[Held], tasks: list[list[Need]], needs_mib: Sequence[float], room: float) -> None:
    """Give each waiting task a free container as long as memory lasts."""
    left = room - sum(need.memory_mib for mine in tasks for need in mine)
    for peak in needs_mib:
        need = _need(peak)
        offers = [k for k in range(len(free)) if not tasks[k]]
        if not offers or need.memory_mib > left + 1e-6:
            continue
        # One that holds it already, the smallest of those; otherwise the largest, which has least to grow.
        best = min(
            offers, key=lambda k: (free[k].quota_mib < need.memory_mib, abs(free[k].quota_mib - need.memory_mib))
        )
        tasks[best].append(need)
        left -= need.memory_mib
