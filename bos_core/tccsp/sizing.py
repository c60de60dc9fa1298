"""How the containers of a pool are to be sized for what waits: problem (2) on those that are free to change.

A container that works keeps its quota. Waiting tasks, the most important first, each get a free container as long as
memory lasts; what no free container holds is what makes one grow, at the cost of others that are free.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from bos_core.tccsp.provisioning import Need, Prices, Site, provision

LEAST_MIB = 256.0
FILL = 0.9  # of a quota that a task may be forecast to use; the container is killed a little above
STAY = Prices(core=0.01, gib=0.1, container=0.01, change=2.0)  # memory that nobody needs is no reason to change


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


def resized(pool: Sequence[Held], needs_mib: Sequence[float], total_mib: float) -> dict[str, int]:
    """New quotas (MiB) of the containers that are to change; 0 stops one.

    Args:
        pool: all containers, those that do not run included.
        needs_mib: peak and margin of the waiting tasks, the most important first.
        total_mib: that all together may have.
    """
    free = [c for c in pool if not c.busy]
    left = room = total_mib - len(pool) - sum(c.quota_mib for c in pool if c.busy)  # whole MiB: rounded up
    tasks: list[list[Need]] = [[] for _ in free]
    for need in needs_mib:
        quota = max(quota_for(need), LEAST_MIB)
        offers = [k for k, c in enumerate(free) if not tasks[k]]
        if not offers or quota > left + 1e-6:
            continue
        # One that holds it already, the smallest of those; otherwise the largest, which has least to grow.
        best = min(offers, key=lambda k: (free[k].quota_mib < quota, abs(free[k].quota_mib - quota)))
        tasks[best].append(Need(0.0, 1.0, float("inf"), quota))
        left -= quota
    if not free or not any(tasks):
        return {}
    sites = [
        Site((1.0, LEAST_MIB), (1.0, max(room, LEAST_MIB)), (1.0, c.quota_mib) if c.quota_mib else (0.0, 0.0))
        for c in free
    ]
    found = provision(sites, tasks, (float(len(free)), room), STAY)
    if not found.feasible:
        return {}
    return {
        c.name: ceil(size - 1e-6) for c, size in zip(free, found.size[:, 1], strict=True) if abs(size - c.quota_mib) > 1
    }
