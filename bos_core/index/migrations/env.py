"""Alembic's environment: the connection is handed over by `upgrade.py`."""

from alembic import context
from sqlmodel import SQLModel

from bos_core.index import tables

context.configure(connection=context.config.attributes["connection"], target_metadata=SQLModel.metadata)
with context.begin_transaction():
    context.run_migrations()
