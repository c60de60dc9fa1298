"""What attends to a container on another machine: loaded by its nanny there (`distributed.nanny.preload`).

It answers what the pool asks about the container's process, and ends it; Dask itself tells neither a stopped process
from a busy one, nor a death by the quota from any other.
"""

from dataclasses import asdict
from typing import Any

import distributed
import psutil
from tornado.ioloop import PeriodicCallback

from bos_core.tccsp.places.local import Endings, Past, end, vital_of
from bos_core.tccsp.places.place import PRELOAD
from bos_core.tccsp.places.server import load_now, this_server

LOOK_MS = 100.0


class Attendant:
    """Watches the process of one nanny's worker.

    Args:
        nanny: of Dask.
    """

    def __init__(self, nanny: Any) -> None:
        self._nanny = nanny
        self._past, self._endings = Past(), Endings(nanny)
        nanny.handlers |= {"container_seen": self.seen, "container_kill": self.kill}
        nanny.periodic_callbacks["attendant"] = PeriodicCallback(self._look, LOOK_MS)

    def _look(self) -> None:
        if self._nanny.pid is not None:
            self._past.saw(self._nanny.pid)

    async def seen(self) -> dict[str, Any]:
        """The container's vital signs, none if no process runs; its children; how it died; its server."""
        self._look()
        ended = self._endings.last()
        try:
            process = psutil.Process(self._nanny.pid)
            vital, children = asdict(vital_of(process.pid)), bool(process.children())
        except (psutil.Error, TypeError):
            vital, children = None, False
        return {"vital": vital, "children": children, "full": self._past.died_of_memory(self._nanny),
                "ended": None if ended is None else asdict(ended), "server": asdict(this_server()), "load": asdict(load_now())}  # fmt: skip

    async def kill(self) -> None:
        """End the process; the nanny starts another."""
        if self._nanny.pid is not None:
            end(self._nanny.pid)


def dask_setup(nanny: Any) -> None:
    """Called by the nanny when it starts."""
    distributed.utils.get_mp_context().set_forkserver_preload(PRELOAD)
    Attendant(nanny)
