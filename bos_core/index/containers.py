"""Containers in the index."""

import platform

from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.tables import ContainerRow, now
from bos_core.objects.container import Container


async def note_container(db: AsyncSession, container: Container, state: str) -> None:
    """Record a container's quota and state."""
    row = ContainerRow(
        name=container.name, server=platform.node(), cores=container.quota.cores,
        memory_mib=container.quota.memory_mib, mode=container.mode, state=state, seen=now(),
    )  # fmt: skip
    await db.merge(row)
