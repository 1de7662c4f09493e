"""Pictures of cases: what is said of each, and its renditions."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.add_column(sa.Column("picture", sa.JSON(), nullable=True))
    op.create_table(
        "picture",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"]),
        sa.PrimaryKeyConstraint("case_id", "width"),
    )
    op.create_index("ix_picture_digest", "picture", ["digest"])


def downgrade() -> None:
    op.drop_table("picture")
    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.drop_column("picture")
