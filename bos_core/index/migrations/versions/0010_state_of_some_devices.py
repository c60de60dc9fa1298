"""pointers to hourly state may be of some devices, over those of all"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("hourlystate", sa.Column("layer", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("hourlystate", sa.Column("devices", sa.ARRAY(sa.String()), nullable=True))
    op.drop_constraint("hourlystate_pkey", "hourlystate", type_="primary")
    op.create_primary_key("hourlystate_pkey", "hourlystate", ["scenario_id", "dataset", "layer", "first_hour"])
