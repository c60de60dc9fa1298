"""Statements on tables within a session: SQLModel's own `exec` is typed for selects of models alone."""

from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession


async def execute(db: AsyncSession, statement: Any) -> Any:
    """Run a statement in the session's transaction, after what the session still holds back."""
    await db.flush()
    return await (await db.connection()).execute(statement)
