"""What is kept of news by mail: the updates that people are told of, and the mailboxes that ended or resumed it."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Text
from sqlmodel import Field

from services.actions.tables import Row
from shared.db import UtcDateTime


class NewsState(StrEnum):
    """How far it is with an update: mails are still to be asked for, all are, or no more will be."""

    TELLING = "telling"
    TOLD = "told"
    STOPPED = "stopped"


class News(Row, table=True):
    """An update of a case, and how far those who asked for news are told of it.

    They are gone through in the order in which they acted: `reached_at` and `reached_id` name the last one looked at.
    `content` is the event that told of the update, `asked` how many mails were asked for."""

    __tablename__ = "news"

    update_id: UUID = Field(primary_key=True)
    case_id: UUID
    case_slug: str
    content: dict[str, Any] = Field(sa_type=JSON)
    state: NewsState = Field(sa_type=Text)
    next_at: datetime = Field(sa_type=UtcDateTime)
    reached_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reached_id: UUID | None = None
    asked: int = 0
    published_at: datetime = Field(sa_type=UtcDateTime, index=True)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    stopped_because: str | None = None


class NewsReader(Row, table=True):
    """A mailbox that once ended news. `number` grows each time it ends or resumes: odd, it wants none.

    `mailbox` is derived from the address, which does not stand here. A mailbox without a row never ended anything."""

    __tablename__ = "news_reader"

    mailbox: UUID = Field(primary_key=True)
    number: int
    changed_at: datetime = Field(sa_type=UtcDateTime)
