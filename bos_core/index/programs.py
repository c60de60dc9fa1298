"""The index of programs and the tree of services that they plug into."""

from collections.abc import Sequence

from sqlalchemy import delete, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.statements import execute
from bos_core.index.tables import ProgramRow, ServiceRow


async def services(db: AsyncSession) -> list[ServiceRow]:
    """The tree of services, parents first."""
    return list((await db.exec(select(ServiceRow).order_by(ServiceRow.parent, ServiceRow.name))).all())


async def programs(db: AsyncSession) -> list[ProgramRow]:
    """All versions of all programs, by type and name."""
    order = (ProgramRow.type, ProgramRow.name, ProgramRow.version)
    return list((await db.exec(select(ProgramRow).order_by(*order))).all())


async def replace(db: AsyncSession, tree: Sequence[ServiceRow], rows: Sequence[ProgramRow]) -> None:
    """Make the index what it is told, in one transaction; whoever comes second waits."""
    await execute(db, _LOCK)
    for table in (ServiceRow, ProgramRow):
        await execute(db, delete(table).where(col(table.name) != ""))
    db.add_all([*tree, *rows])


_LOCK = text("select pg_advisory_xact_lock(7061)")  # any number of our own
