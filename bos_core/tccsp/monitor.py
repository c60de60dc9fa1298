"""What containers use: sampled, kept in the index, drawn in reports and by `bos top`."""

import threading
from collections.abc import Callable

import psutil
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.client import Index
from bos_core.index.containers import SampleOf, keep_samples
from bos_core.index.tables import now
from bos_core.tccsp.containers import ContainerPool

EVERY_S = 1.0
KEEP_EVERY = 5  # samples per write to the index


class Monitor:
    """Samples the containers of a pool until it is stopped.

    Args:
        index: where samples are kept.
        pool: whose containers.
        owner: task set that they serve.
        state: gives the chunks that each container has been given, and how many wait for any.
    """

    def __init__(
        self, index: Index, pool: ContainerPool, owner: str, state: Callable[[], tuple[dict[str, int], int]]
    ) -> None:
        self._index, self._pool, self._owner, self._state = index, pool, owner, state
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="bos-monitor", daemon=True)
        self._processes: dict[str, psutil.Process] = {}

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def stop(self) -> None:
        """End; what was sampled and not yet kept is kept."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _watch(self) -> None:
        waiting: list[SampleOf] = []
        while not self._stop.wait(EVERY_S):
            waiting += self.sample()
            if len(waiting) >= KEEP_EVERY * max(len(self._pool.containers), 1):
                self._keep(waiting)
        self._keep(waiting)

    def _keep(self, samples: list[SampleOf]) -> None:
        async def write(db: AsyncSession) -> None:
            await keep_samples(db, self._owner, samples)

        try:
            self._index.call(write)
        except Exception:  # the database may be away; the run tells, samples are a courtesy
            return
        finally:
            samples.clear()

    def sample(self) -> list[SampleOf]:
        """One sample of every container that lives now."""
        given, queued = self._state()
        out = []
        for name, pid in self._pool.processes().items():
            try:
                known = self._processes.get(name)
                if known is None or known.pid != pid:
                    known = self._processes[name] = psutil.Process(pid)
                    known.cpu_percent()  # the first call only starts the clock
                    continue
                cpu, memory = known.cpu_percent() / 100, known.memory_info().rss / 2**20
            except psutil.Error:
                continue
            out.append(SampleOf(name, now(), cpu, memory, given.get(name, 0), queued))
        return out
