"""News by mail: in the table of letters, claimed last, found by its reader and counted by its update."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OTHER_BEFORE = sa.text("state = 'queued' AND kind <> 'letter'")
OTHER = sa.text("state = 'queued' AND kind NOT IN ('letter', 'news')")
QUEUED = sa.text("state = 'queued' AND kind = 'news'")
NEWS = sa.text("kind = 'news'")


def upgrade() -> None:
    op.create_table(
        "told_update",
        sa.Column("update_id", sa.Uuid(), nullable=False),
        sa.Column("case_slug", sa.String(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("update_id"),
    )
    op.create_index("ix_told_update_first_at", "told_update", ["first_at"])
    _index_others(OTHER)
    op.create_index("news_due", "letter", ["next_at"], postgresql_where=QUEUED, sqlite_where=QUEUED)
    op.create_index("news_of_reader", "letter", ["target_id"], postgresql_where=NEWS, sqlite_where=NEWS)
    op.create_index("news_of_update", "letter", ["bundle_id", "state"], postgresql_where=NEWS, sqlite_where=NEWS)


def _index_others(which: sa.TextClause) -> None:
    op.drop_index("other_due", "letter")
    op.create_index("other_due", "letter", ["next_at"], postgresql_where=which, sqlite_where=which)


def downgrade() -> None:
    for name in ("news_of_update", "news_of_reader", "news_due"):
        op.drop_index(name, "letter")
    op.execute(sa.text("DELETE FROM letter WHERE kind = 'news'"))
    _index_others(OTHER_BEFORE)
    op.drop_table("told_update")
