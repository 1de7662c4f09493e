"""Messages to the person at risk that everybody may see, and a case's advice for who writes one."""

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "solidarity_message",
        sa.Column("action_id", sa.Uuid(), nullable=False),
        sa.Column("case_slug", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("is_shown", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("written_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("action_id"),
    )
    op.create_index("solidarity_message_of_case", "solidarity_message", ["case_slug", "is_shown", "written_at"])
    op.add_column("case", sa.Column("solidarity_advice", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.drop_column("solidarity_advice")
    op.drop_table("solidarity_message")
