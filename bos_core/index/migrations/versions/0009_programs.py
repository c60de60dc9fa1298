"""the service index tree and the program index"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "service",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("custom", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "program",
        sa.Column("type", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("version", sa.String(), primary_key=True),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("services", sa.ARRAY(sa.String()), nullable=False),
        sa.Column("elements", sa.ARRAY(sa.String()), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
    )
