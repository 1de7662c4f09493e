"""Dead letters: messages no handler could take, kept with their reason in the service's own database."""

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from shared.bus import Dead, KeepDead
from shared.db import Database, UtcDateTime, insert_once
from shared.messages.envelope import derived_id

log = structlog.get_logger(__name__)


class DeadLetterColumns(SQLModel):
    """What a service's own `DeadLetter` table has. `body` is as it came, and may be garbage."""

    id: UUID = Field(primary_key=True)
    queue: str = Field(index=True)
    type: str | None = None
    body: bytes = Field(sa_type=LargeBinary)
    reason: str
    died_at: datetime = Field(sa_type=UtcDateTime)
    replayed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def keeper(database: Database, table: type[DeadLetterColumns]) -> KeepDead:
    """What a `Subscription` hands its dead to. Kept once, however often it is handed over."""

    async def keep(dead: Dead) -> None:
        row = {
            "id": derived_id("dead", dead.queue, dead.message_id),
            "queue": dead.queue,
            "type": dead.type,
            "body": dead.body,
            "reason": dead.reason,
            "died_at": dead.died_at,
        }
        async with database.transaction() as session:
            await session.exec(insert_once(session.get_bind().dialect.name, table, [row]))
        log.error("dead_letter", queue=dead.queue, type=dead.type, reason=dead.reason, next="kept for an operator")

    return keep
