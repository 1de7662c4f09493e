"""The inbox: which events a service has handled, written in the same transaction as what they changed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import delete
from sqlmodel import Field, SQLModel, col
from sqlmodel.ext.asyncio.session import AsyncSession

from shared.clock import Clock
from shared.db import UtcDateTime, insert_once
from shared.messages.envelope import Envelope

A = TypeVar("A", bound=Envelope[Any])


class InboxColumns(SQLModel):
    """What a service's own `Inbox` table has."""

    queue: str = Field(primary_key=True)
    event_id: UUID = Field(primary_key=True)
    seen_at: datetime = Field(sa_type=UtcDateTime, index=True)


class Inbox:
    """Tells new events from redelivered ones, for one queue."""

    def __init__(self, table: type[InboxColumns], queue: str, clock: Clock) -> None:
        self._table, self._queue, self._clock = table, queue, clock

    async def take_new(self, session: AsyncSession, envelopes: Sequence[A]) -> list[A]:
        """Mark these events seen, and return those that were not before, in order, each once.

        Two consumers with the same event: the second waits for the first's transaction, then finds it seen."""
        by_id = {envelope.id: envelope for envelope in envelopes}
        if not by_id:
            return []
        now = self._clock.now()
        rows = [{"queue": self._queue, "event_id": event_id, "seen_at": now} for event_id in sorted(by_id)]
        statement = insert_once(session.get_bind().dialect.name, self._table, rows)
        fresh = set((await session.exec(statement.returning(col(self._table.event_id)))).scalars())
        return [envelope for event_id, envelope in by_id.items() if event_id in fresh]

    async def forget_older(self, session: AsyncSession, keep: timedelta) -> None:
        """Drop marks older than `keep`, which must be longer than any message can wait."""
        await session.exec(delete(self._table).where(col(self._table.seen_at) < self._clock.now() - keep))
