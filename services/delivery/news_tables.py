"""The updates that delivery was asked to tell of."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from services.delivery.tables import Row
from shared.db import UtcDateTime


class ToldUpdate(Row, table=True):
    """An update of a case that at least one mail tells of. Its mails are the letters that name it as their bundle."""

    __tablename__ = "told_update"

    update_id: UUID = Field(primary_key=True)
    case_slug: str
    first_at: datetime = Field(sa_type=UtcDateTime, index=True)
