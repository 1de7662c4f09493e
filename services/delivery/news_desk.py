"""News by mail: which updates are told of, what became of the mails, and readers who want no more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.cancelling import Canceller
from services.delivery.states import LetterState
from services.delivery.tables import IS_NEWS, Letter
from services.delivery.told_tables import ToldUpdate
from shared.db import Database, insert_once
from shared.messages.actions_news import NewsCalledOffV1, NewsRequestedV1, NewsStoppedV1
from shared.messages.envelope import Envelope

LISTED_MAX = 10
COUNTED_MAX = 10_000
NEWS_ENDED = "its reader wants no more news"
CALLED_OFF = "staff called off what it tells of"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class NewsCounts:
    """`counts` by state, without those that are none; `COUNTED_MAX` means at least so many."""

    update_id: UUID
    case_slug: str
    first_at: datetime
    counts: Mapping[LetterState, int]


async def note_updates(session: AsyncSession, events: Sequence[Envelope[NewsRequestedV1]], now: datetime) -> None:
    """Keep which updates these mails tell of, each once."""
    slugs = {envelope.data.update_id: envelope.data.case_slug for envelope in events}
    rows = [{"update_id": one, "case_slug": slugs[one], "first_at": now} for one in sorted(slugs)]
    if rows:
        await session.exec(insert_once(session.get_bind().dialect.name, ToldUpdate, rows))


async def end_news(events: Sequence[Envelope[NewsStoppedV1]], canceller: Canceller) -> None:
    """Stop all news to readers who want no more. Harmless twice: stopped mails are not stopped again."""
    for envelope in events:
        count = await canceller.cancel_reader(envelope.data.reader_id, NEWS_ENDED)
        log.info("news_ended", reader=str(envelope.data.reader_id), mails=count)


async def call_off_news(events: Sequence[Envelope[NewsCalledOffV1]], canceller: Canceller) -> None:
    """Stop all mails that tell of these updates, those that are here and those still to come. Harmless twice."""
    for envelope in events:
        count = await canceller.cancel_update(envelope.data.update_id, envelope.data.case_id, CALLED_OFF)
        log.info("news_called_off", update=str(envelope.data.update_id), mails=count)


class NewsDesk:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest(self) -> list[NewsCounts]:
        """The newest first, up to `LISTED_MAX`. Raises `DatabaseAway`."""
        newest = select(ToldUpdate).order_by(col(ToldUpdate.first_at).desc()).limit(LISTED_MAX)
        async with self._database.transaction() as session:
            updates = (await session.exec(newest)).all()
            return [
                NewsCounts(one.update_id, one.case_slug, one.first_at, await _count(session, one.update_id))
                for one in updates
            ]


async def _count(session: AsyncSession, update_id: UUID) -> dict[LetterState, int]:
    some = select(Letter.state).where(IS_NEWS, Letter.bundle_id == update_id).limit(COUNTED_MAX).subquery()
    found = await session.exec(select(some.c.state, func.count()).group_by(some.c.state))
    return dict(found.all())
