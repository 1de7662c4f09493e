"""The tables about letters in bulk: how alike they are, and who dominates a case."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from services.actions.tables import Row
from shared.db import UtcDateTime


class LetterLikeness(Row, table=True):
    """The letters of one case to one target: how many, how many were edited, and how alike the newest ones are.

    What is neither edited nor unedited is not known to be either. The sample is measured after it was counted last.
    """

    __tablename__ = "letter_likeness"

    case_id: UUID = Field(primary_key=True)
    target_id: UUID = Field(primary_key=True)
    letters: int
    edited: int
    unedited: int
    counted_at: datetime = Field(sa_type=UtcDateTime)
    sample_letters: int = 0
    sample_edited: int = 0
    likeness: float | None = None
    twins_share: float | None = None
    measured_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LetterCountMark(Row, table=True):
    """Up to when a case's letters are counted. Whoever counts holds this row, so that each letter is counted once."""

    __tablename__ = "letter_count_mark"

    case_id: UUID = Field(primary_key=True)
    counted_until: datetime = Field(sa_type=UtcDateTime)


class DominanceAlarm(Row, table=True):
    """A network or mailbox domain dominated a case, from `began_at` on. Open until `ended_at`; one open alarm for each.

    `share` and `count` are of `last_seen_at`; `earlier_share` stays what it was, or a lasting flood would become usual.
    """

    __tablename__ = "dominance_alarm"
    __table_args__ = (
        Index(
            "dominance_alarm_open",
            "case_id",
            "kind",
            "value",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
            sqlite_where=text("ended_at IS NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    case_id: UUID
    case_slug: str
    kind: str
    value: str
    share: float
    earlier_share: float | None = None
    count: int
    began_at: datetime = Field(sa_type=UtcDateTime)
    last_seen_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
