"""News by mail for those who asked for it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
OPTED_IN = sa.text("opt_in")


def upgrade() -> None:
    op.create_table(
        "news",
        sa.Column("update_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("case_slug", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("reached_at", MOMENT, nullable=True),
        sa.Column("reached_id", sa.Uuid(), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("published_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("stopped_because", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("update_id"),
    )
    op.create_index("ix_news_published_at", "news", ["published_at"])
    op.create_table(
        "news_reader",
        sa.Column("mailbox", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("mailbox"),
    )
    op.create_index(
        "action_opted_in",
        "action",
        ["case_id", "accepted_at", "id"],
        postgresql_where=OPTED_IN,
        sqlite_where=OPTED_IN,
    )


def downgrade() -> None:
    op.drop_index("action_opted_in", "action")
    op.drop_table("news_reader")
    op.drop_table("news")
