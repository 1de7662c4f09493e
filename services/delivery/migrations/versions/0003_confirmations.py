"""Mail that asks supporters whether they wrote: in the table of letters, with a line of its own to be claimed from."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

QUEUED = sa.text("state = 'queued'")
QUEUED_LETTER = sa.text("state = 'queued' AND kind = 'letter'")
QUEUED_CONFIRMATION = sa.text("state = 'queued' AND kind = 'confirmation'")


def upgrade() -> None:
    with op.batch_alter_table("letter", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(20), nullable=False, server_default="letter"))
    op.drop_index("letter_due", "letter")
    op.create_index("letter_due", "letter", ["next_at"], postgresql_where=QUEUED_LETTER, sqlite_where=QUEUED_LETTER)
    op.create_index(
        "confirmation_due",
        "letter",
        ["next_at"],
        postgresql_where=QUEUED_CONFIRMATION,
        sqlite_where=QUEUED_CONFIRMATION,
    )


def downgrade() -> None:
    op.drop_index("confirmation_due", "letter")
    op.drop_index("letter_due", "letter")
    op.create_index("letter_due", "letter", ["next_at"], postgresql_where=QUEUED, sqlite_where=QUEUED)
    op.execute(sa.text("DELETE FROM letter WHERE kind = 'confirmation'"))
    with op.batch_alter_table("letter", schema=None) as batch_op:
        batch_op.drop_column("kind")
