"""containers are shared by task sets; what a chunk's forecast depended on"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chunk", sa.Column("size", sa.Float(), nullable=False, server_default="0"))
    for name in ("load_s", "start_mib"):
        op.add_column("chunk", sa.Column(name, sa.Float(), nullable=False, server_default="0"))
    op.execute("update chunk set size = hours")
    op.drop_column("container", "owner")
    # Samples of two task sets never share a moment to the microsecond, so nothing is lost.
    op.drop_constraint("containersample_pkey", "containersample")
    op.drop_column("containersample", "owner")
    op.create_primary_key("containersample_pkey", "containersample", ["at", "container"])
