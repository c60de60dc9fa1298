"""What the scheduler writes to the index: all of a cycle in one transaction, and only then is anyone told."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index import containers as container_index
from bos_core.index import tasks
from bos_core.index.client import Index
from bos_core.objects.container import Container, Server
from bos_core.objects.task import Chunk, Receipt, TaskState
from bos_core.tccsp.board import Choice
from bos_core.tccsp.request import Work

Write = Callable[[AsyncSession], Awaitable[None]]


async def containers(db: AsyncSession, pool: Sequence[Container], servers: Mapping[str, Server], running: bool) -> None:
    """Every container of a pool on its server; one without a quota does not run."""
    for c in pool:
        state = "running" if running and c.quota.memory_mib else "stopped"
        await container_index.note_container(db, c, servers[c.name], state)


class Ledger:
    """What happened to chunks since the last commit.

    Args:
        index: where it is to be written.
        servers: of containers, as the index knows them.
    """

    def __init__(self, index: Index, servers: Mapping[str, Server]) -> None:
        self._index, self._servers = index, servers
        self._writes: list[Write] = []
        self._then: list[Callable[[], None]] = []
        self._doing: dict[tuple[str, str], tuple[str, str]] = {}  # by container and service: state, chunk

    def sent(self, choice: Choice[Work]) -> None:
        """A chunk goes to a container."""
        work = choice.work
        forecast_mib = choice.forecast.need_mib
        self._writes.append(partial(
            tasks.mark, key=work.chunk.key, state=TaskState.EXECUTING, container=choice.container,
            forecast_s=choice.forecast.seconds, forecast_mib=forecast_mib, waited_s=choice.waited, weight=choice.weight,
        ))  # fmt: skip
        self._doing[choice.container, work.array.stage] = "working", work.chunk.key

    def done(self, container: str, work: Work, receipt: Receipt, then: Callable[[], None]) -> None:
        """A chunk is done, with its output; `then` is called once that is written."""
        self._writes.append(partial(
            tasks.commit_chunk, array=work.array, chunk=work.chunk, receipt=receipt, scenario_id=work.scenario_id
        ))  # fmt: skip
        self._idle(container, work, then)

    def undone(
        self, container: str, work: Work, state: TaskState, why: str, then: Callable[[], None] = lambda: None
    ) -> None:
        """A chunk came back from a container without a result; `then` is called once that is written."""
        self._writes.append(partial(tasks.mark, key=work.chunk.key, state=state, error=why))
        self._idle(container, work, then)

    def split(self, work: Work, parts: Sequence[Chunk], then: Callable[[], None]) -> None:
        """A chunk that came back is replaced by its parts; `then` is called once that is written."""
        self._writes.append(partial(tasks.split_chunk, key=work.chunk.key, parts=list(parts)))
        self._then.append(then)

    def withdrawn(self, container: str, work: Work) -> None:
        """A chunk's request has left; it may have come back by now, and begun anew."""
        self._writes.append(partial(tasks.put_back, key=work.chunk.key))
        self._idle(container, work, lambda: None)

    def _idle(self, container: str, work: Work, then: Callable[[], None]) -> None:
        self._doing[container, work.array.stage] = "idle", work.chunk.key
        self._then.append(then)

    def commit(self) -> None:
        """Write everything, then tell."""
        if not self._writes:
            return
        writes, then, doing = self._writes, self._then, self._doing
        self._writes, self._then, self._doing = [], [], {}

        async def write(db: AsyncSession) -> None:
            for one in writes:
                await one(db)
            await container_index.note_services(db, doing, {c: self._servers[c].name for c, _ in doing})

        self._index.call(write)
        for tell in then:
            tell()
