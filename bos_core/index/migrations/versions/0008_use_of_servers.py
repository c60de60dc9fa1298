"""what is used of servers"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "serversample",
        sa.Column("at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("server", sa.String(), primary_key=True),
        sa.Column("cpu_share", sa.Float(), nullable=False),
        sa.Column("memory_share", sa.Float(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
    )
