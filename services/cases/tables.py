"""The tables of the cases service: what is published, and the facts and totals of the ledger."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Enum, Index, LargeBinary, Text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.audit import AuditColumns
from shared.db import UtcDateTime
from shared.dead_letters import DeadLetterColumns
from shared.languages import SOURCE
from shared.messages.cases import Channel, UpdateKind, Verification
from shared.outbox import OutboxColumns
from shared.switches import SwitchColumns

NOT_TOLD = ""


class CaseStatus(StrEnum):
    OPEN = "open"
    ENDED = "ended"
    WON = "won"
    WITHDRAWN = "withdrawn"


class ConsentScope(StrEnum):
    """What the person at risk, or the family where they cannot speak, agreed to be published."""

    NAME_AND_STORY = "name_and_story"
    STORY_WITHOUT_NAME = "story_without_name"
    NOTHING = "nothing"


class LedgerKind(StrEnum):
    """What the ledger counts. `handed_over` is said only when a mail server took the letter and said so."""

    COLLECTED = "collected"
    VERIFIED = "verified"
    UNCERTAIN = "uncertain"
    HANDED_OVER = "handed_over"
    PRINTED = "printed"
    BOUNCED = "bounced"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INVALIDATED = "invalidated"
    OFFLINE_REPORTED = "offline_reported"


def _word(of: type[StrEnum]) -> Any:
    """A column that keeps an enum's word as text: a new word needs no change of the database."""
    return Enum(of, native_enum=False, length=32, values_callable=lambda words: [word.value for word in words])


class Row(SQLModel, registry=registry()):
    """The base of this service's tables."""


class Outbox(OutboxColumns, Row, table=True):
    __tablename__ = "outbox"


class Audit(AuditColumns, Row, table=True):
    __tablename__ = "audit"


class SwitchRow(SwitchColumns, Row, table=True):
    __tablename__ = "switch"


class DeadLetter(DeadLetterColumns, Row, table=True):
    __tablename__ = "dead_letter"


class Campaign(Row, table=True):
    __tablename__ = "campaign"

    slug: str = Field(primary_key=True)
    name: str
    summary: str = Field(sa_type=Text)
    language: str = SOURCE
    translations: dict[str, Any] = Field(default={}, sa_type=JSON)
    goal: int | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    verification: Verification = Field(default=Verification.NONE, sa_type=_word(Verification))
    proof_of_work: bool = False
    risky_countries: list[str] = Field(default=[], sa_type=JSON)


class Case(Row, table=True):
    """A case as it is published now. `digest` is of the file it came from, so an unchanged file changes nothing."""

    __tablename__ = "case"

    id: UUID = Field(primary_key=True)
    slug: str = Field(unique=True)
    campaign: str = Field(foreign_key="campaign.slug", index=True)
    revision: int
    status: CaseStatus = Field(sa_type=_word(CaseStatus))
    title: str
    person: str | None = None
    country: str
    summary: str = Field(sa_type=Text)
    story: str = Field(sa_type=Text)
    demands: list[str] = Field(sa_type=JSON)
    issues: list[str] = Field(default=[], sa_type=JSON)
    picture: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    language: str = SOURCE
    translations: dict[str, Any] = Field(default={}, sa_type=JSON)
    solidarity_advice: str | None = Field(default=None, sa_type=Text)
    discreet: bool = False
    risky_countries: list[str] = Field(default=[], sa_type=JSON)
    closes_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    consent_scope: ConsentScope = Field(sa_type=_word(ConsentScope))
    consent_note: str = Field(sa_type=Text)
    channels: list[str] = Field(sa_type=JSON)
    position: int = 0
    digest: str
    published_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Picture(Row, table=True):
    """A case's picture in one width, as WebP. `digest` is of its bytes; two cases may show the same."""

    __tablename__ = "picture"

    case_id: UUID = Field(primary_key=True, foreign_key="case.id")
    width: int = Field(primary_key=True)
    height: int
    digest: str = Field(index=True)
    body: bytes = Field(sa_type=LargeBinary)


class CaseTarget(Row, table=True):
    """A target as this case writes to it. The same key is the same `id` in every case of a campaign."""

    __tablename__ = "target"

    case_id: UUID = Field(primary_key=True, foreign_key="case.id")
    id: UUID = Field(primary_key=True)
    position: int
    name: str
    country: str
    email: str | None = None
    post_address: str | None = None
    handle: str | None = None
    other_emails: list[str] = Field(default=[], sa_type=JSON)
    delivery: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))


