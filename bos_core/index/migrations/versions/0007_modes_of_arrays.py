"""arrays whose programs are under review run in trial containers"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("taskarray", sa.Column("mode", sa.String(), nullable=False, server_default="launched"))
