"""Who changed what, and why; and a line for everything that is no letter, of which the campaign's posts are new."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

QUEUED_CONFIRMATION = sa.text("state = 'queued' AND kind = 'confirmation'")
QUEUED_OTHER = sa.text("state = 'queued' AND kind <> 'letter'")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("did", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index("ix_audit_at", ["at"], unique=False)
    op.drop_index("confirmation_due", "letter")
    op.create_index("other_due", "letter", ["next_at"], postgresql_where=QUEUED_OTHER, sqlite_where=QUEUED_OTHER)


def downgrade() -> None:
    op.drop_index("other_due", "letter")
    op.execute(sa.text("DELETE FROM letter WHERE kind NOT IN ('letter', 'confirmation')"))
    op.create_index(
        "confirmation_due",
        "letter",
        ["next_at"],
        postgresql_where=QUEUED_CONFIRMATION,
        sqlite_where=QUEUED_CONFIRMATION,
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_at")

    op.drop_table("audit")