class CaseLetter(Row, table=True):
    """The letter that a supporter starts from, in one language. One with `points` has variants: `body` is the first."""

    __tablename__ = "letter_template"

    case_id: UUID = Field(primary_key=True, foreign_key="case.id")
    language: str = Field(primary_key=True)
    position: int
    subject: str
    body: str = Field(sa_type=Text)
    opening: str | None = Field(default=None, sa_type=Text)
    points: list[str] = Field(default=[], sa_type=JSON)
    closing: str | None = Field(default=None, sa_type=Text)


class CaseUpdate(Row, table=True):
    """News of a case, or its outcome. `date` is as exact as it is known: 2020-04-02, 2021-01 or 2021.

    `id` stays while others come and go, see `update_rows.py`; `published_at` and `changed_at` say when we said so."""

    __tablename__ = "case_update"

    case_id: UUID = Field(primary_key=True, foreign_key="case.id")
    position: int = Field(primary_key=True)
    id: UUID = Field(unique=True)
    key: str | None = None
    kind: UpdateKind = Field(sa_type=_word(UpdateKind))
    date: str | None = None
    text: str = Field(sa_type=Text)
    translations: dict[str, str] = Field(default={}, sa_type=JSON)
    published_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)


class LedgerAction(Row, table=True):
    """One action was accepted, or waits to be verified. Its key is what makes a redelivered event count nothing.

    `validity_number` tells which decision of staff on it was the last that came here; 0: none."""

    __tablename__ = "ledger_action"

    action_id: UUID = Field(primary_key=True)
    case_slug: str
    day: date
    country: str
    channel: Channel = Field(sa_type=_word(Channel))
    partner: str
    validity_number: int = 0
    is_invalid: bool = False
    is_verified: bool = False


class LedgerLetter(Row, table=True):
    """What became of one letter, by the latest report."""

    __tablename__ = "ledger_letter"

    letter_id: UUID = Field(primary_key=True)
    case_slug: str
    day: date
    country: str
    channel: Channel = Field(sa_type=_word(Channel))
    partner: str
    outcome: LedgerKind = Field(sa_type=_word(LedgerKind))
    decided_at: datetime = Field(sa_type=UtcDateTime)


class LedgerOffline(Row, table=True):
    """What was counted elsewhere, and who says so. `count` is absent where nobody has an exact number."""

    __tablename__ = "ledger_offline"

    case_slug: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    count: int | None = None
    wording: str
    source: str
    day: date
    reported_on: str | None = None


class ReportState(StrEnum):
    WAITING = "waiting"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class OfflineReport(Row, table=True):
    """Letters that somebody says were written at an event. They count once staff have confirmed them.

    `id` derives from what was reported, so that pressing twice is one report. Whom to ask is forgotten with the
    decision."""

    __tablename__ = "offline_report"

    id: UUID = Field(primary_key=True)
    case_slug: str = Field(index=True)
    count: int
    held_on: date
    place: str
    country: str
    organiser: str
    contact: str | None = None
    note: str = Field(sa_type=Text)
    state: ReportState = Field(sa_type=_word(ReportState), index=True)
    reported_at: datetime = Field(sa_type=UtcDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SolidarityMessage(Row, table=True):
    """A message to the person at risk that everybody may see. Its row stays when it is taken down, its words do not.

    `number` tells which of the events about it was the last that came here."""

    __tablename__ = "solidarity_message"
    __table_args__ = (Index("solidarity_message_of_case", "case_slug", "is_shown", "written_at"),)

    action_id: UUID = Field(primary_key=True)
    case_slug: str
    number: int
    is_shown: bool
    name: str
    country: str
    text: str = Field(sa_type=Text)
    language: str
    written_at: datetime = Field(sa_type=UtcDateTime)


class LedgerCount(Row, table=True):
    """The totals, kept beside the facts so that a page never counts. `python -m services.cases recount` rebuilds."""

    __tablename__ = "ledger_count"

    case_slug: str = Field(primary_key=True)
    kind: LedgerKind = Field(primary_key=True, sa_type=_word(LedgerKind))
    day: date = Field(primary_key=True)
    country: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    partner: str = Field(primary_key=True)
    count: int
