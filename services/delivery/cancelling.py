"""Stops letters of a withdrawn case or a cancelled action, those that are here and those still to be planned.

The cancellation is committed first, under a lock on its case that planning shares: an action planned before it has
its letters in the table and they are found below; one planned after it sees the cancellation. None slips between.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Update, and_, func, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.chunks import hold_after, in_chunks
from services.delivery.holding import Verdict, stopped, write_verdicts
from services.delivery.kinds import TO_SUPPORTERS, LetterKind
from services.delivery.outcomes import Decision
from services.delivery.planning import PlannedLetter
from services.delivery.reports import HeldLetter
from services.delivery.states import CANCELLABLE, LetterState
from services.delivery.tables import IS_LIVE, IS_NEWS, Cancellation, Letter
from shared.clock import Clock
from shared.db import Database, insert_once
from shared.messages.delivery import NewsUndeliverableV1
from shared.messages.envelope import Event, derived_id
from shared.outbox import Outbox

# Stands for a case where news is planned, a reader ends it or staff call it off: a reader has news of many cases.
NEWS_LOCK = derived_id("news")
DEAD_MAILBOX = "its mailbox is dead"
CANCELLED = Decision(LetterState.CANCELLED, counts=False)


def named_by(case_id: UUID, target_id: UUID) -> UUID:
    """What is cancelled when a case no longer names a target."""
    return derived_id("named by", case_id, target_id)


def mail_about(action_id: UUID) -> UUID:
    """What is cancelled when a supporter wants no more mail about what they did."""
    return derived_id("mail about", action_id)


def subjects_of(letter: HeldLetter | PlannedLetter) -> tuple[UUID, ...]:
    """What a letter must not go out for, once any of these is cancelled. Of news, its target is its reader, and its
    bundle the update it tells of."""
    if letter.kind is LetterKind.LETTER:
        return letter.case_id, letter.action_id, named_by(letter.case_id, letter.target_id)
    if letter.kind is LetterKind.NEWS:
        told = (letter.bundle_id,) if letter.bundle_id else ()
        return letter.case_id, letter.action_id, mail_about(letter.action_id), letter.target_id, *told
    return letter.case_id, letter.action_id, mail_about(letter.action_id)


def locks_of(letter: HeldLetter | PlannedLetter) -> tuple[UUID, ...]:
    """What is shared of a letter by who plans it or lets it go again, so that none slips past a cancellation."""
    return (letter.case_id, NEWS_LOCK) if letter.kind is LetterKind.NEWS else (letter.case_id,)


async def share_cases(session: AsyncSession, case_ids: Iterable[UUID]) -> None:
    """Keep these cases from being withdrawn until the transaction ends. SQLite has one writer at a time anyway."""
    await _lock(session, func.pg_advisory_xact_lock_shared, case_ids)


async def lock_cases(session: AsyncSession, case_ids: Iterable[UUID]) -> None:
    """Keep the letters of these cases from being planned until the transaction ends."""
    await _lock(session, func.pg_advisory_xact_lock, case_ids)


async def find_cancelled(session: AsyncSession, subjects: Collection[UUID]) -> dict[UUID, str]:
    """Which of these are cancelled, and why: actions, cases, and targets as a case names them."""
    statement = select(Cancellation.subject, Cancellation.reason).where(col(Cancellation.subject).in_(subjects))
    return dict((await session.exec(statement)).all())


class Canceller:
    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._database, self._outbox, self._clock = database, outbox, clock

    async def cancel_case(self, case_id: UUID, reason: str) -> int:
        """Stop every letter of the case, now and for ever. Returns how many were stopped; again: none."""
        await self._remember(case_id, case_id, reason)
        return await self._stop_all(col(Letter.case_id) == case_id, reason)

    async def cancel_action(self, action_id: UUID, case_id: UUID, reason: str) -> int:
        """As `cancel_case`, for the letters of one action."""
        await self._remember(action_id, case_id, reason)
        return await self._stop_all(col(Letter.action_id) == action_id, reason)

    async def cancel_target(self, case_id: UUID, target_id: UUID, reason: str) -> int:
        """As `cancel_case`, for the letters of one case to one target."""
        await self._remember(named_by(case_id, target_id), case_id, reason)
        mine = and_(col(Letter.case_id) == case_id, col(Letter.target_id) == target_id)
        return await self._stop_all(mine, reason)

    async def cancel_mail_about(self, action_id: UUID, case_id: UUID, reason: str) -> int:
        """As `cancel_case`, for mail to the supporter whose action it is."""
        await self._remember(mail_about(action_id), case_id, reason)
        mine = and_(col(Letter.action_id) == action_id, col(Letter.kind).in_(TO_SUPPORTERS))
        return await self._stop_all(mine, reason)

    async def give_up_reader(self, reader_id: UUID, action_id: UUID, reason: str) -> int:
        """As `cancel_reader`, where delivery is who noticed: those who ask for news are told, once."""
        undeliverable = NewsUndeliverableV1(reader_id=reader_id, action_id=action_id, noticed_at=self._clock.now())
        return await self.cancel_reader(reader_id, reason, undeliverable)

    async def cancel_reader(self, reader_id: UUID, reason: str, *to_tell: Event) -> int:
        """As `cancel_case`, for news to one reader, whatever case it is of."""
        await self._remember(reader_id, NEWS_LOCK, reason, *to_tell)
        return await self._stop_all(and_(IS_NEWS, col(Letter.target_id) == reader_id), reason)

    async def cancel_update(self, update_id: UUID, case_id: UUID, reason: str) -> int:
        """As `cancel_case`, for the mails that tell of one update of it."""
        await self._remember(update_id, NEWS_LOCK, reason)
        mine = and_(IS_NEWS, col(Letter.bundle_id) == update_id, col(Letter.case_id) == case_id)
        return await self._stop_all(mine, reason)

    async def _remember(self, subject: UUID, case_id: UUID, reason: str, *to_tell: Event) -> None:
        row = {"subject": subject, "reason": reason, "at": self._clock.now()}
        async with self._database.transaction() as session:
            await lock_cases(session, [case_id])
            await session.exec(insert_once(session.get_bind().dialect.name, Cancellation, [row]))
            await self._outbox.add(session, *to_tell)

    async def _stop_all(self, whose: ColumnElement[bool], reason: str) -> int:
        """Going on from the last id is enough: once cancelled, no letter of these begins to wait again."""

        async def stop(session: AsyncSession, last_id: UUID) -> Sequence[HeldLetter]:
            return await stop_some(session, self._outbox, whose, last_id, reason, self._clock)

        return await in_chunks(self._database, stop)


async def stop_some(
    session: AsyncSession, outbox: Outbox, whose: ColumnElement[bool], last_id: UUID, reason: str, clock: Clock
) -> list[HeldLetter]:
    """Stop the next chunk of letters after `last_id`, and return them. Those in the air are marked."""
    letters = await hold_after(session, last_id, whose, IS_LIVE, col(Letter.stop_reason).is_(None))
    waiting = [letter for letter in letters if letter.state in CANCELLABLE]
    await stop_letters(session, outbox, waiting, reason, clock)
    in_the_air = [letter.id for letter in letters if letter.state is LetterState.SENDING]
    await session.exec(_mark(in_the_air, reason))
    return letters


async def stop_letters(
    session: AsyncSession, outbox: Outbox, letters: Sequence[HeldLetter], reason: str, clock: Clock
) -> None:
    """Cancel letters that wait. They must be held."""
    verdicts = [Verdict(stopped(letter, reason), CANCELLED, letter.fence) for letter in letters]
    await write_verdicts(session, outbox, verdicts, clock.now())


def _mark(letter_ids: Sequence[UUID], reason: str) -> Update:
    """A letter in the air finishes; the mark keeps it from being put back afterwards."""
    statement = update(Letter).where(col(Letter.id).in_(letter_ids)).values(stop_reason=reason)
    return statement.execution_options(synchronize_session=False)


async def _lock(session: AsyncSession, lock: Callable[[int], Any], case_ids: Iterable[UUID]) -> None:
    if session.get_bind().dialect.name != "postgresql":
        return
    for case_id in sorted(set(case_ids)):
        key = int.from_bytes(case_id.bytes[:8], signed=True)
        await session.exec(select(lock(key)))
