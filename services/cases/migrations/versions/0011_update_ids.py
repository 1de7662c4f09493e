"""Updates keep their id while their words are corrected. Those from before get one when their case is imported next."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("case_update", schema=None) as batch_op:
        batch_op.add_column(sa.Column("id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("case_update", schema=None) as batch_op:
        batch_op.drop_column("id")
