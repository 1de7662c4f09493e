"""Tells those who asked for it what changed in a case: asks for one mail for each mailbox, a batch at a time.

An update is a row, and whoever works on it holds the row: so two never do the same, one that is killed leaves the rest
to the next, and a million readers take no more memory than ten. They are found by a cursor over the case's own index.
A mailbox that acted several times meets its own earlier request in the outbox, by its id, and later in delivery.

The first batch waits some minutes after the update was published: somebody may see a mistake. Then the pace is bounded,
for the mailbox providers' sake, and for who writes letters meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import ColumnElement, text, tuple_
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.news_consent import mailbox_of, reader_id, readers_of, wants
from services.actions.news_mail import NewsAction, make_news
from services.actions.news_tables import News, NewsState
from services.actions.tables import IS_OPTED_IN, Action, CaseStatus, KnownCaseRow
from shared.clock import Clock
from shared.db import Database, insert_once
from shared.messages.actions_news import NewsRequestedV1
from shared.messages.cases import CasePublishedV1, UpdatePublishedV1, Verification
from shared.messages.envelope import Envelope, seal
from shared.outbox import Outbox
from shared.switches import Switches

NEWS_SWITCH = "news"
TURN_SECONDS = 5.0
ACTIONS_AT_ONCE_MAX = 500
STEPS_MAX = 200
LOOK_AGAIN = timedelta(minutes=1)
WITHDRAWN = "the case was withdrawn"

log = structlog.get_logger(__name__)

_COLUMNS = (
    Action.id,
    Action.token,
    Action.supporter_email,
    Action.supporter_name,
    Action.supporter_country,
    Action.letter_language,
    Action.accepted_at,
)
# Without sorting the planner follows the case's own index from where it was left. With statistics that are out of date
# it would else read and sort all that is left of the case, for every batch.
_FOLLOW_THE_INDEX = text(
    "SELECT set_config('enable_sort', 'off', true), set_config('enable_incremental_sort', 'off', true)"
)


@dataclass(frozen=True)
class NewsRules:
    """How long an update waits for second thoughts, and how many mails a minute are asked for."""

    site: str
    wait: timedelta
    per_minute: int

    @property
    def batch_max(self) -> int:
        return max(1, min(ACTIONS_AT_ONCE_MAX, int(self.per_minute * TURN_SECONDS / 60)))

    def pause_after(self, mails: int) -> timedelta:
        return timedelta(minutes=mails / self.per_minute)


async def keep_updates(
    events: Sequence[Envelope[UpdatePublishedV1]], database: Database, clock: Clock, rules: NewsRules
) -> None:
    """Remember what people are to be told. Harmless twice: an update is kept once."""
    now = clock.now()
    rows = {event.data.update_id: _news_row(event.data, now + rules.wait) for event in events}
    async with database.transaction() as session:
        await session.exec(insert_once(session.get_bind().dialect.name, News, list(rows.values())))


class NewsTeller:
    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        clock: Clock,
        switches: Switches,
        rules: NewsRules,
        registry: CollectorRegistry,
    ) -> None:
        self._database, self._outbox, self._clock = database, outbox, clock
        self._switches, self._rules = switches, rules
        self._asked = Counter("actions_news_requested", "Mails with news that were asked for", registry=registry)

    async def tell(self) -> None:
        """A chore: ask for what is due, a batch a transaction. Raises `DatabaseAway`."""
        for _ in range(STEPS_MAX):
            await self._switches.refresh()
            if self._switches.is_off(NEWS_SWITCH) or not await self._step():
                return

    async def _step(self) -> bool:
        """Whether there was anything to do."""
        now = self._clock.now()
        due = select(News).where(News.state == NewsState.TELLING, col(News.next_at) <= now)
        async with self._database.transaction() as session:
            oldest = due.order_by(col(News.next_at)).limit(1).with_for_update(skip_locked=True)
            news = (await session.exec(oldest)).one_or_none()
            if news is None:
                return False
            case = await session.get(KnownCaseRow, news.case_id)
            asked = await self._work(session, news, case, now)
            session.add(news)
        self._asked.inc(asked)
        return True

    async def _work(self, session: AsyncSession, news: News, case: KnownCaseRow | None, now: datetime) -> int:
        if case is None or case.snapshot is None:
            news.next_at = now + LOOK_AGAIN  # its own event is still under way
            return 0
        if case.status == CaseStatus.WITHDRAWN:
            news.state, news.finished_at, news.stopped_because = NewsState.STOPPED, now, WITHDRAWN
            return 0
        snapshot = CasePublishedV1.model_validate(case.snapshot)
        actions = await self._next_actions(session, news, snapshot)
        asked = await self._ask(session, news, snapshot, actions, now)
        news.asked += asked
        news.next_at = now + self._rules.pause_after(asked)
        if actions:
            news.reached_at, news.reached_id = actions[-1].accepted_at, actions[-1].id
        if len(actions) < self._rules.batch_max:
            news.state, news.finished_at = NewsState.TOLD, now
            log.info("news_told", update=str(news.update_id), case=news.case_slug, mails=news.asked)
        return asked

    async def _next_actions(self, session: AsyncSession, news: News, case: CasePublishedV1) -> list[NewsAction]:
        """Those who acted before the update was published: whoever came later has read it on the page."""
        which = (col(Action.case_id) == news.case_id, IS_OPTED_IN, col(Action.accepted_at) <= news.published_at)
        place = tuple_(col(Action.accepted_at), col(Action.id))
        statement: Any = select(*_COLUMNS).where(*which, *_may_be_told(case))  # type: ignore[call-overload]
        if news.reached_at and news.reached_id:
            statement = statement.where(place > tuple_(news.reached_at, news.reached_id))
        statement = statement.order_by(col(Action.accepted_at), col(Action.id)).limit(self._rules.batch_max)
        if session.get_bind().dialect.name == "postgresql":
            await session.exec(_FOLLOW_THE_INDEX)  # type: ignore[call-overload]
        return [NewsAction(*row) for row in await session.exec(statement)]

    async def _ask(
        self, session: AsyncSession, news: News, case: CasePublishedV1, actions: Sequence[NewsAction], now: datetime
    ) -> int:
        """Returns how many mailboxes were asked for that were not before."""
        readers = await readers_of(session, {action.email for action in actions if action.email})
        told = UpdatePublishedV1.model_validate(news.content)
        asked: dict[UUID, NewsRequestedV1] = {}
        for action in actions:
            reader = readers.get(mailbox_of(action.email))
            if reader and wants(reader.number):
                mail = make_news(told, case, action, reader.mailbox, reader_id(reader), self._rules.site, now)
                asked.setdefault(mail.news_id, mail)
        return len(await self._outbox.add_new(session, [seal(mail) for mail in asked.values()]))


def _may_be_told(case: CasePublishedV1) -> tuple[ColumnElement[bool], ...]:
    """Whose action counts and was not taken back; and where a campaign asks mailboxes, those that answered."""
    stands = (col(Action.cancelled_at).is_(None), col(Action.invalidation_id).is_(None))
    if case.protection.verification is Verification.BEFORE_DELIVERY:
        return (*stands, col(Action.verified_at).is_not(None))
    return (*stands, or_(col(Action.verify_token).is_(None), col(Action.verified_at).is_not(None)))


def _news_row(update: UpdatePublishedV1, next_at: datetime) -> dict[str, Any]:
    return {
        "update_id": update.update_id,
        "case_id": update.case_id,
        "case_slug": update.slug,
        "content": update.model_dump(mode="json"),
        "state": NewsState.TELLING.value,
        "next_at": next_at,
        "asked": 0,
        "published_at": update.published_at,
    }
