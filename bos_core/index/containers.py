"""The container index: server, container, service instance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, update
from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.statements import execute, put
from bos_core.index.tables import ContainerRow, ContainerSample, ServerRow, ServerSample, ServiceInstanceRow, now
from bos_core.objects.container import Container, Server

KEPT_DAYS = 30  # of samples; a year of them on many containers would fill a disk


async def note_container(db: AsyncSession, container: Container, server: Server, state: str) -> None:
    """Record a container's server, quota and state; what it ran is idle once it has stopped, or moved elsewhere."""
    await db.merge(ServerRow(**vars(server), seen=now()))
    await db.flush()
    row = ContainerRow(
        name=container.name, server=server.name, cores=container.quota.cores,
        memory_mib=container.quota.memory_mib, mode=container.mode, state=state, seen=now(),
    )  # fmt: skip
    await db.merge(row)
    elsewhere = (col(ContainerRow.name) == container.name) & (col(ContainerRow.server) != server.name)
    await execute(db, update(ContainerRow).where(elsewhere).values(state="stopped"))
    if state != "running":
        idle = update(ServiceInstanceRow).where(col(ServiceInstanceRow.container) == container.name)
        await execute(db, idle.values(state="stopped"))


async def note_services(
    db: AsyncSession, doing: Mapping[tuple[str, str], tuple[str, str]], servers: Mapping[str, str]
) -> None:
    """Record what containers do: (state, chunk) by (container, service); `servers` by container, as recorded before."""
    rows = [
        {"container": container, "server": servers[container], "service": service, "state": state, "chunk_key": key,
         "seen": now()}
        for (container, service), (state, key) in doing.items()
    ]  # fmt: skip
    await put(db, SQLModel.metadata.tables["serviceinstance"], rows)


@dataclass(frozen=True)
class SampleOf:
    """What a container used at a moment: share of one processor, resident MiB, chunks given to it and waiting."""

    container: str
    at: datetime
    cpu_share: float
    resident_mib: float
    queued: int
    waiting: int


@dataclass(frozen=True)
class ServerUse:
    """What was used of a server at a moment: shares of all its processors and memory; `waiting`: chunks that wait for any."""

    server: str
    at: datetime
    cpu_share: float
    memory_share: float
    waiting: int


async def keep_samples(db: AsyncSession, samples: Sequence[SampleOf], servers: Sequence[ServerUse]) -> None:
    """Add samples."""
    await put(db, SQLModel.metadata.tables["containersample"], [vars(s) for s in samples])
    await put(db, SQLModel.metadata.tables["serversample"], [vars(s) for s in servers])


async def drop_samples(db: AsyncSession) -> None:
    """Remove samples that are older than KEPT_DAYS."""
    for table in (ContainerSample, ServerSample):
        await execute(db, delete(table).where(col(table.at) < now() - timedelta(days=KEPT_DAYS)))


async def samples_between(db: AsyncSession, first: datetime, last: datetime) -> list[SampleOf]:
    """Samples of all containers within a span, by time."""
    query = select(ContainerSample).where(ContainerSample.at >= first, ContainerSample.at <= last)
    rows = (await db.exec(query.order_by(col(ContainerSample.at)))).all()
    return [SampleOf(r.container, r.at, r.cpu_share, r.resident_mib, r.queued, r.waiting) for r in rows]


async def server_use_between(db: AsyncSession, first: datetime, last: datetime) -> list[ServerUse]:
    """Samples of all servers within a span, by time."""
    query = select(ServerSample).where(ServerSample.at >= first, ServerSample.at <= last)
    rows = (await db.exec(query.order_by(col(ServerSample.at)))).all()
    return [ServerUse(r.server, r.at, r.cpu_share, r.memory_share, r.waiting) for r in rows]


@dataclass(frozen=True)
class Placement:
    """A service instance with all that it stands on; `since`: when its container last changed."""

    server: str
    server_cores: int
    server_mib: int
    container: str
    cores: int
    memory_mib: int
    mode: str
    state: str
    since: datetime
    service: str
    doing: str
    chunk: str


async def placements(db: AsyncSession) -> list[Placement]:
    """Server, container and service instance, one line per service that a container has run."""
    query = (
        select(ServerRow, ContainerRow, ServiceInstanceRow)
        .join(ContainerRow, col(ContainerRow.server) == col(ServerRow.name))
        .join(
            ServiceInstanceRow,
            (col(ServiceInstanceRow.container) == col(ContainerRow.name))
            & (col(ServiceInstanceRow.server) == col(ContainerRow.server)),
            isouter=True,
        )
        .order_by(ServerRow.name, ContainerRow.name, ServiceInstanceRow.service)
    )
    return [
        Placement(s.name, s.cores, s.memory_mib, c.name, c.cores, c.memory_mib, c.mode, c.state, c.seen,
                  i.service if i else "", i.state if i else "", i.chunk_key if i else "")
        for s, c, i in (await db.exec(query)).all()
    ]  # fmt: skip
