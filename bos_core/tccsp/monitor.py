"""What containers and servers use: sampled, kept in the index, drawn in reports and by `bos top`."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.client import Index
from bos_core.index.containers import SampleOf, ServerUse, keep_samples
from bos_core.index.tables import now
from bos_core.tccsp.containers import ContainerPool

EVERY_S = 1.0
KEEP_EVERY = 5  # samples per write to the index


class Monitor:
    """Samples the containers of a pool until it is stopped.

    Args:
        index: where samples are kept.
        pool: whose containers.
        state: gives the chunks that each container has been given, and how many wait for any.
    """

    def __init__(self, index: Index, pool: ContainerPool, state: Callable[[], tuple[dict[str, int], int]]) -> None:
        self._index, self._pool, self._state = index, pool, state
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="bos-monitor", daemon=True)
        self._fresh: list[SampleOf] = []
        self._servers: list[ServerUse] = []
        self._lock = threading.Lock()
        self._before: dict[str, tuple[int, float, float]] = {}  # process, its processor seconds, and when

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def stop(self) -> None:
        """End; what was sampled and not yet kept is kept."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _watch(self) -> None:
        self.sample()
        while not self._stop.wait(EVERY_S):
            with self._lock:
                self._fresh += self.sample()
                self._servers += self.sample_servers()
            if len(self._fresh) >= KEEP_EVERY * max(len(self._pool.containers), 1):
                self.keep()
        self.keep()

    def keep(self) -> None:
        """Write what was sampled and is not in the index yet."""
        with self._lock:
            samples, self._fresh = self._fresh, []
            servers, self._servers = self._servers, []

        async def write(db: AsyncSession) -> None:
            await keep_samples(db, samples, servers)

        with suppress(Exception):  # the database may be away; the run tells, samples are a courtesy
            self._index.call(write)

    def sample(self) -> list[SampleOf]:
        """One sample of every container that lives now."""
        given, queued = self._state()
        out = []
        for name, vital in self._pool.vitals().items():
            at = time.monotonic()
            pid, used, before = self._before.get(name, (0, 0.0, 0.0))
            self._before[name] = vital.pid, vital.cpu_seconds, at
            if pid == vital.pid:  # the first look only starts the clock
                share = max(vital.cpu_seconds - used, 0.0) / (at - before)
                out.append(SampleOf(name, now(), share, vital.resident_mib, given.get(name, 0), queued))
        return out

    def sample_servers(self) -> list[ServerUse]:
        """One sample of every server that holds containers."""
        _, queued = self._state()
        loads = self._pool.place.loads()
        return [ServerUse(name, now(), load.cpu_share, load.memory_share, queued) for name, load in loads.items()]
