"""Proofs of work that were used."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "used_proof",
        sa.Column("challenge", sa.String(), nullable=False),
        sa.Column("action_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("challenge"),
    )
    with op.batch_alter_table("used_proof", schema=None) as batch_op:
        batch_op.create_index("ix_used_proof_expires_at", ["expires_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("used_proof", schema=None) as batch_op:
        batch_op.drop_index("ix_used_proof_expires_at")

    op.drop_table("used_proof")
