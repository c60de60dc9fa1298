"""What containers have been given: which chunk each runs, which waits with it, and whether it still moves."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from bos_core.tccsp.faults import Patience
from bos_core.tccsp.forecast import Forecast, Job
from bos_core.tccsp.places.place import Vital
from bos_core.tccsp.request import Work

CAREFUL = 2.0  # deviations above the median forecast
MOST_CAREFUL_S = 600.0  # a forecast of little experience says nothing beyond
LOST_S = 15.0  # after which a chunk whose container was killed can no longer be expected back
MOVES = 0.1  # share of a processor that shows life; Dask's own messages take less


@dataclass(eq=False)
class Given:
    """A chunk that a container has been given.

    Attributes:
        job, forecast: as it was decided on.
        began: when it was sent, or when the one before it ended.
        blamed: why its container was killed by us, empty if it was not; killed: when.
        spared: its container died while it ran another chunk.
        recall: takes it back from its container, if it has not begun; recalled: that was asked for.
    """

    work: Work
    job: Job
    forecast: Forecast
    began: float
    recall: Callable[[], None]
    recalled: bool = False
    blamed: str = ""
    killed: float = 0.0
    spared: bool = False

    def take_back(self) -> None:
        """Ask for it back, since it would be better elsewhere."""
        self.recalled = True
        self.recall()


@dataclass
class _Signs:
    """A container's processor seconds at the last look, when it was last seen to work, since when it is stopped."""

    used: float
    looked: float
    moved: float
    stopped: float | None = None


class Table:
    """Chunks by container, the running one first."""

    def __init__(self) -> None:
        self._given: dict[str, list[Given]] = {}
        self._warm: dict[str, set[tuple[str, str]]] = {}
        self._signs: dict[str, _Signs] = {}
        self._gone: dict[str, float] = {}  # when a container was first seen to be missing

    def counts(self) -> dict[str, int]:
        """Number of chunks by container."""
        return {name: len(mine) for name, mine in list(self._given.items())}

    def busy(self) -> bool:
        """Whether any container has a chunk."""
        return any(self._given.values())

    def add(self, container: str, given: Given) -> None:
        """Note that a container was sent a chunk."""
        mine = self._given.setdefault(container, [])
        if not mine:
            self._signs.pop(container, None)
        mine.append(given)

    def take(self, container: str, work: Work, died: bool) -> Given | None:
        """Take a chunk back, None if it is not there. If its container died, chunks behind it are spared the blame."""
        mine = self._given.get(container, [])
        place = next((k for k, given in enumerate(mine) if given.work is work), None)
        if place is None:
            return None
        given = mine.pop(place)
        if died and place > 0:
            given.spared = True
        if place == 0:
            for following in mine:
                following.spared = following.spared or died
                following.began = time.monotonic()
            self._signs.pop(container, None)
        return given

    def of(self, request_id: str) -> list[tuple[str, Given, bool]]:
        """Chunks of a request that are under way, by container, and whether it runs them now."""
        mine = [(c, g, k == 0) for c, given in self._given.items() for k, g in enumerate(given)]
        return [x for x in mine if x[1].work.array.task_set_id == request_id]

    def queued(self) -> list[Given]:
        """Chunks that wait behind the one that their container runs, and are not recalled yet."""
        return [g for mine in self._given.values() for g in mine[1:] if not g.recalled]

    def stuck(self, now: float, seconds: float) -> list[Given]:
        """Chunks that wait behind one that is forecast to take longer than that, and are not recalled yet."""
        behind = [mine for mine in self._given.values() if len(mine) > 1]
        return [g for mine in behind if mine[0].forecast.left(now - mine[0].began) > seconds
                for g in mine[1:] if not g.recalled]  # fmt: skip

    def clear(self) -> list[Work]:
        """Forget everything; what was under way."""
        flying = [g.work for mine in self._given.values() for g in mine]
        for mine in self._given.values():
            mine.clear()
        return flying

    def free_at(self, container: str, now: float) -> float:
        """When a container will have done what it was given, if forecasts are right."""
        mine = self._given.get(container, [])
        return now + sum(g.forecast.seconds if k else g.forecast.left(now - g.began) for k, g in enumerate(mine))

    def takes(self, container: str, now: float, short: float) -> bool:
        """Whether a container can be sent a chunk: it is idle, or has one that ends within `short` seconds."""
        mine = self._given.get(container, [])
        return not mine or (len(mine) == 1 and self.free_at(container, now) - now < short)

    def warm(self, container: str) -> frozenset[tuple[str, str]]:
        """(service, request) that a container has run since it started."""
        return frozenset(self._warm.get(container, ()))

    def warmed(self, container: str, service: str, request: str) -> None:
        """Note that a container has run a service for a request."""
        self._warm.setdefault(container, set()).add((service, request))

    def cool(self, container: str) -> None:
        """Note that a container's process is a new one."""
        self._warm.pop(container, None)
        self._signs.pop(container, None)

    def blame(self, container: str, why: str) -> None:
        """Note why a container is killed while it runs its chunk; that it was stopped is not the chunk's doing."""
        for k, given in enumerate(self._given.get(container, [])):
            given.blamed, given.killed = why, time.monotonic()
            given.spared = k > 0 or why.startswith("was stopped")

    def recall_lost(self, now: float) -> None:
        """Take back chunks that have not come back long after their container was killed for them."""
        for given in (g for mine in self._given.values() for g in mine[:1]):
            if given.blamed and now - given.killed > LOST_S:
                given.recall()

    def absent(self, missing: Iterable[str], now: float, patience: float) -> list[str]:
        """Which of the containers that are missing now have been so for that many seconds."""
        self._gone = {name: self._gone.get(name, now) for name in missing}
        return [name for name, since in self._gone.items() if now - since > patience]

    def lost(self, vitals: Mapping[str, Vital], now: float, patience: Patience) -> Iterator[tuple[str, str]]:
        """Containers that are to be given up, and why."""
        for name, vital in vitals.items():
            mine = self._given.get(name, [])
            if mine and mine[0].blamed:
                continue
            signs = self._signs.setdefault(name, _Signs(vital.cpu_seconds, now, now))
            if abs(vital.cpu_seconds - signs.used) > MOVES * (now - signs.looked):
                signs.moved = now
            signs.used, signs.looked = vital.cpu_seconds, now
            signs.stopped = (signs.stopped or now) if vital.stopped else None
            stopped = now - signs.stopped if signs.stopped is not None else 0.0
            if mine:
                careful = min(mine[0].forecast.quantile(CAREFUL), MOST_CAREFUL_S)
                why = patience.lost(now - mine[0].began, careful, now - signs.moved, stopped)
            else:
                why = patience.lost(0.0, 0.0, 0.0, stopped)
            if why:
                yield name, why
