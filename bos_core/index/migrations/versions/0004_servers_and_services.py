"""servers, and services as containers run them"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "server",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("cores", sa.Integer(), nullable=False),
        sa.Column("memory_mib", sa.Integer(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("software", postgresql.JSONB(), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
    )
    op.execute(
        "insert into server select distinct server, 0, 0, '', '{}'::jsonb, max(seen) from container group by server"
    )
    op.create_foreign_key(None, "container", "server", ["server"], ["name"])
    op.add_column("container", sa.Column("owner", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "serviceinstance",
        sa.Column("container", sa.String(), primary_key=True),
        sa.Column("server", sa.String(), primary_key=True),
        sa.Column("service", sa.String(), primary_key=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("chunk_key", sa.String(), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["container", "server"], ["container.name", "container.server"]),
    )
