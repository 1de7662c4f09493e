"""Delivery's tables: letters, the attempts to hand them over, and what must not go out any more."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Enum, Index, LargeBinary, Text, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.delivery.channels import Outcome, Phase
from services.delivery.home.mail import IncomingKind
from services.delivery.kinds import Lane, LetterKind
from services.delivery.states import LetterState
from shared.audit import AuditColumns
from shared.db import UtcDateTime
from shared.dead_letters import DeadLetterColumns
from shared.delivery_policy import PolicyMode
from shared.inbox import InboxColumns
from shared.messages.cases import Channel
from shared.messages.delivery import FailureReason
from shared.outbox import OutboxColumns

# Written out, not bound as parameters: only then can a prepared statement use the partial indexes below.
IS_QUEUED = text("state = 'queued'")
IS_QUEUED_LETTER = text("state = 'queued' AND kind = 'letter'")
IS_QUEUED_NO_LETTER = text("state = 'queued' AND kind <> 'letter'")
# The version before lines of these, which somebody may go back to, looks for what it sends by these.
IS_QUEUED_OTHER = text("state = 'queued' AND coalesce(kind, '') NOT IN ('letter', 'news')")
IS_QUEUED_NEWS = text("state = 'queued' AND kind = 'news'")
IS_IN_A_BUNDLE = text("bundle_id IS NOT NULL")
IS_NEWS = text("kind = 'news'")
IS_SENDING = text("state = 'sending'")
IS_UNCERTAIN = text("state = 'uncertain'")
IS_LIVE = text("state IN ('queued', 'sending', 'uncertain', 'bundled')")


class Row(SQLModel, registry=registry()):
    """Base of delivery's tables: a registry of its own, so that three services fit into one process."""


def _as_text(kind: type[StrEnum]) -> Enum:
    """A new value must not need a migration, so the database is not told which there are."""
    return Enum(kind, native_enum=False, length=20, values_callable=lambda words: [word.value for word in words])


class Letter(Row, table=True):
    """One piece of mail to one target; or, of another kind, to a supporter, with the link as its body, or a post.

    `attempts` counts those the letter has to answer for, `unknowns` those that ended in silence. `fence` grows with
    every claim: a result is written only by the claim that earned it. `stop_reason` tells a sender that holds the
    letter not to put it back."""

    __tablename__ = "letter"
    __table_args__ = (
        Index("letter_due", "line_id", "next_at", postgresql_where=IS_QUEUED_LETTER, sqlite_where=IS_QUEUED_LETTER),
        Index("lane_due", "line_id", "next_at", postgresql_where=IS_QUEUED_NO_LETTER, sqlite_where=IS_QUEUED_NO_LETTER),
        Index("first_due", "next_at", postgresql_where=IS_QUEUED_OTHER, sqlite_where=IS_QUEUED_OTHER),
        Index("news_due", "next_at", postgresql_where=IS_QUEUED_NEWS, sqlite_where=IS_QUEUED_NEWS),
        Index("news_of_reader", "target_id", postgresql_where=IS_NEWS, sqlite_where=IS_NEWS),
        Index("news_of_update", "bundle_id", "state", postgresql_where=IS_NEWS, sqlite_where=IS_NEWS),
        Index("letter_expiring", "expires_at", postgresql_where=IS_QUEUED, sqlite_where=IS_QUEUED),
        Index("letter_leased", "lease_until", postgresql_where=IS_SENDING, sqlite_where=IS_SENDING),
        Index("letter_uncertain", "next_at", postgresql_where=IS_UNCERTAIN, sqlite_where=IS_UNCERTAIN),
        Index("kind_listed", "kind", "state", "created_at", "id"),
        Index("kind_recent", "kind", "created_at", "id"),
        Index("letter_of_case", "case_id", "id", postgresql_where=IS_LIVE, sqlite_where=IS_LIVE),
        Index("letter_of_action", "action_id"),
        Index("letter_of_bundle", "bundle_id", postgresql_where=IS_IN_A_BUNDLE, sqlite_where=IS_IN_A_BUNDLE),
        Index("letter_to_bundle", "target_id", "id", postgresql_where=IS_QUEUED_LETTER, sqlite_where=IS_QUEUED_LETTER),
    )

    id: UUID = Field(primary_key=True)
    line_id: UUID | None = Field(default=None, description="the line it stands in; what is for paper stands in none")
    bundle_id: UUID | None = Field(default=None, description="its bundle; of news, its update; of an answer, its mail")
    kind: LetterKind = Field(default=LetterKind.LETTER, sa_type=_as_text(LetterKind))
    action_id: UUID
    case_id: UUID
    case_slug: str
    campaign_name: str
    target_id: UUID = Field(description="of news, its reader")
    channel: Channel = Field(sa_type=_as_text(Channel))
    country: str
    partner: str | None = None
    to_address: str | None = None
    to_name: str
    subject: str
    body: str = Field(sa_type=Text)
    language: str
    sender_name: str
    reply_to: str | None = None
    traceparent: str | None = None
    state: LetterState = Field(sa_type=_as_text(LetterState))
    failure: FailureReason | None = Field(default=None, sa_type=_as_text(FailureReason))
    stop_reason: str | None = None
    next_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    attempts: int = 0
    unknowns: int = 0
    lease_owner: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    fence: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_code: int | None = None
    last_text: str | None = None


