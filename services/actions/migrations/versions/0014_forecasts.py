"""When what waits for a target is expected to be out."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "target_forecast",
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.Column("noticed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("target_id"),
    )


def downgrade() -> None:
    op.drop_table("target_forecast")
