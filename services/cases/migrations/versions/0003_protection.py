"""What a campaign asks of supporters, so that its numbers can be believed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.add_column(sa.Column("verification", sa.String(length=32), nullable=False, server_default="none"))
        batch_op.add_column(sa.Column("proof_of_work", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.drop_column("proof_of_work")
        batch_op.drop_column("verification")
