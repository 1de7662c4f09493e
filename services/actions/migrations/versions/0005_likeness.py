"""How alike the letters of a case are, and alarms when one network or mailbox domain dominates it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("action", schema=None) as batch_op:
        batch_op.create_index("action_of_case", ["case_id", "accepted_at"], unique=False)

    op.create_table(
        "letter_likeness",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("letters", sa.Integer(), nullable=False),
        sa.Column("edited", sa.Integer(), nullable=False),
        sa.Column("unedited", sa.Integer(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sample_letters", sa.Integer(), nullable=False),
        sa.Column("sample_edited", sa.Integer(), nullable=False),
        sa.Column("likeness", sa.Float(), nullable=True),
        sa.Column("twins_share", sa.Float(), nullable=True),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("case_id", "target_id"),
    )
    op.create_table(
        "letter_count_mark",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("counted_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_table(
        "dominance_alarm",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("case_slug", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("earlier_share", sa.Float(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("dominance_alarm", schema=None) as batch_op:
        batch_op.create_index(
            "dominance_alarm_open",
            ["case_id", "kind", "value"],
            unique=True,
            postgresql_where=OPEN,
            sqlite_where=OPEN,
        )


def downgrade() -> None:
    with op.batch_alter_table("dominance_alarm", schema=None) as batch_op:
        batch_op.drop_index("dominance_alarm_open", postgresql_where=OPEN, sqlite_where=OPEN)

    op.drop_table("dominance_alarm")
    op.drop_table("letter_count_mark")
    op.drop_table("letter_likeness")
    with op.batch_alter_table("action", schema=None) as batch_op:
        batch_op.drop_index("action_of_case")