class Line(Row, table=True):
    """The letters for one case, from one partner, to one target, over one destination: who is next is asked of lines.
    Or all over one destination that is no letter, of one lane; it has no case or target, whose ids are then zero.

    `due_at` is not later than the next letter that is due, and is looked at again now and then where none is."""

    __tablename__ = "line"
    __table_args__ = (Index("line_due", "due_at"), Index("line_of_target", "target_id"))

    id: UUID = Field(primary_key=True)
    lane: Lane = Field(
        default=Lane.LETTERS, sa_type=_as_text(Lane), sa_column_kwargs={"server_default": Lane.LETTERS.value}
    )
    case_id: UUID
    target_id: UUID
    partner: str | None = None
    destination: str
    closes_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    served_at: datetime = Field(sa_type=UtcDateTime)


class TargetPolicy(Row, table=True):
    """How a target wants its letters, and how many it has had. Without a policy of its own it has the default one."""

    __tablename__ = "target_policy"

    target_id: UUID = Field(primary_key=True)
    target_name: str
    country: str
    policy: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    source: str = "default"
    is_bundled: bool = False
    open_at: datetime = Field(sa_type=UtcDateTime)
    hour_tat: datetime | None = Field(default=None, sa_type=UtcDateTime)
    day: date | None = None
    day_count: int = 0
    late_since: datetime | None = Field(default=None, sa_type=UtcDateTime)


class KnownCase(Row, table=True):
    """The latest revision of a case that delivery has heard of."""

    __tablename__ = "known_case"

    case_id: UUID = Field(primary_key=True)
    revision: int


class Destination(Row, table=True):
    """A mail provider or domain, and how it bears with us: see `destinations.py`."""

    __tablename__ = "destination"

    name: str = Field(primary_key=True)
    at_once_max: int | None = None
    per_hour: int | None = Field(default=None, description="letters; none: as many as it bears")
    tat: datetime | None = Field(default=None, sa_type=UtcDateTime)
    open_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cool_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cool_steps: int = 0
    window_began: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempted: int = 0
    refused: int = 0
    held_because: str | None = None


class Pause(Row, table=True):
    """What is not sent until staff resume it."""

    __tablename__ = "pause"

    scope: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    since: datetime = Field(sa_type=UtcDateTime)
    who: str
    why: str


class Suppression(Row, table=True):
    """An address of a target that nothing is sent to. Supporters' own addresses never stand here."""

    __tablename__ = "suppression"

    address: str = Field(primary_key=True)
    reason: str
    who: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class TargetAddress(Row, table=True):
    """One of several addresses of a target. Lower positions come first; staff's own stands before the campaign's."""

    __tablename__ = "target_address"

    target_id: UUID = Field(primary_key=True)
    address: str = Field(primary_key=True)
    position: int


class IncomingMail(Row, table=True):
    """What came back to a letter's own address, and of an answer all its bytes."""

    __tablename__ = "incoming"
    __table_args__ = (
        Index("incoming_of_letter", "letter_id"),
        Index("incoming_of_case", "case_id", "received_at"),
        Index("incoming_by_kind", "kind", "received_at"),
    )

    id: UUID = Field(primary_key=True)
    letter_id: UUID
    action_id: UUID
    case_id: UUID
    case_slug: str
    kind: IncomingKind = Field(sa_type=_as_text(IncomingKind))
    from_name: str
    from_address: str
    subject: str
    text: str = Field(sa_type=Text)
    code: int | None = None
    status: str | None = None
    content: bytes | None = Field(default=None, sa_type=LargeBinary)
    received_at: datetime = Field(sa_type=UtcDateTime)


class Bundle(Row, table=True):
    """Letters to one target in one document: a digest's, or one for paper. `content` is the PDF."""

    __tablename__ = "bundle"
    __table_args__ = (Index("bundle_made", "made_at"),)

    id: UUID = Field(primary_key=True)
    target_id: UUID
    target_name: str
    mode: PolicyMode = Field(sa_type=_as_text(PolicyMode))
    letters: int
    made_at: datetime = Field(sa_type=UtcDateTime)
    content: bytes | None = Field(default=None, sa_type=LargeBinary)
    sha256: str | None = None
    dropped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    printed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    printed_by: str | None = None
    handed_over_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    handed_over_by: str | None = None
    handed_over_to: str | None = None


class Attempt(Row, table=True):
    """One try to hand a letter over. `number` is the fence it was made under: unique, growing, not without gaps."""

    __tablename__ = "attempt"

    letter_id: UUID = Field(primary_key=True)
    number: int = Field(primary_key=True)
    phase: Phase = Field(sa_type=_as_text(Phase))
    code: int | None = None
    text: str = ""
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime = Field(sa_type=UtcDateTime)
    outcome: Outcome = Field(sa_type=_as_text(Outcome))


class Cancellation(Row, table=True):
    """An action or a case whose letters must not go out, kept for letters that are planned later."""

    __tablename__ = "cancellation"

    subject: UUID = Field(primary_key=True)
    reason: str
    at: datetime = Field(sa_type=UtcDateTime)


class Audit(AuditColumns, Row, table=True):
    __tablename__ = "audit"


class Inbox(InboxColumns, Row, table=True):
    __tablename__ = "inbox"


class Outbox(OutboxColumns, Row, table=True):
    __tablename__ = "outbox"


class DeadLetter(DeadLetterColumns, Row, table=True):
    __tablename__ = "dead_letter"
