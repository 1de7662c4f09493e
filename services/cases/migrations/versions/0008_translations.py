"""What campaigns, cases and their news say in other languages."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SPOKEN = ("campaign", "case")
TRANSLATED = (*SPOKEN, "case_update")


def upgrade() -> None:
    for table in SPOKEN:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("language", sa.String(), nullable=False, server_default="en"))
    for table in TRANSLATED:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("translations", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    for table in TRANSLATED:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("translations")
    for table in SPOKEN:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("language")
