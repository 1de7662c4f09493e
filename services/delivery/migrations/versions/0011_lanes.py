"""What is no letter stands in line too, one for each lane and destination, and is found by it.

The version before finds it by `first_due` and `news_due`, which stay: somebody may go back. What it planned without a
line is put in line by the sweep. `other_due` served the version before news: the runbook says how that one gets it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

NO_LETTER = sa.text("state = 'queued' AND kind <> 'letter'")
IN_A_BUNDLE = sa.text("bundle_id IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("line", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lane", sa.String(20), nullable=False, server_default="letters"))
    op.drop_index("other_due", "letter")
    op.create_index("lane_due", "letter", ["line_id", "next_at"], postgresql_where=NO_LETTER, sqlite_where=NO_LETTER)
    # Most letters are in none, and wrote an entry of that at each change of their state.
    op.drop_index("letter_of_bundle", "letter")
    op.create_index("letter_of_bundle", "letter", ["bundle_id"], postgresql_where=IN_A_BUNDLE, sqlite_where=IN_A_BUNDLE)


def downgrade() -> None:
    op.drop_index("letter_of_bundle", "letter")
    op.create_index("letter_of_bundle", "letter", ["bundle_id"])
    op.drop_index("lane_due", "letter")
    op.create_index("other_due", "letter", ["next_at"], postgresql_where=NO_LETTER, sqlite_where=NO_LETTER)
    op.execute(sa.text("UPDATE letter SET line_id = NULL WHERE kind <> 'letter'"))
    op.execute(sa.text("DELETE FROM line WHERE lane <> 'letters'"))
    with op.batch_alter_table("line", schema=None) as batch_op:
        batch_op.drop_column("lane")
