"""News by mail as staff see it: which updates people are told of, how far that is, and a way to call one off."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select

from services.actions.errors import CannotStopNews, NoSuchNews
from services.actions.news_tables import News, NewsState
from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database
from shared.messages.actions_news import NewsCalledOffV1
from shared.outbox import Outbox

LISTED_MAX = 50


class NewsDesk:
    def __init__(self, database: Database, outbox: Outbox, clock: Clock, audit: Auditor) -> None:
        self._database, self._outbox, self._clock, self._audit = database, outbox, clock, audit

    async def latest(self) -> Sequence[News]:
        """The newest first. Raises `DatabaseAway`."""
        statement = select(News).order_by(col(News.published_at).desc()).limit(LISTED_MAX)
        async with self._database.transaction() as session:
            return (await session.exec(statement)).all()

    async def stop(self, update_id: UUID, by: By) -> News:
        """Ask for no more mails about this update, and call off those that were asked for and are not out.

        Raises `NoSuchNews`, and `CannotStopNews` for what is stopped already."""
        statement = select(News).where(col(News.update_id) == update_id).with_for_update()
        async with self._database.transaction() as session:
            news = (await session.exec(statement)).one_or_none()
            if news is None:
                raise NoSuchNews
            if news.state == NewsState.STOPPED:
                raise CannotStopNews(news.state)
            now = self._clock.now()
            news.state, news.finished_at, news.stopped_because = NewsState.STOPPED, now, by.why
            session.add(news)
            called_off = NewsCalledOffV1(update_id=update_id, case_id=news.case_id, called_off_at=now)
            await self._outbox.add(session, called_off)
            await self._audit.note(session, by, "news_stopped", update=str(update_id), asked=news.asked)
        return news
