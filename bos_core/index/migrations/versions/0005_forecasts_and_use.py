"""forecasts beside what was measured, and what containers use"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("taskarray", sa.Column("kind", sa.String(), nullable=False, server_default=""))
    for name in ("forecast_s", "forecast_mib", "waited_s", "weight"):
        op.add_column("chunk", sa.Column(name, sa.Float(), nullable=False, server_default="0"))
    op.create_table(
        "containersample",
        sa.Column("owner", sa.String(), primary_key=True),
        sa.Column("container", sa.String(), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("cpu_share", sa.Float(), nullable=False),
        sa.Column("resident_mib", sa.Float(), nullable=False),
        sa.Column("queued", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
    )
