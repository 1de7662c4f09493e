"""News by mail as staff see it: which updates people are told of, how far that is, and a way to stop one for good."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select

from services.actions.errors import CannotStopNews, NoSuchNews
from services.actions.news_tables import News, NewsState
from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database

LISTED_MAX = 50


class NewsDesk:
    def __init__(self, database: Database, clock: Clock, audit: Auditor) -> None:
        self._database, self._clock, self._audit = database, clock, audit

    async def latest(self) -> Sequence[News]:
        """The newest first. Raises `DatabaseAway`."""
        statement = select(News).order_by(col(News.published_at).desc()).limit(LISTED_MAX)
        async with self._database.transaction() as session:
            return (await session.exec(statement)).all()

    async def stop(self, update_id: UUID, by: By) -> News:
        """Ask for no more mails about this update. What was asked for already goes out.

        Raises `NoSuchNews`, and `CannotStopNews` for what is at its end."""
        statement = select(News).where(col(News.update_id) == update_id).with_for_update()
        async with self._database.transaction() as session:
            news = (await session.exec(statement)).one_or_none()
            if news is None:
                raise NoSuchNews
            if news.state != NewsState.TELLING:
                raise CannotStopNews(news.state)
            news.state, news.finished_at, news.stopped_because = NewsState.STOPPED, self._clock.now(), by.why
            session.add(news)
            await self._audit.note(session, by, "news_stopped", update=str(update_id), asked=news.asked)
        return news
