"""Stops the letters of actions that turned out not to count, and lets them go when they count after all.

What staff decided last is kept for each action, also before its letters are planned: events come in any order.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.cancelling import Canceller, find_cancelled, lock_cases
from services.delivery.holding import Verdict, hold_letters, stopped, write_verdicts
from services.delivery.outcomes import RETRY_GRACE, Decision
from services.delivery.reports import HeldLetter
from services.delivery.states import LetterState
from services.delivery.tables import ActionValidity as Row
from services.delivery.tables import Letter
from services.delivery.waking import ring_senders
from shared.clock import Clock
from shared.db import Database
from shared.messages.actions import ActionInvalidatedV1, ActionValidity
from shared.messages.envelope import Envelope
from shared.outbox import Outbox
from shared.wake import Wake

INVALIDATED = "invalidated"
LETTERS_AT_ONCE_MAX = 500
TURNS_MAX = 1_000


class Validity:
    """Heeds what staff decided of actions."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock, canceller: Canceller, wake: Wake) -> None:
        self._database, self._outbox, self._clock = database, outbox, clock
        self._canceller, self._wake = canceller, wake

    async def heed(self, events: Sequence[Envelope[ActionValidity]]) -> None:
        """Harmless twice and in any order: the latest decision on each action is kept, and then carried out again."""
        decided = await self._keep([event.data for event in events])
        stop = [action_id for action_id, is_valid in decided.items() if not is_valid]
        if stop:
            await self._canceller.stop_actions(stop, INVALIDATED)
        await self._let_go([action_id for action_id, is_valid in decided.items() if is_valid])

    async def _keep(self, decisions: Sequence[ActionValidity]) -> dict[UUID, bool]:
        """What is decided by now of these actions, under the lock that planning shares, so that none slips between."""
        latest = {decision.action_id: decision for decision in sorted(decisions, key=lambda one: one.number)}
        rows = [_row(latest[action_id]) for action_id in sorted(latest)]
        async with self._database.transaction() as session:
            await lock_cases(session, [decision.case_id for decision in latest.values()])
            await _upsert(session, rows)
            statement = select(Row.action_id, Row.is_valid).where(col(Row.action_id).in_(latest))
            return dict((await session.exec(statement)).all())

    async def _let_go(self, action_ids: Sequence[UUID]) -> None:
        """Queue again what was stopped for this alone, with at least a day to arrive. What is in the air flies on."""
        last_id = UUID(int=0)
        for _ in range(TURNS_MAX if action_ids else 0):
            letters = await self._let_go_some(action_ids, last_id)
            if len(letters) < LETTERS_AT_ONCE_MAX:
                return
            last_id = letters[-1].id

    async def _let_go_some(self, action_ids: Sequence[UUID], last_id: UUID) -> list[HeldLetter]:
        now = self._clock.now()
        mine = (col(Letter.action_id).in_(action_ids), col(Letter.stop_reason) == INVALIDATED, col(Letter.id) > last_id)
        async with self._database.transaction() as session:
            letters = await hold_letters(session, *mine, order_by=col(Letter.id), limit=LETTERS_AT_ONCE_MAX)
            forbidden = await find_cancelled(session, {one for letter in letters for one in _subjects(letter)})
            again = Decision(LetterState.QUEUED, next_at=now, counts=False)
            free = [letter for letter in letters if forbidden.keys().isdisjoint(_subjects(letter))]
            verdicts = [
                Verdict(stopped(letter, None), again, letter.fence)
                for letter in free
                if letter.state is LetterState.CANCELLED
            ]
            await write_verdicts(session, self._outbox, verdicts, now)
            await _unmark(session, free, now + RETRY_GRACE)
            await ring_senders(session, self._wake)
        return letters


async def find_invalid(session: AsyncSession, action_ids: Collection[UUID]) -> set[UUID]:
    """Which of these actions do not count."""
    statement = select(Row.action_id).where(col(Row.action_id).in_(action_ids), col(Row.is_valid).is_(False))
    return set(await session.exec(statement))


def _row(decision: ActionValidity) -> dict[str, Any]:
    is_valid = not isinstance(decision, ActionInvalidatedV1)
    return {"action_id": decision.action_id, "number": decision.number, "is_valid": is_valid}


async def _upsert(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    table = Row.__table__  # type: ignore[attr-defined]
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    insert = dialect.insert(table).values(list(rows))
    changes = {name: insert.excluded[name] for name in ("number", "is_valid")}
    is_later = insert.excluded.number > table.c.number
    await session.exec(insert.on_conflict_do_update(index_elements=["action_id"], set_=changes, where=is_later))


def _subjects(letter: HeldLetter) -> tuple[UUID, UUID]:
    return letter.case_id, letter.action_id


async def _unmark(session: AsyncSession, letters: Sequence[HeldLetter], expires_at: Any) -> None:
    table = Letter.__table__  # type: ignore[attr-defined]
    statement = (
        update(table)
        .where(table.c.id == bindparam("held_id"))
        .values(stop_reason=None, expires_at=bindparam("until"), unknowns=0)
    )
    rows = [{"held_id": letter.id, "until": max(letter.expires_at, expires_at)} for letter in letters]
    if rows:
        await (await session.connection()).execute(statement, rows)
