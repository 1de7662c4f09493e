"""Actions that staff took for invalid, in bulk."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

IS_LOCATED = sa.text("network IS NOT NULL")
IS_INVALID = sa.text("invalidation_id IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("action", schema=None) as batch_op:
        batch_op.add_column(sa.Column("invalidation_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("validity_number", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("action", schema=None) as batch_op:
        batch_op.create_index("action_accepted", ["accepted_at"])
        batch_op.create_index("action_located", ["accepted_at"], postgresql_where=IS_LOCATED, sqlite_where=IS_LOCATED)
        batch_op.create_index(
            "action_invalidated", ["invalidation_id"], postgresql_where=IS_INVALID, sqlite_where=IS_INVALID
        )
    op.create_table(
        "invalidation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("criteria", sa.JSON(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("actions", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("invalidation")
    with op.batch_alter_table("action", schema=None) as batch_op:
        batch_op.drop_index("action_invalidated")
        batch_op.drop_index("action_located")
        batch_op.drop_index("action_accepted")
    with op.batch_alter_table("action", schema=None) as batch_op:
        batch_op.drop_column("validity_number")
        batch_op.drop_column("invalidation_id")
