"""Lines of letters, the policies of their targets, their destinations, what is paused and what is suppressed."""

from typing import Any
from uuid import NAMESPACE_OID, uuid5

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
QUEUED_LETTER = sa.text("state = 'queued' AND kind = 'letter'")
NOW = sa.func.current_timestamp()


def _table(name: str, *texts: str, **types: sa.types.TypeEngine[Any]) -> sa.TableClause:
    return sa.table(name, *map(sa.column, texts), *(sa.column(column, type_) for column, type_ in types.items()))


IDS: dict[str, Any] = {"case_id": sa.Uuid(), "target_id": sa.Uuid()}
LETTER = _table("letter", "partner", "to_address", "to_name", "kind", line_id=sa.Uuid(), **IDS)
LINE = _table("line", "partner", "destination", "due_at", "served_at", id=sa.Uuid(), **IDS)
TARGET = _table(
    "target_policy", "target_name", "country", "source", "is_bundled", "open_at", "day_count", target_id=sa.Uuid()
)
DESTINATION = _table("destination", "name", "cool_steps", "attempted", "refused")


def upgrade() -> None:
    op.create_table(
        "line",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("partner", sa.String(), nullable=True),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("closes_at", MOMENT, nullable=True),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("served_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("line_due", "line", ["due_at"])
    op.create_index("line_of_target", "line", ["target_id"])
    op.create_table(
        "target_policy",
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("target_name", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("is_bundled", sa.Boolean(), nullable=False),
        sa.Column("open_at", MOMENT, nullable=False),
        sa.Column("hour_tat", MOMENT, nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("day_count", sa.Integer(), nullable=False),
        sa.Column("late_since", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("target_id"),
    )
    op.create_table(
        "destination",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at_once_max", sa.Integer(), nullable=True),
        sa.Column("per_hour", sa.Integer(), nullable=True),
        sa.Column("tat", MOMENT, nullable=True),
        sa.Column("open_at", MOMENT, nullable=True),
        sa.Column("cool_until", MOMENT, nullable=True),
        sa.Column("cool_steps", sa.Integer(), nullable=False),
        sa.Column("window_began", MOMENT, nullable=True),
        sa.Column("attempted", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("held_because", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "pause",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "subject"),
    )
    op.create_table(
        "suppression",
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("address"),
    )
    with op.batch_alter_table("letter", schema=None) as batch_op:
        batch_op.add_column(sa.Column("line_id", sa.Uuid(), nullable=True))
    op.drop_index("letter_due", "letter")
    op.create_index(
        "letter_due", "letter", ["line_id", "next_at"], postgresql_where=QUEUED_LETTER, sqlite_where=QUEUED_LETTER
    )
    _line_up()


def _line_up() -> None:
    """Letters that are there already get their lines."""
    connection = op.get_bind()
    of = [LETTER.c.case_id, LETTER.c.target_id, LETTER.c.partner, LETTER.c.to_address]
    groups = sa.select(*of, sa.func.min(LETTER.c.to_name)).where(LETTER.c.kind == "letter").group_by(*of)
    targets, destinations = {}, set()
    for *key, name in connection.execute(groups).all():
        line_id = uuid5(NAMESPACE_OID, "/".join(str(part or "") for part in key))
        destination = (key[3] or "").rpartition("@")[2].lower() or "nowhere"
        row = dict(zip(("case_id", "target_id", "partner"), key, strict=False)) | {"destination": destination}
        connection.execute(sa.insert(LINE).values(id=line_id, due_at=NOW, served_at=NOW, **row))
        same = [column.is_not_distinct_from(value) for column, value in zip(of, key, strict=True)]
        connection.execute(sa.update(LETTER).where(LETTER.c.kind == "letter", *same).values(line_id=line_id))
        targets[key[1]] = name
        destinations.add(destination)
    new = {"country": "", "source": "default", "is_bundled": False, "open_at": NOW, "day_count": 0}
    for target_id, name in targets.items():
        connection.execute(sa.insert(TARGET).values(target_id=target_id, target_name=name, **new))
    fresh = {"cool_steps": 0, "attempted": 0, "refused": 0}
    for destination in sorted(destinations):
        connection.execute(sa.insert(DESTINATION).values(name=destination, **fresh))


def downgrade() -> None:
    op.drop_index("letter_due", "letter")
    with op.batch_alter_table("letter", schema=None) as batch_op:
        batch_op.drop_column("line_id")
    op.create_index("letter_due", "letter", ["next_at"], postgresql_where=QUEUED_LETTER, sqlite_where=QUEUED_LETTER)
    for table in ("suppression", "pause", "destination", "target_policy", "line"):
        op.drop_table(table)
