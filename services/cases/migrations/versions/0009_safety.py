"""Where writing is dangerous, and cases that want nothing telling in a page's title."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("campaign", "case"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("risky_countries", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.add_column(sa.Column("discreet", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.drop_column("discreet")
    for table in ("campaign", "case"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("risky_countries")
