"""The container index: server, container, service instance."""

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version

import psutil
from sqlalchemy import delete, update
from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.statements import execute, put
from bos_core.index.tables import ContainerRow, ContainerSample, ServerRow, ServiceInstanceRow, now
from bos_core.objects.container import Container

KEPT_DAYS = 30  # of samples; a year of them on many containers would fill a disk
SOFTWARE = ("prefect", "dask", "highspy", "lightsim2grid", "casadi")


async def note_server(db: AsyncSession) -> None:
    """Record this machine: its size, system and what is installed."""
    software = {"python": platform.python_version(), **{name: version(name) for name in SOFTWARE}}
    await db.merge(ServerRow(
        name=platform.node(), cores=psutil.cpu_count() or 1, memory_mib=psutil.virtual_memory().total >> 20,
        system=f"{platform.system()} {platform.release()} ({sys.platform})", software=software, seen=now(),
    ))  # fmt: skip
    await db.flush()


async def note_container(db: AsyncSession, container: Container, state: str) -> None:
    """Record a container's quota and state; what it ran is idle once it has stopped."""
    await note_server(db)
    row = ContainerRow(
        name=container.name, server=platform.node(), cores=container.quota.cores,
        memory_mib=container.quota.memory_mib, mode=container.mode, state=state, seen=now(),
    )  # fmt: skip
    await db.merge(row)
    if state != "running":
        idle = update(ServiceInstanceRow).where(col(ServiceInstanceRow.container) == container.name)
        await execute(db, idle.values(state="stopped"))


async def note_services(db: AsyncSession, doing: Mapping[tuple[str, str], tuple[str, str]]) -> None:
    """Record what containers do: (state, chunk) by (container, service)."""
    rows = [
        {"container": container, "server": platform.node(), "service": service, "state": state, "chunk_key": key,
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


async def keep_samples(db: AsyncSession, samples: Sequence[SampleOf]) -> None:
    """Add samples."""
    await put(db, SQLModel.metadata.tables["containersample"], [vars(s) for s in samples])


async def drop_samples(db: AsyncSession) -> None:
    """Remove samples that are older than KEPT_DAYS."""
    await execute(db, delete(ContainerSample).where(col(ContainerSample.at) < now() - timedelta(days=KEPT_DAYS)))


async def samples_between(db: AsyncSession, first: datetime, last: datetime) -> list[SampleOf]:
    """Samples of all containers within a span, by time."""
    query = select(ContainerSample).where(ContainerSample.at >= first, ContainerSample.at <= last)
    rows = (await db.exec(query.order_by(col(ContainerSample.at)))).all()
    return [SampleOf(r.container, r.at, r.cpu_share, r.resident_mib, r.queued, r.waiting) for r in rows]


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
