"""Who wants news of cases by mail, and who no longer does.

A mailbox ends all news by the link in any mail: of every case, also what is asked for already. Then a tick in a form
is not enough any more, for anybody can type anybody's address. It resumes by the same link, or when an action with the
tick is confirmed from the mailbox itself. A receipt speaks for its own action alone.

Delivery too may end it, for a mailbox that is dead or wrote back: pages then say so, and it resumes in the same way.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.errors import UnknownReceipt
from services.actions.mailboxes import canonical_mailbox
from services.actions.news_links import action_named, is_true
from services.actions.news_tables import NewsReader
from services.actions.receipts import TOKEN
from services.actions.tables import Action
from shared.clock import Clock
from shared.db import Database, insert_once
from shared.messages.actions_news import NewsStoppedV1
from shared.messages.delivery import NewsUndeliverableV1
from shared.messages.envelope import Envelope, derived_id
from shared.outbox import Outbox

log = structlog.get_logger(__name__)


class NewsConsent:
    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._database, self._outbox, self._clock = database, outbox, clock

    async def has_ended(self, token: str) -> bool | None:
        """Whether the mailbox behind this link ended news; None for no link of ours. Raises `DatabaseAway`."""
        async with self._database.transaction() as session:
            action = await _find(session, token)
            if action is None:
                return None
            reader = await session.get(NewsReader, mailbox_of(action.supporter_email))
            return reader is not None and not wants(reader.number)

    async def end(self, token: str) -> bool:
        """End all news to the mailbox behind this link. Harmless twice. False for no link of ours."""
        async with self._database.transaction() as session:
            action = await _find(session, token)
            if action is None:
                return False
            reader, now = await _hold(session, action.supporter_email, self._clock.now()), self._clock.now()
            if wants(reader.number):
                await self._outbox.add(session, NewsStoppedV1(reader_id=reader_id(reader), stopped_at=now))
                reader.number, reader.changed_at = reader.number + 1, now
                session.add(reader)
        return True

    async def resume(self, token: str) -> bool:
        """Let news come again. What was stopped stays so. Harmless twice. False for no link of ours."""
        async with self._database.transaction() as session:
            action = await _find(session, token)
            if action is not None:
                await resume_news(session, action.supporter_email, self._clock.now())
        return action is not None

    async def wish(self, receipt_token: str, wanted: bool) -> None:
        """Whether the action of this receipt asks for news. Raises `UnknownReceipt` and `DatabaseAway`."""
        if not TOKEN.fullmatch(receipt_token):
            raise UnknownReceipt
        async with self._database.transaction() as session:
            found = await session.exec(select(Action).where(Action.token == receipt_token).with_for_update())
            action = found.one_or_none()
            if action is None:
                raise UnknownReceipt
            action.opt_in = wanted
            session.add(action)


async def note_undeliverable(events: Sequence[Envelope[NewsUndeliverableV1]], database: Database, clock: Clock) -> None:
    """Delivery sends these readers no more: ask for none. Harmless twice, and late: a mailbox that ended or resumed
    news meanwhile is another reader."""
    readers, ended = {event.data.action_id: event.data.reader_id for event in events}, 0
    async with database.transaction() as session:
        found = await session.exec(select(Action).where(col(Action.id).in_(readers)))
        # In order of the mailbox, so that no two workers wait for each other.
        for action in sorted(found, key=lambda one: mailbox_of(one.supporter_email)):
            reader = await _hold(session, action.supporter_email, clock.now())
            if wants(reader.number) and reader_id(reader) == readers[action.id]:
                reader.number, reader.changed_at = reader.number + 1, clock.now()
                session.add(reader)
                ended += 1
    log.info("news_undeliverable", readers=len(readers), ended=ended)


def mailbox_of(email: str) -> UUID:
    return derived_id("mailbox", canonical_mailbox(email))


def reader_id(reader: NewsReader) -> UUID:
    """Of this mailbox, as long as it neither ends nor resumes news: what others know it by."""
    return derived_id("news reader", reader.mailbox, reader.number)


def wants(number: int) -> bool:
    return number % 2 == 0


async def resume_news(session: AsyncSession, email: str, now: datetime) -> None:
    """For who proved that the mailbox is theirs."""
    found = await session.exec(select(NewsReader).where(NewsReader.mailbox == mailbox_of(email)).with_for_update())
    reader = found.one_or_none()
    if reader and not wants(reader.number):
        reader.number, reader.changed_at = reader.number + 1, now
        session.add(reader)


async def readers_of(session: AsyncSession, emails: set[str]) -> dict[UUID, NewsReader]:
    """By mailbox, those who ended or resumed news, and for all others as if they had a row."""
    mailboxes = {mailbox_of(email) for email in emails}
    found = await session.exec(select(NewsReader).where(col(NewsReader.mailbox).in_(mailboxes)))
    known = {reader.mailbox: reader for reader in found}
    return {mailbox: known.get(mailbox) or _unheard(mailbox) for mailbox in mailboxes}


def _unheard(mailbox: UUID) -> NewsReader:
    return NewsReader(mailbox=mailbox, number=0, changed_at=datetime.min)  # noqa: DTZ901  # never written


async def _find(session: AsyncSession, token: str) -> Action | None:
    action_id = action_named(token)
    action = await session.get(Action, action_id) if action_id else None
    return action if action and is_true(token, action.id, action.token) else None


async def _hold(session: AsyncSession, email: str, now: datetime) -> NewsReader:
    """The mailbox's row, made where there is none, and held until the transaction ends."""
    mailbox = mailbox_of(email)
    row = {"mailbox": mailbox, "number": 0, "changed_at": now}
    await session.exec(insert_once(session.get_bind().dialect.name, NewsReader, [row]))
    found = await session.exec(select(NewsReader).where(NewsReader.mailbox == mailbox).with_for_update())
    return found.one()
