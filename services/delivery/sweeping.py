"""Sees to letters that nobody holds: lapsed leases, uncertain ones whose time has come, the expired, and what is no
letter and stands in no line yet. And lets lines rest that have nothing to send.

Every sender sweeps; rows that another one has locked are passed over.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, or_
from sqlalchemy.orm import Mapped
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.channels import Outcome, Phase
from services.delivery.holding import Condition, Verdict, hold_letters, write_verdicts
from services.delivery.kinds import LetterKind
from services.delivery.outcomes import Decision, SendPolicy, decide_lapse, decide_uncertain
from services.delivery.reports import HeldLetter
from services.delivery.shared_lines import LINES_MAX, line_up, rest_idle, wake_missed
from services.delivery.states import LetterState
from services.delivery.tables import IS_QUEUED, IS_SENDING, IS_UNCERTAIN, Attempt, Letter, TargetPolicy
from services.delivery.telling_time import tell_time
from shared.clock import Clock
from shared.db import Database
from shared.messages.delivery import FailureReason
from shared.outbox import Outbox

CHUNK_LETTERS_MAX = 200
CHUNKS_MAX = 50

_ATTEMPTS = Attempt.__table__  # type: ignore[attr-defined]

EXPIRED = Decision(LetterState.FAILED, counts=False, failure=FailureReason.EXPIRED)


class Sweep:
    def __init__(self, database: Database, outbox: Outbox, clock: Clock, policy: SendPolicy) -> None:
        self._database, self._outbox, self._clock, self._policy = database, outbox, clock, policy
        self._rested: list[UUID] = []

    async def sweep(self) -> int:
        """One round over all, a bounded number of chunks each. Returns how many letters were seen to."""
        count = 0
        for step in (self._release_lapsed, self._resolve_uncertain, self._expire_queued, self._line_up):
            for _ in range(CHUNKS_MAX):
                found = await step()
                count += found
                if found < CHUNK_LETTERS_MAX:
                    break
        await self._rest_lines()
        return count

    async def _release_lapsed(self) -> int:
        """Its sender is gone. The raised fence shuts the door on a result that comes after all."""
        async with self._database.transaction() as session:
            now = await tell_time(session, self._clock)
            letters = await _hold(session, IS_SENDING, col(Letter.lease_until) < now, by=col(Letter.lease_until))
            if letters:
                lost = [_lost_attempt(letter, now) for letter in letters]
                await (await session.connection()).execute(insert(_ATTEMPTS), lost)
            verdicts = [
                Verdict(letter, decide_lapse(letter.standing, now, self._policy), letter.fence + 1)
                for letter in letters
            ]
            await write_verdicts(session, self._outbox, verdicts, now)
        return len(letters)

    async def _resolve_uncertain(self) -> int:
        async with self._database.transaction() as session:
            now = await tell_time(session, self._clock)
            # Letters in a digest share the fate of its mail.
            alone = or_(col(Letter.bundle_id).is_(None), col(Letter.kind) != LetterKind.LETTER)
            letters = await _hold(session, IS_UNCERTAIN, alone, col(Letter.next_at) <= now, by=col(Letter.next_at))
            verdicts = [
                Verdict(letter, decide_uncertain(letter.standing, now, self._policy), letter.fence)
                for letter in letters
            ]
            await write_verdicts(session, self._outbox, verdicts, now)
        return len(letters)

    async def _expire_queued(self) -> int:
        async with self._database.transaction() as session:
            now = await tell_time(session, self._clock)
            # Who wants bundles has them made at least once a week, and letters wait for that.
            bundled = select(TargetPolicy.target_id).where(col(TargetPolicy.is_bundled))
            own = col(Letter.target_id).not_in(bundled)
            letters = await _hold(session, IS_QUEUED, own, col(Letter.expires_at) <= now, by=col(Letter.expires_at))
            verdicts = [Verdict(letter, EXPIRED, letter.fence) for letter in letters]
            await write_verdicts(session, self._outbox, verdicts, now)
        return len(letters)

    async def _line_up(self) -> int:
        """What a version before these lines has planned, or is planning beside us, is found by no claim till then."""
        async with self._database.transaction() as session:
            return await line_up(session, CHUNK_LETTERS_MAX)

    async def _rest_lines(self) -> None:
        """Those that were laid to rest in the round before are looked at once more: what was being planned then is
        there by now."""
        missed, self._rested = self._rested, []
        for _ in range(CHUNKS_MAX):
            async with self._database.transaction() as session:
                now = await tell_time(session, self._clock)
                await wake_missed(session, missed, now)
                rested = await rest_idle(session, now)
            self._rested += rested
            missed = []
            if len(rested) < LINES_MAX:
                break


async def _hold(session: AsyncSession, *where: Condition, by: Mapped[Any]) -> list[HeldLetter]:
    return await hold_letters(session, *where, order_by=by, limit=CHUNK_LETTERS_MAX, skip_locked=True)


def _lost_attempt(letter: HeldLetter, now: datetime) -> dict[str, object]:
    return {
        "letter_id": letter.id,
        "number": letter.fence,
        "phase": Phase.LEASE,
        "text": "The sender that held this letter was lost. It may have gone out.",
        "started_at": letter.lease_until or now,
        "ended_at": now,
        "outcome": Outcome.UNCERTAIN,
    }
