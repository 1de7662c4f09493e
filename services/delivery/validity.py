"""Stops the letters of actions that turned out not to count, and lets them go when they count after all.

What staff decided last is kept for each action, also before its letters are planned: events come in any order. It is
carried out under a lock on the case that keeping a decision needs for itself: so what a worker carries out is what
holds then, and not what it was told, and a later decision finds everything that was done before it.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.cancelling import (
    NEWS_LOCK,
    find_cancelled,
    lock_cases,
    share_cases,
    stop_some,
    subjects_of,
)
from services.delivery.chunks import hold_after, in_chunks
from services.delivery.holding import Verdict, stopped, write_verdicts
from services.delivery.outcomes import RETRY_GRACE, Decision
from services.delivery.reports import HeldLetter, more_time
from services.delivery.states import LIVE, LetterState
from services.delivery.tables import Letter
from services.delivery.told_tables import ActionValidity as Row
from services.delivery.waking import ring_senders
from shared.clock import Clock
from shared.db import Database, insert_latest
from shared.messages.actions import ActionInvalidatedV1, ActionValidity
from shared.messages.envelope import Envelope
from shared.outbox import Outbox
from shared.wake import Wake

INVALIDATED = "invalidated"
TURNS_MAX = 1_000

Cases = Mapping[UUID, UUID]  # of each action, its case
Turn = Callable[[AsyncSession, Cases, UUID], Awaitable[Sequence[HeldLetter]]]


class Validity:
    """Heeds what staff decided of actions."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock, wake: Wake) -> None:
        self._database, self._outbox, self._clock, self._wake = database, outbox, clock, wake

    async def heed(self, events: Sequence[Envelope[ActionValidity]]) -> None:
        """Harmless twice, in any order, and beside others: what is carried out is the latest decision on each action,
        whoever kept it."""
        by_number = sorted((event.data for event in events), key=lambda decision: decision.number)
        latest = {decision.action_id: decision for decision in by_number}
        await self._keep(latest)
        cases = {action_id: decision.case_id for action_id, decision in latest.items()}
        await self._carry_out(self._stop_some, cases)
        await self._carry_out(self._let_go_some, cases)

    async def _keep(self, latest: Mapping[UUID, ActionValidity]) -> None:
        async with self._database.transaction() as session:
            await lock_cases(session, [decision.case_id for decision in latest.values()])
            await _upsert(session, [_row(latest[action_id]) for action_id in sorted(latest)])

    async def _carry_out(self, turn: Turn, cases: Cases) -> None:
        async def carry_out(session: AsyncSession, last_id: UUID) -> Sequence[HeldLetter]:
            await share_cases(session, (*cases.values(), NEWS_LOCK))
            return await turn(session, cases, last_id)

        await in_chunks(self._database, carry_out, TURNS_MAX)

    async def _stop_some(self, session: AsyncSession, cases: Cases, last_id: UUID) -> Sequence[HeldLetter]:
        whose = col(Letter.action_id).in_(await find_invalid(session, cases.keys()))
        return await stop_some(session, self._outbox, whose, last_id, INVALIDATED, self._clock)

    async def _let_go_some(self, session: AsyncSession, cases: Cases, last_id: UUID) -> Sequence[HeldLetter]:
        """What was stopped for this alone waits again, with at least a day to arrive. What is in the air flies on."""
        valid = cases.keys() - await find_invalid(session, cases.keys())
        mine = (col(Letter.action_id).in_(valid), col(Letter.stop_reason) == INVALIDATED)
        letters = await hold_after(session, last_id, *mine)
        forbidden = await find_cancelled(session, {one for letter in letters for one in subjects_of(letter)})
        free = [letter for letter in letters if forbidden.keys().isdisjoint(subjects_of(letter))]
        waiting = [letter for letter in free if letter.state is LetterState.CANCELLED]
        now = self._clock.now()
        verdicts = [Verdict(stopped(letter, None), _let_go(letter, now), letter.fence) for letter in waiting]
        await write_verdicts(session, self._outbox, verdicts, now)
        await _unmark(session, free, now + RETRY_GRACE)
        await ring_senders(session, self._wake)
        return letters


async def find_invalid(session: AsyncSession, action_ids: Collection[UUID]) -> set[UUID]:
    """Which of these actions do not count."""
    statement = select(Row.action_id).where(col(Row.action_id).in_(action_ids), col(Row.is_valid).is_(False))
    return set(await session.exec(statement))


def _let_go(letter: HeldLetter, now: datetime) -> Decision:
    """One that was ever handed over without an answer may have arrived: whether it goes again is for policy to say."""
    state = LetterState.UNCERTAIN if letter.unknowns else LetterState.QUEUED
    return Decision(state, next_at=now, counts=False)


def _row(decision: ActionValidity) -> dict[str, Any]:
    is_valid = not isinstance(decision, ActionInvalidatedV1)
    return {"action_id": decision.action_id, "number": decision.number, "is_valid": is_valid}


async def _upsert(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    dialect = session.get_bind().dialect.name
    await session.exec(insert_latest(dialect, Row, rows, lambda new, old: new.number > old.number))


async def _unmark(session: AsyncSession, letters: Sequence[HeldLetter], expires_at: datetime) -> None:
    table = Letter.__table__  # type: ignore[attr-defined]
    statement = (
        update(table).where(table.c.id == bindparam("held_id")).values(stop_reason=None, expires_at=bindparam("until"))
    )
    going = {LetterState.CANCELLED, *LIVE}
    rows = [
        {"held_id": letter.id, "until": more_time(letter, expires_at)} for letter in letters if letter.state in going
    ]
    if rows:
        await (await session.connection()).execute(statement, rows)
