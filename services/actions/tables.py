"""The tables of the actions service."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, Text, text
from sqlalchemy.orm import declared_attr, registry
from sqlmodel import Field, SQLModel

from shared.audit import AuditColumns
from shared.db import UtcDateTime
from shared.dead_letters import DeadLetterColumns
from shared.outbox import OutboxColumns

# Written out, not bound as parameters: only then can a prepared statement use the partial index.
IS_UNREGISTERED = text("type = 'actions.action_accepted.v1' AND published_at IS NOT NULL AND registered_at IS NULL")
IS_REGISTERED = text("registered_at IS NOT NULL")


class Row(SQLModel, registry=registry()):
    """What every table here is: a row of this service's own database, with metadata of its own."""


class Action(Row, table=True):
    """One act by one supporter on one case, for good. It is also the memory of its idempotency key.

    `id` derives from the key, so a key used again meets this row; `body_hash` tells a repeat from a mistake.
    """

    __tablename__ = "action"

    id: UUID = Field(primary_key=True)
    token: str = Field(unique=True, description="opens the receipt; unguessable, never logged")
    body_hash: str
    case_id: UUID
    case_slug: str
    channel: str
    supporter_name: str
    supporter_email: str
    supporter_country: str
    hide_email: bool
    opt_in: bool
    source: dict[str, str] = Field(sa_type=JSON)
    letter_subject: str
    letter_body: str = Field(sa_type=Text)
    letter_language: str
    target_ids: list[str] = Field(sa_type=JSON)
    accepted_at: datetime = Field(sa_type=UtcDateTime)
    cancelled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    network: str | None = Field(default=None, description="where it came from, an IPv4 /24 or IPv6 /48; forgotten soon")


class CaseStatus(StrEnum):
    """Whether people can act on a case, and if not, why."""

    OPEN = "open"
    ENDED = "ended"
    WON = "won"
    WITHDRAWN = "withdrawn"


class KnownCaseRow(Row, table=True):
    """The newest we heard of a case. `snapshot` is its last `CasePublishedV1`; absent if we heard of its end alone."""

    __tablename__ = "known_case"

    case_id: UUID = Field(primary_key=True)
    slug: str
    revision: int
    status: CaseStatus = Field(sa_type=Text)
    snapshot: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    changed_at: datetime = Field(sa_type=UtcDateTime)


class KnownTargetRow(Row, table=True):
    """A target as last published. Never removed: a receipt names whom it went to, also when the case dropped them."""

    __tablename__ = "known_target"

    case_id: UUID = Field(primary_key=True)
    target_id: UUID = Field(primary_key=True)
    revision: int
    target: dict[str, Any] = Field(sa_type=JSON)


class LetterReport(Row, table=True):
    """What delivery said of one letter, one row for each event. The letter's state is what its last report says."""

    __tablename__ = "letter_report"

    event_id: UUID = Field(primary_key=True)
    action_id: UUID = Field(index=True)
    letter_id: UUID
    target_id: UUID
    state: str
    occurred_at: datetime = Field(sa_type=UtcDateTime)


class Outbox(OutboxColumns, Row, table=True):
    """`registered_at` is when we heard that delivery has the action; `reemitted` how often it was sent once more."""

    __tablename__ = "outbox"

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Index, ...]:  # noqa: N805
        unregistered, registered = IS_UNREGISTERED, IS_REGISTERED
        return (
            *super().__table_args__,
            Index("outbox_unregistered", "published_at", postgresql_where=unregistered, sqlite_where=unregistered),
            Index("outbox_registered", "registered_at", postgresql_where=registered, sqlite_where=registered),
        )

    registered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reemitted: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class Audit(AuditColumns, Row, table=True):
    __tablename__ = "audit"


class DeadLetter(DeadLetterColumns, Row, table=True):
    __tablename__ = "dead_letter"
