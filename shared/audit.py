"""The audit: who changed what, when and why, written in the same transaction as the change itself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, insert
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shared.clock import Clock
from shared.db import Database, UtcDateTime

SHOWN_MAX = 200


class AuditColumns(SQLModel):
    """What a service's own `Audit` table has. Rows are only ever added."""

    id: UUID = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    who: str
    did: str = Field(description="a verb and its object, such as switch_set")
    why: str
    details: dict[str, Any] = Field(sa_type=JSON)


@dataclass(frozen=True)
class By:
    """On whose word something is changed, and their reason."""

    who: str
    why: str


class Auditor:
    """Keeps a service's audit."""

    def __init__(self, table: type[AuditColumns], clock: Clock) -> None:
        self._table, self._clock = table, clock

    async def note(self, session: AsyncSession, by: By, did: str, **details: Any) -> None:
        """Add a line, in the caller's transaction. `details` are JSON, and hold nothing personal."""
        row = {"id": uuid4(), "at": self._clock.now(), "who": by.who, "did": did, "why": by.why, "details": details}
        await session.exec(insert(self._table).values(row))

    async def latest(self, database: Database, limit: int = SHOWN_MAX) -> list[AuditColumns]:
        """The newest first. Raises `DatabaseAway`."""
        statement = select(self._table).order_by(col(self._table.at).desc()).limit(limit)
        async with database.transaction() as session:
            return list(await session.exec(statement))
