"""Messages to the person at risk: what staff make of them, and the bundles in which they are given to the family."""

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

IS_MESSAGE = sa.text("judgement IS NOT NULL")
IS_BUNDLED = sa.text("bundle_id IS NOT NULL")
COLUMNS = ("may_be_shown", "judgement", "judgement_number", "bundle_id")


def upgrade() -> None:
    op.create_table(
        "solidarity_bundle",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_slug", sa.String(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("handed_over_at", UtcDateTime(), nullable=True),
        sa.Column("handed_to", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("action", schema=None) as batch_op:
        batch_op.add_column(sa.Column("may_be_shown", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("judgement", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("judgement_number", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("bundle_id", sa.Uuid(), nullable=True))
    # Until now nobody read them: staff do.
    op.execute("UPDATE action SET judgement = 'waiting', may_be_shown = false WHERE channel = 'solidarity'")
    op.create_index(
        "action_message",
        "action",
        ["judgement", "accepted_at", "id"],
        postgresql_where=IS_MESSAGE,
        sqlite_where=IS_MESSAGE,
    )
    op.create_index(
        "action_bundled", "action", ["bundle_id", "accepted_at"], postgresql_where=IS_BUNDLED, sqlite_where=IS_BUNDLED
    )


def downgrade() -> None:
    op.drop_index("action_bundled", "action")
    op.drop_index("action_message", "action")
    with op.batch_alter_table("action", schema=None) as batch_op:
        for column in reversed(COLUMNS):
            batch_op.drop_column(column)
    op.drop_table("solidarity_bundle")
