"""The containers of the scheduler's pool as its cycles see and change them: sizes, modes, health, who is free.

The other half of the loop: `scheduler` decides about tasks, this about what they run on.
"""

import time
from collections.abc import Collection, Sequence
from typing import Any

from bos_core.index.client import Index
from bos_core.objects.container import Container, ContainerMode, Server
from bos_core.tccsp import records
from bos_core.tccsp.board import Board, Demand, Slot
from bos_core.tccsp.containers import ContainerPool, default_containers
from bos_core.tccsp.faults import Patience
from bos_core.tccsp.given import Table
from bos_core.tccsp.provisioning import Prices
from bos_core.tccsp.request import Request
from bos_core.tccsp.sizing import FILL, Held, most_of, resized

CALM_S = 10.0  # between changes of containers that only make more of them


class Fleet:
    """The containers, and what changes them.

    Args:
        index: where they are recorded.
        pool: acts on them.
        given: what they have been given.
        prices: of problem (2).

    Attributes:
        servers: of containers, as they are recorded.
    """

    def __init__(self, index: Index, pool: ContainerPool, given: Table, prices: Prices) -> None:
        self._index, self._pool, self._given, self._prices = index, pool, given, prices
        self.servers: dict[str, Server] = {}
        self._resized = 0.0

    def start(self) -> None:
        """Start the containers.

        Raises:
            ServiceError: they do not come up.
        """
        self._pool.start()
        self._note(running=True)

    def close(self) -> None:
        """Stop the containers."""
        self._pool.close()
        self._note(running=False)

    def _note(self, running: bool) -> None:
        if running:
            self.servers |= {c.name: self._pool.place.server(c.name) for c in self._pool.containers}
        known = [c for c in self._pool.containers if c.name in self.servers]
        self._index.call(lambda db: records.containers(db, known, self.servers, running))

    @property
    def most_mib(self) -> float:
        """The largest forecast (MiB) that a container could hold."""
        return most_of(self._pool.limit_mib, len(self._pool.containers))

    @property
    def restarting(self) -> bool:
        """Whether a container is just coming up."""
        return len(self._pool.ready()) < len(self._pool.processes())

    def quota(self, name: str) -> int:
        """MiB that a container has."""
        return next(c.quota.memory_mib for c in self._pool.containers if c.name == name)

    def largest(self) -> dict[ContainerMode, float]:
        """By mode, the largest forecast (MiB) that a container holds."""
        out: dict[ContainerMode, float] = {}
        for c in self._pool.containers:
            if c.quota.memory_mib:
                out[c.mode] = max(out.get(c.mode, 0.0), FILL * c.quota.memory_mib)
        return out

    def idle(self) -> list[Container]:
        """Containers, also those that do not run, that have nothing to do."""
        return [c for c in self._pool.containers[: self._pool.wanted] if not self._given.counts().get(c.name)]

    def slots(self, now: float, short: float, forced: bool) -> list[Slot]:
        """Containers that can be sent a chunk: idle ones, and those whose chunk will end within `short` seconds.

        Where `forced`, the largest ones take anything. While some are stopped none gets a second chunk, or no
        container would ever be idle and could be made smaller for the others to run.
        """
        out = []
        running, ready = self._pool.containers[: self._pool.wanted], self._pool.ready()
        short = short if all(c.quota.memory_mib for c in running) else 0.0
        largest = max(c.quota.memory_mib for c in running)
        for c in running:
            quota = c.quota.memory_mib
            if quota and c.name in ready and self._given.takes(c.name, now, short):
                memory = float("inf") if forced and quota == largest else FILL * quota
                at, warm = self._given.free_at(c.name, now), self._given.warm(c.name)
                out.append(Slot(c.name, memory, at, warm=warm, mode=c.mode))
        return out

    def agree(self, requests: Collection[Request]) -> None:
        """The most containers that any request asks for, within the tightest limit.

        What does not work now is given its equal part at once if there is more than the limit; or if another number or
        limit is asked for, and nothing runs that would mind.
        """
        if not requests:
            return
        agreed = self._pool.wanted, self._pool.limit_mib
        self._pool.limit_mib = min(r.limit_mib for r in requests)
        self._pool.wanted = max(r.workers for r in requests)
        other = agreed != (self._pool.wanted, self._pool.limit_mib)
        before = {c.name: c.quota.memory_mib for c in self._pool.containers}
        equal = {c.name: c.quota.memory_mib for c in default_containers(self._pool.wanted, self._pool.limit_mib)}
        over = sum(before.values()) > self._pool.limit_mib
        idle = [n for n in before if not self._given.counts().get(n)]
        if over or (other and len(idle) == len(before)):
            self._change({n: equal.get(n, 0) for n in idle if equal.get(n, 0) != before[n]})
        if len(self._pool.containers) < self._pool.wanted:
            self._pool.extend(self._pool.wanted)
            self._note(running=True)

    def resize(
        self, board: Board[Any], urgent: bool, blocked: Demand | None = None, late: Sequence[Demand] = ()
    ) -> bool:
        """Give the containers that are idle other sizes if what waits needs them; whether any changed.

        Args:
            board: what waits.
            urgent: something waits that no container holds, or that is late.
            blocked: that something, which goes before all; late: what no container can serve in time.
        """
        now, idle = time.monotonic(), self.idle()
        stopped = any(not c.quota.memory_mib for c in idle)
        over = sum(c.quota.memory_mib for c in self._pool.containers) > self._pool.limit_mib
        if not (urgent or over or (stopped and now - self._resized > CALM_S)):
            return False
        wanted, to_go = self._pool.containers[: self._pool.wanted], self._pool.containers[self._pool.wanted :]
        change = {c.name: 0 for c in to_go if c.quota.memory_mib}
        pool = [Held(c.name, c.quota.memory_mib, c not in idle) for c in wanted]
        in_time = [board.need(d) for d in late[: len(idle)]]
        limit = self._pool.limit_mib - sum(c.quota.memory_mib for c in to_go)
        change |= resized(pool, board.needs(len(idle), blocked), limit, in_time, self._prices)
        change = {name: mib for name, mib in change.items() if not self._given.counts().get(name)}
        if not change:
            return False
        self._resized = now
        self._change(change)
        return True

    def follow(self, modes: set[ContainerMode]) -> None:
        """Switch idle containers of a mode that nobody waits for to the one that is waited for."""
        if len(modes) == 1:
            (mode,) = modes
            self._switch([c.name for c in self.idle() if c.mode != mode], mode)

    def make_one(self, mode: ContainerMode) -> bool:
        """Switch an idle container to a mode that none has; whether there was one."""
        names = [c.name for c in self.idle() if c.quota.memory_mib][:1]
        self._switch(names, mode)
        return bool(names)

    def look(self, now: float, patience: Patience) -> None:
        """Replace containers that died for good; give up those that are stopped, or idle or endless with a chunk."""
        quotas = {c.name: c.quota.memory_mib for c in self._pool.containers if c.quota.memory_mib}
        absent = self._given.absent(set(quotas) - self._pool.ready(), now, patience.absent)
        self._change({name: quotas[name] for name in absent})
        self._given.recall_lost(now)
        for container, why in self._given.lost(self._pool.vitals(), now, patience):
            if "nothing" not in why or not self._pool.has_children(container):
                self._given.blame(container, why)
                self._pool.kill(container)

    def spread(self, worth: float) -> None:
        """Take back what waits for more than `worth` seconds in a container while another could run it at once."""
        stuck = self._given.stuck(time.monotonic(), worth)
        idle = [c for c in self.idle() if c.name in self._pool.ready()] if stuck else []
        for given, c in zip(stuck, idle, strict=False):
            if given.forecast.need_mib <= FILL * c.quota.memory_mib and given.work.array.mode == c.mode:
                given.take_back()

    def _change(self, quotas: dict[str, int]) -> None:
        """Give containers other sizes."""
        if quotas:
            self._pool.resize(quotas)
            self._renewed(quotas)

    def _switch(self, names: list[str], mode: ContainerMode) -> None:
        """Give idle containers another mode."""
        if names:
            self._pool.switch(names, mode)
            self._renewed(names)

    def _renewed(self, names: Collection[str]) -> None:
        for name in names:
            self._given.cool(name)
        self._note(running=True)
