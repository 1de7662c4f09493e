"""Letters made of talking points."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("letter_template", schema=None) as batch_op:
        batch_op.add_column(sa.Column("opening", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("points", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("closing", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("letter_template", schema=None) as batch_op:
        for column in ("closing", "points", "opening"):
            batch_op.drop_column(column)
