"""copies of results, time spent on data, measured accesses"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("output", sa.Column("layout", sa.String(), nullable=False, server_default="by-time"))
    op.add_column("chunk", sa.Column("data_seconds", sa.Float(), nullable=False, server_default="0"))
    op.create_table(
        "accessmeasure",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("features", sa.ARRAY(sa.Float()), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
    )
    op.create_index(op.f("ix_accessmeasure_route"), "accessmeasure", ["route"])
