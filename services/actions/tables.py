"""The tables of the actions service."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index, Text, text
from sqlalchemy.orm import declared_attr, registry
from sqlmodel import Field, SQLModel

from shared.audit import AuditColumns
from shared.db import UtcDateTime
from shared.dead_letters import DeadLetterColumns
from shared.outbox import OutboxColumns
from shared.switches import SwitchColumns

IS_LOCATED = text("network IS NOT NULL")
IS_INVALID = text("invalidation_id IS NOT NULL")

# Written out, not bound as parameters: only then can a prepared statement use the partial index.
IS_UNREGISTERED = text("type = 'actions.action_accepted.v1' AND published_at IS NOT NULL AND registered_at IS NULL")
IS_REGISTERED = text("registered_at IS NOT NULL")

IS_MESSAGE = text("judgement IS NOT NULL")
IS_BUNDLED = text("bundle_id IS NOT NULL")

IS_OPTED_IN = text("opt_in")
IS_ASKED = text("verify_token IS NOT NULL")
# Written out, not bound as parameters: only then can a prepared statement use the partial index.
IS_UNREMINDED = text("verify_token IS NOT NULL AND verified_at IS NULL AND reminded_at IS NULL")


class Row(SQLModel, registry=registry()):
    """What every table here is: a row of this service's own database, with metadata of its own."""


class Judgement(StrEnum):
    """What staff make of a message to the person at risk. Until they have read it, nobody else does."""

    WAITING = "waiting"
    SHOWN = "shown"
    FOR_FAMILY = "for_family"
    REFUSED = "refused"


class Action(Row, table=True):
    """One act by one supporter on one case, for good. It is also the memory of its idempotency key.

    `id` derives from the key, so a key used again meets this row; `body_hash` tells a repeat from a mistake.
    """

    __tablename__ = "action"
    __table_args__ = (
        Index("action_of_case", "case_id", "accepted_at"),
        Index("action_accepted", "accepted_at"),
        Index("action_located", "accepted_at", postgresql_where=IS_LOCATED, sqlite_where=IS_LOCATED),
        Index("action_invalidated", "invalidation_id", postgresql_where=IS_INVALID, sqlite_where=IS_INVALID),
        Index("action_verify_token", "verify_token", unique=True, postgresql_where=IS_ASKED, sqlite_where=IS_ASKED),
        Index(
            "action_opted_in", "case_id", "accepted_at", "id", postgresql_where=IS_OPTED_IN, sqlite_where=IS_OPTED_IN
        ),
        Index("action_unreminded", "accepted_at", postgresql_where=IS_UNREMINDED, sqlite_where=IS_UNREMINDED),
        Index("action_message", "judgement", "accepted_at", "id", postgresql_where=IS_MESSAGE, sqlite_where=IS_MESSAGE),
        Index("action_bundled", "bundle_id", "accepted_at", postgresql_where=IS_BUNDLED, sqlite_where=IS_BUNDLED),
    )

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
    sender_key: UUID | None = Field(default=None, unique=True, description="who wrote first; later ones have none")
    repeat_of: UUID | None = Field(default=None, description="the sender's first action, of a later one")
    letters_of: dict[str, str] | None = Field(
        default=None,
        sa_type=JSON(none_as_null=True),
        description="by target, the action whose letter counts; absent: its own",
    )
    invalidation_id: UUID | None = Field(default=None, description="what made it not count; absent: it counts")
    validity_number: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    network: str | None = Field(default=None, description="where it came from, an IPv4 /24 or IPv6 /48; forgotten soon")
    edited: bool | None = Field(
        default=None, description="whether the letter is more than its template; None: not known"
    )
    verify_token: str | None = Field(default=None, description="confirms the action; unguessable, never logged")
    verify_by: datetime | None = Field(default=None, sa_type=UtcDateTime, description="until when the token confirms")
    verified_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    mails_sent: int | None = Field(default=None, description="mails with a token; None: the first alone, if any")
    last_mail_at: datetime | None = Field(default=None, sa_type=UtcDateTime, description="of a later mail")
    reminded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    may_be_shown: bool | None = Field(default=None, description="of a message of solidarity: to everybody")
    judgement: str | None = Field(default=None, description="of a message of solidarity, a `Judgement`")
    judgement_number: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    bundle_id: UUID | None = Field(default=None, description="the bundle in which its message goes to the family")


class SolidarityBundle(Row, table=True):
    """Messages of one case, put together for the person and the family. `handed_to` is for staff and never shown."""

    __tablename__ = "solidarity_bundle"

    id: UUID = Field(primary_key=True)
    case_slug: str
    messages: int
    made_at: datetime = Field(sa_type=UtcDateTime)
    handed_over_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    handed_to: str | None = None


class InvalidationState(StrEnum):
    """How far an invalidation is, or its being taken back."""

    RUNNING = "running"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"


class Invalidation(Row, table=True):
    """Actions that staff took for invalid in bulk. `actions` counts those that are so because of it now."""

    __tablename__ = "invalidation"

    id: UUID = Field(primary_key=True)
    criteria: dict[str, Any] = Field(sa_type=JSON)
    who: str
    why: str
    state: InvalidationState = Field(sa_type=Text)
    actions: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


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


class RateCount(Row, table=True):
    """How often a key came in one window, in all processes together. On PostgreSQL unlogged: a crash may forget it.

    `key` names no one: what it counts is in it as a digest.
    """

    __tablename__ = "rate_count"

    ends_at: int = Field(primary_key=True, sa_type=BigInteger, description="end of the window, Unix time, s")
    key: str = Field(primary_key=True)
    count: int


class AccessRule(Row, table=True):
    """What staff said of a network, a mailbox or a mail domain: never, or always and without limits."""

    __tablename__ = "access_rule"

    id: UUID = Field(primary_key=True)
    kind: str
    value: str
    verdict: str
    reason: str
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    who: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class UsedProof(Row, table=True):
    """A solved challenge and the one action it counts for, until nobody could show it again."""

    __tablename__ = "used_proof"

    challenge: str = Field(primary_key=True)
    action_id: UUID
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


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


class SwitchRow(SwitchColumns, Row, table=True):
    __tablename__ = "switch"


class DeadLetter(DeadLetterColumns, Row, table=True):
    __tablename__ = "dead_letter"
