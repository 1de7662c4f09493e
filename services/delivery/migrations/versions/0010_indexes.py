"""What comes first is found by an index of its own, and lists are of one kind; `other_due` is again as the version
before news has it. That version's lists of letters do without an index: they are slower, and every letter is quicker.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OTHER = sa.text("state = 'queued' AND kind <> 'letter'")
OTHER_BEFORE = sa.text("state = 'queued' AND kind NOT IN ('letter', 'news')")
FIRST = sa.text("state = 'queued' AND coalesce(kind, '') NOT IN ('letter', 'news')")


def upgrade() -> None:
    _index_others(OTHER)
    op.create_index("first_due", "letter", ["next_at"], postgresql_where=FIRST, sqlite_where=FIRST)
    op.drop_index("letter_recent", "letter")
    op.drop_index("letter_listed", "letter")
    op.create_index("kind_listed", "letter", ["kind", "state", "created_at", "id"])
    op.create_index("kind_recent", "letter", ["kind", "created_at", "id"])


def downgrade() -> None:
    for name in ("kind_recent", "kind_listed", "first_due"):
        op.drop_index(name, "letter")
    op.create_index("letter_listed", "letter", ["state", "created_at", "id"])
    op.create_index("letter_recent", "letter", ["created_at", "id"])
    _index_others(OTHER_BEFORE)


def _index_others(which: sa.TextClause) -> None:
    op.drop_index("other_due", "letter")
    op.create_index("other_due", "letter", ["next_at"], postgresql_where=which, sqlite_where=which)
