"""The outbox: events kept in the same transaction as the change they tell of, and the relay that publishes them.

A row is marked only after the bus confirmed it, so a crash at any point publishes again and loses nothing;
consumers know the event by its id. Relays claim by lease, so any number of them run side by side.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Index, LargeBinary, Table, Update, delete, func, text, update
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shared.bus import Bus, BusAway, NotTaken, PublishFault
from shared.clock import Clock
from shared.crash_points import CrashPoint, crash_point
from shared.db import Database, DatabaseAway, UtcDateTime
from shared.insert_many import insert_many_once
from shared.messages.envelope import Event, Message, seal
from shared.observability import current_traceparent
from shared.wake import Wake, ring_on_commit

CHANNEL = "w4r_outbox"
BATCH_MAX = 200
BATCHES_AT_ONCE = 2
LINGER_SECONDS = 0.02
LEASE_SECONDS = 30
POLL_SECONDS = 1.0
PAUSE_SECONDS_MAX = 5.0
BACKOFF_SECONDS_MAX = 30.0
KEEP_PUBLISHED = timedelta(days=7)
MESSAGE_COLUMNS = tuple(field.name for field in fields(Message))

log = structlog.get_logger(__name__)


class OutboxColumns(SQLModel):
    """What a service's own `Outbox` table has. `next_at` is when a relay may take the row: it is also the lease."""

    event_id: UUID = Field(primary_key=True)
    type: str
    body: bytes = Field(sa_type=LargeBinary)
    traceparent: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    next_at: datetime = Field(sa_type=UtcDateTime)
    attempts: int = 0
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Index, ...]:  # noqa: N805
        waiting = text("published_at IS NULL")
        return (
            Index("outbox_waiting", "next_at", postgresql_where=waiting, sqlite_where=waiting),
            Index("outbox_published", "published_at"),
        )


