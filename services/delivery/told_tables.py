"""What delivery remembers of what it was told and tells: which actions count, the updates that mails tell of, and what
it foretold of targets."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from services.delivery.tables import Row
from shared.db import UtcDateTime


class ActionValidity(Row, table=True):
    """Whether staff let an action count, as last decided; `number` tells which decision is the later one."""

    __tablename__ = "action_validity"

    action_id: UUID = Field(primary_key=True)
    number: int
    is_valid: bool


class ToldUpdate(Row, table=True):
    """An update of a case that at least one mail tells of. Its mails are the letters that name it as their bundle."""

    __tablename__ = "told_update"

    update_id: UUID = Field(primary_key=True)
    case_slug: str
    first_at: datetime = Field(sa_type=UtcDateTime, index=True)


class ToldForecast(Row, table=True):
    """What others were last told of a target. `done_at`: none, if that was that nothing need be said."""

    __tablename__ = "told_forecast"

    target_id: UUID = Field(primary_key=True)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    told_at: datetime = Field(sa_type=UtcDateTime)
