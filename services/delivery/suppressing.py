"""Addresses of targets that nothing is sent to: those a mail server said are dead, and those staff name.

An address is written down first, under a lock that planning shares: what was planned before it is found below, what is
planned after it sees the address. A letter in the air flies on; where it comes back to wait, it is turned away when it
is claimed next. What waits goes to its target's next address, where there is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.chunks import hold_after, in_chunks
from services.delivery.destinations import destination_of
from services.delivery.errors import not_suppressed
from services.delivery.holding import Verdict, write_verdicts
from services.delivery.outcomes import Decision
from services.delivery.reports import HeldLetter
from services.delivery.states import LetterState
from services.delivery.suppression_list import lasts, lock_suppressions, normal
from services.delivery.tables import IS_QUEUED_LETTER, Letter, Line, Suppression
from services.delivery.target_addresses import find_active, move_letters
from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database
from shared.messages.delivery import FailureReason
from shared.outbox import Outbox

SHOWN_MAX = 500
DEAD_FOR = timedelta(days=90)
SUPPRESSED = Decision(LetterState.SUPPRESSED, counts=False, failure=FailureReason.NO_ADDRESS)


@dataclass(frozen=True)
class Suppressed:
    address: str
    reason: str
    who: str
    created_at: datetime
    expires_at: datetime | None


class Suppressions:
    def __init__(self, database: Database, outbox: Outbox, clock: Clock, audit: Auditor) -> None:
        self._database, self._outbox, self._clock, self._audit = database, outbox, clock, audit

    async def list(self) -> Sequence[Suppressed]:
        """Those that hold, the newest first, up to `SHOWN_MAX`."""
        statement = (
            select(Suppression)
            .where(lasts(self._clock.now()))
            .order_by(col(Suppression.created_at).desc())
            .limit(SHOWN_MAX)
        )
        async with self._database.transaction() as session:
            rows = await session.exec(statement)
            return [Suppressed(row.address, row.reason, row.who, row.created_at, row.expires_at) for row in rows]

    async def suppress(self, address: str, by: By, how_long: timedelta | None) -> int:
        """Send nothing more to it. Returns how many queued letters that stops or moves; again: what came since."""
        now, written = self._clock.now(), normal(address)
        async with self._database.transaction() as session:
            await lock_suppressions(session)
            row = await session.get(Suppression, written) or Suppression(
                address=written, reason=by.why, who=by.who, created_at=now
            )
            row.reason, row.who, row.expires_at = by.why, by.who, now + how_long if how_long else None
            session.add(row)
            await self._audit.note(session, by, "address_suppressed", address=written)
        return await self._stop_all(written)

    async def lift(self, address: str, by: By) -> None:
        """Let letters go to it again; those that were stopped are sent by sending them again. Raises 404."""
        written = normal(address)
        async with self._database.transaction() as session:
            if await session.get(Suppression, written) is None:
                raise not_suppressed()
            await session.exec(delete(Suppression).where(col(Suppression.address) == written))
            await self._audit.note(session, by, "address_released", address=written)

    async def _stop_all(self, address: str) -> int:
        lines = select(Line.id).where(Line.destination == destination_of(address))
        mine = (IS_QUEUED_LETTER, col(Letter.line_id).in_(lines), func.lower(col(Letter.to_address)) == address)

        async def stop(session: AsyncSession, last_id: UUID) -> Sequence[HeldLetter]:
            found = await hold_after(session, last_id, *mine)
            await turn_away(session, self._outbox, found, self._clock.now())
            return found

        return await in_chunks(self._database, stop)


async def turn_away(session: AsyncSession, outbox: Outbox, letters: Sequence[HeldLetter], now: datetime) -> None:
    """Letters that wait, or were just taken to go, to an address that is suppressed: to their target's next one, or
    to their end."""
    active = await find_active(session, {letter.target_id for letter in letters}, now)
    moves = {letter.id: active[letter.target_id][0] for letter in letters if active.get(letter.target_id)}
    verdicts = [Verdict(letter, SUPPRESSED, letter.fence) for letter in letters if letter.id not in moves]
    back = Decision(LetterState.QUEUED, next_at=now, counts=False)
    is_back = [letter for letter in letters if letter.id in moves and letter.state is not LetterState.QUEUED]
    await write_verdicts(session, outbox, verdicts + [Verdict(letter, back, letter.fence) for letter in is_back], now)
    await move_letters(session, moves, now)
