"""What others were told of when a target's letters will be out."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "told_forecast",
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("target_id"),
    )


def downgrade() -> None:
    op.drop_table("told_forecast")