class Outbox:
    """Where a use case leaves its events."""

    def __init__(self, table: type[OutboxColumns], clock: Clock, wake: Wake) -> None:
        self.table, self._clock, self._wake = table, clock, wake

    async def add(self, session: AsyncSession, *events: Event) -> None:
        """Keep events, to be published once the transaction commits. The same event twice is kept once."""
        if not events:
            return
        traceparent = current_traceparent()
        await self.add_sealed(session, [seal(event, traceparent) for event in events])

    async def add_sealed(self, session: AsyncSession, messages: Sequence[Message]) -> None:
        """As `add`, for events that were put into their envelopes before."""
        await self.add_new(session, messages)

    async def add_new(self, session: AsyncSession, messages: Sequence[Message]) -> set[UUID]:
        """As `add_sealed`. Returns the ids of those that were not kept before."""
        if not messages:
            return set()
        new = await insert_many_once(session, self.table, self.rows(messages))
        await ring_on_commit(session, CHANNEL, self._wake)
        return new

    def rows(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """The rows of these messages, for a statement that writes them by itself."""
        now = self._clock.now()
        return [
            {
                "event_id": message.event_id,
                "type": message.type,
                "body": message.body,
                "traceparent": message.traceparent,
                "created_at": now,
                "next_at": now,
                "attempts": 0,
            }
            for message in messages
        ]


@dataclass(frozen=True, slots=True)
class ClaimedEvent:
    """An event in a relay's hands, until its lease ends."""

    message: Message
    attempts: int

    @property
    def id(self) -> UUID:
        return self.message.event_id


class Relay:
    """Publishes what waits in one service's outbox, oldest first, and marks what the bus confirmed."""

    def __init__(self, database: Database, table: type[OutboxColumns], bus: Bus, clock: Clock, wake: Wake) -> None:
        self._database, self._bus, self._clock, self._wake = database, bus, clock, wake
        self._table = table
        self._rows: Table = table.__table__  # type: ignore[attr-defined]

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`. Bus or database away: wait, a little longer each time, and go on."""
        pause_seconds = 0.0
        while not stop.is_set():
            await self._wake.wait(stop, pause_seconds or POLL_SECONDS)
            # Commits come in a row, and a batch costs much the same whether it is full or has one event in it.
            await asyncio.sleep(LINGER_SECONDS)
            try:
                await self._publish_all_due(stop)
                pause_seconds = 0.0
            except (BusAway, DatabaseAway) as error:
                pause_seconds = min(PAUSE_SECONDS_MAX, max(0.5, pause_seconds * 2))
                log.warning("relay_waits", reason=repr(error), next=f"again in {pause_seconds} s")

    async def publish_due(self) -> int:
        """Publish one batch. Returns how many rows were taken. Raises `BusAway` if the bus could not take them."""
        rows = await self._claim()
        if not rows:
            return 0
        faults = await self._bus.publish_all([row.message for row in rows])
        outcomes = list(zip(rows, faults, strict=True))
        crash_point(CrashPoint.BEFORE_PUBLISHED)
        await self._settle(outcomes)
        for fault in faults:
            if isinstance(fault, BusAway):
                raise fault
        return len(rows)

    async def _publish_all_due(self, stop: asyncio.Event) -> None:
        """One batch, and while there is more several side by side: the database works on one, the bus on another."""
        if await self.publish_due() < BATCH_MAX:
            return

        async def work_off() -> None:
            while not stop.is_set() and await self.publish_due() == BATCH_MAX:
                pass

        ends = await asyncio.gather(*(work_off() for _ in range(BATCHES_AT_ONCE)), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end

    async def _claim(self) -> list[ClaimedEvent]:
        now, rows = self._clock.now(), self._rows
        due = (
            select(rows.c.event_id)
            .where(rows.c.published_at.is_(None), rows.c.next_at <= now)
            .order_by(rows.c.next_at)
            .limit(BATCH_MAX)
            .with_for_update(skip_locked=True)
        )
        claim = (
            update(rows)
            .where(rows.c.event_id.in_(due))
            .values(next_at=now + timedelta(seconds=LEASE_SECONDS), attempts=rows.c.attempts + 1)
            .returning(rows.c.created_at, rows.c.attempts, *(rows.c[name] for name in MESSAGE_COLUMNS))
        )
        async with self._database.transaction() as session:
            claimed = (await (await session.connection()).execute(claim)).all()
        oldest_first = sorted(claimed, key=itemgetter(0))
        return [ClaimedEvent(Message(*message), attempts) for _, attempts, *message in oldest_first]

    async def _settle(self, outcomes: Sequence[tuple[ClaimedEvent, PublishFault | None]]) -> None:
        """Mark what was confirmed. The rest is due again: at once if the bus was away, else after its own wait."""
        now = self._clock.now()
        confirmed = [event.id for event, fault in outcomes if fault is None]
        unsaid = [event.id for event, fault in outcomes if isinstance(fault, BusAway)]
        async with self._database.transaction() as session:
            if confirmed:
                await session.exec(self._change(confirmed).values(published_at=now))
            if unsaid:
                await session.exec(self._change(unsaid).values(next_at=now))
            for event, fault in outcomes:
                if isinstance(fault, NotTaken):
                    wait_seconds = min(BACKOFF_SECONDS_MAX, 0.5 * 2 ** min(event.attempts, 10))
                    next_at = now + timedelta(seconds=wait_seconds)
                    await session.exec(self._change([event.id]).values(next_at=next_at))
                    facts = {"event_id": str(event.id), "type": event.message.type, "reason": repr(fault)}
                    log.warning("not_taken", **facts, next=f"again in {wait_seconds} s")

    def _change(self, event_ids: list[UUID]) -> Update:
        matching = col(self._table.event_id).in_(event_ids)
        return update(self._table).where(matching).execution_options(synchronize_session=False)

    async def forget_published(self, keep: timedelta = KEEP_PUBLISHED, only: ColumnElement[bool] | None = None) -> None:
        """Drop rows that were published longer than `keep` ago, all of them or `only` these."""
        async with self._database.transaction() as session:
            old = delete(self._table).where(col(self._table.published_at) < self._clock.now() - keep)
            await session.exec(old if only is None else old.where(only))

    async def depth(self) -> int:
        """How many events wait to be published."""
        waiting = select(func.count()).select_from(self._table).where(col(self._table.published_at).is_(None))
        async with self._database.transaction() as session:
            return (await session.exec(waiting)).one()
