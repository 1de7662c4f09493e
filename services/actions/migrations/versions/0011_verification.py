"""Actions that wait until their supporter confirms them from their mailbox."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

IS_ASKED = sa.text("verify_token IS NOT NULL")
IS_UNREMINDED = sa.text("verify_token IS NOT NULL AND verified_at IS NULL AND reminded_at IS NULL")
COLUMNS = ("verify_token", "verify_by", "verified_at", "mails_sent", "last_mail_at", "reminded_at")


def upgrade() -> None:
    with op.batch_alter_table("action", schema=None) as batch_op:
        batch_op.add_column(sa.Column("verify_token", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("verify_by", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("mails_sent", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("last_mail_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "action_verify_token",
        "action",
        ["verify_token"],
        unique=True,
        postgresql_where=IS_ASKED,
        sqlite_where=IS_ASKED,
    )
    op.create_index(
        "action_unreminded", "action", ["accepted_at"], postgresql_where=IS_UNREMINDED, sqlite_where=IS_UNREMINDED
    )


def downgrade() -> None:
    op.drop_index("action_unreminded", "action")
    op.drop_index("action_verify_token", "action")
    with op.batch_alter_table("action", schema=None) as batch_op:
        for column in reversed(COLUMNS):
            batch_op.drop_column(column)
