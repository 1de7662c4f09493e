"""Updates have an id that stays, and the times at which they were published and changed: feeds need both."""

from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEPT: dict[str, Any] = {"id": sa.Uuid(), "published_at": UtcDateTime(), "changed_at": UtcDateTime()}
UNIQUE = "case_update_id_key"
# As ids were derived when this was written: whatever they are derived by later, these stay.
NAMESPACE = uuid5(NAMESPACE_URL, "https://writeforrights.example/ids")


def upgrade() -> None:
    with op.batch_alter_table("case_update", schema=None) as batch_op:
        for name, kind in KEPT.items():
            batch_op.add_column(sa.Column(name, kind, nullable=True))
        batch_op.add_column(sa.Column("key", sa.String(), nullable=True))
    _fill()
    with op.batch_alter_table("case_update", schema=None) as batch_op:
        for name, kind in KEPT.items():
            batch_op.alter_column(name, existing_type=kind, nullable=False)
        batch_op.create_unique_constraint(UNIQUE, ["id"])


def downgrade() -> None:
    with op.batch_alter_table("case_update", schema=None) as batch_op:
        batch_op.drop_constraint(UNIQUE, type_="unique")
        for name in (*KEPT, "key"):
            batch_op.drop_column(name)


def _fill() -> None:
    """What is there was published when its case was, as far as we know."""
    case = sa.table("case", sa.column("id", sa.Uuid()), sa.column("published_at", UtcDateTime()))
    update = sa.table(
        "case_update",
        sa.column("case_id", sa.Uuid()),
        *(sa.column(name) for name in ("position", "kind", "date", "text")),
        *(sa.column(name, kind) for name, kind in KEPT.items()),
    )
    told = sa.select(update, case.c.published_at.label("said_at")).join_from(
        update, case, case.c.id == update.c.case_id
    )
    # In this order, so that of two that say the same the same one has the same id wherever this runs.
    told = told.order_by(update.c.case_id, update.c.position)
    connection, taken = op.get_bind(), set[UUID]()
    for row in connection.execute(told).all():
        said = (row.case_id, row.kind, row.date, row.text)
        turns = (_derived_id("update", *said, turn) for turn in range(len(taken) + 1))
        taken.add(id_ := next(id_ for id_ in turns if id_ not in taken))
        here = (update.c.case_id == row.case_id) & (update.c.position == row.position)
        values = {"id": id_, "published_at": row.said_at, "changed_at": row.said_at}
        connection.execute(sa.update(update).where(here).values(values))


def _derived_id(*parts: object) -> UUID:
    return uuid5(NAMESPACE, "\x1f".join(str(part) for part in parts))
