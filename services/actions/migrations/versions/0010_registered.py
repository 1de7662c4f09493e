"""What delivery has registered, and how often an event was sent once more."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

IS_UNREGISTERED = sa.text("type = 'actions.action_accepted.v1' AND published_at IS NOT NULL AND registered_at IS NULL")
IS_REGISTERED = sa.text("registered_at IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("registered_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("reemitted", sa.Integer(), server_default="0", nullable=False))
    # Nobody reported on what went out before, so it is taken for registered: else a week of it would go out again.
    op.execute("UPDATE outbox SET registered_at = published_at WHERE published_at IS NOT NULL")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "outbox_unregistered",
            ["published_at"],
            unique=False,
            postgresql_where=IS_UNREGISTERED,
            sqlite_where=IS_UNREGISTERED,
        )
        batch_op.create_index(
            "outbox_registered",
            ["registered_at"],
            unique=False,
            postgresql_where=IS_REGISTERED,
            sqlite_where=IS_REGISTERED,
        )


def downgrade() -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("outbox_registered")
        batch_op.drop_index("outbox_unregistered")
        batch_op.drop_column("reemitted")
        batch_op.drop_column("registered_at")
