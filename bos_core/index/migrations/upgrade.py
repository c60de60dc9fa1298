"""Bring the index's schema up to the version of this code."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bos_core.index.ontology_tables import follow_schema

MIGRATION_LOCK = 0x424F54


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, bound to a connection."""
    out = Config()
    out.set_main_option("script_location", str(Path(__file__).parent))
    out.attributes["connection"] = connection
    return out


async def upgrade(engine: AsyncEngine) -> None:
    """Run all migrations that are missing; safe when several processes start at once."""

    def run(connection: Connection) -> None:
        connection.execute(text(f"select pg_advisory_xact_lock({MIGRATION_LOCK})"))
        command.upgrade(config(connection), "head")
        follow_schema(connection)

    async with engine.begin() as connection:
        await connection.run_sync(run)
