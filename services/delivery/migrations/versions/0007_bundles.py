"""Bundles of letters: digests, and paper."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
LIVE = sa.text("state IN ('queued', 'sending', 'uncertain', 'bundled')")
LIVE_BEFORE = sa.text("state IN ('queued', 'sending', 'uncertain')")
QUEUED = sa.text("state = 'queued' AND kind = 'letter'")


def upgrade() -> None:
    op.create_table(
        "bundle",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("target_name", sa.String(), nullable=False),
        sa.Column("mode", sa.String(20), nullable=False),
        sa.Column("letters", sa.Integer(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("dropped_at", MOMENT, nullable=True),
        sa.Column("printed_at", MOMENT, nullable=True),
        sa.Column("printed_by", sa.String(), nullable=True),
        sa.Column("handed_over_at", MOMENT, nullable=True),
        sa.Column("handed_over_by", sa.String(), nullable=True),
        sa.Column("handed_over_to", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("bundle_made", "bundle", ["made_at"])
    op.add_column("letter", sa.Column("bundle_id", sa.Uuid(), nullable=True))
    op.create_index("letter_of_bundle", "letter", ["bundle_id"])
    op.create_index("letter_to_bundle", "letter", ["target_id", "id"], postgresql_where=QUEUED, sqlite_where=QUEUED)
    _index_live(LIVE)


def _index_live(live: sa.TextClause) -> None:
    op.drop_index("letter_of_case", "letter")
    op.create_index("letter_of_case", "letter", ["case_id", "id"], postgresql_where=live, sqlite_where=live)


def downgrade() -> None:
    _index_live(LIVE_BEFORE)
    op.drop_index("letter_to_bundle", "letter")
    op.drop_index("letter_of_bundle", "letter")
    with op.batch_alter_table("letter", schema=None) as batch_op:
        batch_op.drop_column("bundle_id")
    op.drop_table("bundle")
