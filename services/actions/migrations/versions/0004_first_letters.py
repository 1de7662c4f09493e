"""One letter per sender and target; whether a letter was edited."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("action", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sender_key", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("repeat_of", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("letters_of", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("edited", sa.Boolean(), nullable=True))
        batch_op.create_unique_constraint("action_sender_key", ["sender_key"])


def downgrade() -> None:
    with op.batch_alter_table("action", schema=None) as batch_op:
        batch_op.drop_constraint("action_sender_key", type_="unique")
        batch_op.drop_column("edited")
        batch_op.drop_column("letters_of")
        batch_op.drop_column("repeat_of")
        batch_op.drop_column("sender_key")
