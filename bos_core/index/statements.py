"""Statements on tables within a session: SQLModel's own `exec` is typed for selects of models alone."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, MetaData, Table, bindparam, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel.ext.asyncio.session import AsyncSession

Row = Mapping[str, Any]


async def execute(db: AsyncSession, statement: Any, rows: Row | Sequence[Row] | None = None) -> Any:
    """Run a statement, with a row or each of several, in the session's transaction, after what it still holds back."""
    await db.flush()
    return await (await db.connection()).execute(statement, rows)


async def put(db: AsyncSession, table: Table, rows: Sequence[Row], bulk: bool = False) -> None:
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
    rest = [f'"{c.name}" = excluded."{c.name}"' for c in table.columns if not c.primary_key]
    await execute(db, _insert(table, f"({', '.join(keys)}) do update set {', '.join(rest)}"), unique)


async def add(db: AsyncSession, table: Table, row: Row) -> bool:
    """Insert a row unless there is one of its key; whether it was inserted."""
    return bool((await execute(db, _insert(table, "do nothing"), row)).rowcount)


@cache
def _insert(table: Table, conflict: str) -> Any:
    """Of whole rows; as text, since SQLAlchemy compiles an insert of Postgres' own anew each time, which takes longest."""
    names = [c.name for c in table.columns]
    listed, given = ", ".join(f'"{n}"' for n in names), ", ".join(f":{n}" for n in names)
    made = text(f'insert into "{table.name}" ({listed}) values ({given}) on conflict {conflict}')
    return made.bindparams(*(bindparam(c.name, type_=c.type) for c in table.columns))


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
