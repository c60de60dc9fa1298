"""Statements on tables within a session: SQLModel's own `exec` is typed for selects of models alone."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, MetaData, Table, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel.ext.asyncio.session import AsyncSession


async def execute(db: AsyncSession, statement: Any, rows: Sequence[Mapping[str, Any]] | None = None) -> Any:
    """Run a statement, or run it for each of `rows`, in the session's transaction, after what it still holds back."""
    await db.flush()
    return await (await db.connection()).execute(statement, rows)


async def put(db: AsyncSession, table: Table, rows: Sequence[Mapping[str, Any]], bulk: bool = False) -> None:
    """Insert rows, or replace those of the same key; of two rows with one key the later counts.

    Args:
        bulk: by COPY through a temporary table, which costs more to begin and less per row.
    """
    keys = [c.name for c in table.primary_key.columns]
    unique = list({tuple(r[k] for k in keys): r for r in rows}.values())
    if not unique:
        return
    if bulk:
        await _copy(db, table, unique)
        return
    await execute(db, _upsert(table), unique)


@cache
def _upsert(table: Table) -> Any:
    """Built once: that takes longer than running it."""
    made = insert(table)
    rest = {c.name: made.excluded[c.name] for c in table.columns if not c.primary_key}
    keys = [c.name for c in table.primary_key.columns]
    return made.on_conflict_do_update(index_elements=keys, set_=rest)


async def _copy(db: AsyncSession, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    names = [c.name for c in table.columns]
    staged = Table(f"staged_{table.name}", MetaData(), *(Column(c.name, c.type) for c in table.columns))
    quoted = f'"{staged.name}"'
    await execute(db, text(f'create temp table {quoted} (like "{table.name}") on commit drop'))
    raw = await (await db.connection()).get_raw_connection()
    assert raw.driver_connection is not None
    records = [tuple(r[n] for n in names) for r in rows]
    await raw.driver_connection.copy_records_to_table(staged.name, records=records, columns=names)
    made = insert(table).from_select(names, select(*staged.columns))
    rest = {c.name: made.excluded[c.name] for c in table.columns if not c.primary_key}
    keys = [c.name for c in table.primary_key.columns]
    await execute(db, made.on_conflict_do_update(index_elements=keys, set_=rest))
    await execute(db, text(f"drop table {quoted}"))
