"""The operator's desk: look at letters, send one again, stop one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import Uuid, func, literal, tuple_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from services.delivery.cancelling import stop_letters
from services.delivery.errors import cannot_cancel, no_such_letter, not_uncertain
from services.delivery.foreseeing import foresee
from services.delivery.holding import Verdict, hold_by_id, write_verdicts
from services.delivery.kinds import LetterKind
from services.delivery.outcomes import Decision
from services.delivery.reports import HeldLetter
from services.delivery.retrying import send_again
from services.delivery.states import CANCELLABLE, LIVE, LetterState
from services.delivery.tables import Attempt, Letter
from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database, UtcDateTime
from shared.outbox import Outbox
from shared.wake import Wake

PAGE_LETTERS_MAX = 200
ATTEMPTS_SHOWN_MAX = 200
COUNTED_MAX = 10_000
COUNTED_LIVE_MAX = 1_000_000
BY_OPERATOR = "stopped by an operator"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Place:
    """Where a page of the list ends and the next one begins."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True)
class LetterPage:
    letters: Sequence[Letter]
    next: Place | None


class Desk:
    def __init__(self, database: Database, outbox: Outbox, clock: Clock, audit: Auditor, sender_wake: Wake) -> None:
        self._database, self._outbox, self._clock = database, outbox, clock
        self._audit, self._wake = audit, sender_wake

    async def list_letters(
        self, state: LetterState | None, after: Place | None, limit: int, kind: LetterKind = LetterKind.LETTER
    ) -> LetterPage:
        """The newest of this kind first."""
        statement = select(Letter).order_by(col(Letter.created_at).desc(), col(Letter.id).desc())
        statement = statement.where(col(Letter.kind) == kind)
        if state:
            statement = statement.where(col(Letter.state) == state)
        if after:
            place = tuple_(col(Letter.created_at), col(Letter.id))
            last = tuple_(literal(after.created_at, UtcDateTime()), literal(after.id, Uuid()))
            statement = statement.where(place < last)
        async with self._database.transaction() as session:
            letters = (await session.exec(statement.limit(limit + 1))).all()
        more = len(letters) > limit
        shown = letters[:limit]
        return LetterPage(shown, Place(shown[-1].created_at, shown[-1].id) if more else None)

    async def count_by_state(
        self, states: Sequence[LetterState] = tuple(LetterState), kind: LetterKind = LetterKind.LETTER
    ) -> dict[LetterState, int]:
        """No state is counted further than its bound: a look at the desk must not cost a walk over millions of rows."""
        async with self._database.transaction() as session:
            return {state: (await session.exec(_count(state, kind))).one() for state in states}

    async def read_letter(self, letter_id: UUID) -> tuple[Letter, Sequence[Attempt], str]:
        """A letter, its latest attempts, the oldest of them first, and in words what happens next. Raises 404."""
        attempts = (
            select(Attempt)
            .where(col(Attempt.letter_id) == letter_id)
            .order_by(col(Attempt.number).desc())
            .limit(ATTEMPTS_SHOWN_MAX)
        )
        async with self._database.transaction() as session:
            letter = await session.get(Letter, letter_id)
            if letter is None:
                raise no_such_letter()
            what_next = await foresee(session, letter, self._clock.now())
            return letter, (await session.exec(attempts)).all()[::-1], what_next

    async def retry_letter(self, letter_id: UUID, by: By) -> None:
        """Send it now, with at least a day's time to arrive. Raises 404, or 409 with the reason."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            letter = await _hold_one(session, letter_id)
            refused = await send_again(session, self._outbox, self._wake, {letter_id: (letter, now)}, now)
            if letter_id in refused:
                raise refused[letter_id]
            await self._audit.note(session, by, "letter_again", letter=str(letter_id))
        log.info("letter", action="retry", letter=str(letter_id), next="queued now")

    async def mark_sent(self, letter_id: UUID, by: By) -> None:
        """An uncertain letter did arrive: its target said so. Raises 404, or 409 for one that is not uncertain."""
        async with self._database.transaction() as session:
            letter = await _hold_one(session, letter_id)
            if letter.state is not LetterState.UNCERTAIN:
                raise not_uncertain(letter.state)
            arrived = Decision(LetterState.SENT, counts=False)
            await write_verdicts(session, self._outbox, [Verdict(letter, arrived, letter.fence)], self._clock.now())
            await self._audit.note(session, by, "letter_arrived", letter=str(letter_id))
        log.info("letter", action="mark_sent", letter=str(letter_id), next="told as sent")

    async def cancel_letter(self, letter_id: UUID, by: By) -> None:
        """Stop it for good. Raises 404, or 409 when it is in the air or at its end."""
        async with self._database.transaction() as session:
            letter = await _hold_one(session, letter_id)
            if letter.state not in CANCELLABLE:
                raise cannot_cancel(letter.state)
            await stop_letters(session, self._outbox, [letter], BY_OPERATOR, self._clock)
            await self._audit.note(session, by, "letter_cancelled", letter=str(letter_id))
        log.info("letter", action="cancel", letter=str(letter_id), next="never sent")


async def _hold_one(session: AsyncSession, letter_id: UUID) -> HeldLetter:
    held = await hold_by_id(session, [letter_id])
    if letter_id not in held:
        raise no_such_letter()
    return held[letter_id]


def _count(state: LetterState, kind: LetterKind) -> SelectOfScalar[int]:
    bound = COUNTED_LIVE_MAX if state in LIVE else COUNTED_MAX
    mine = (col(Letter.kind) == kind, col(Letter.state) == state)
    some = select(Letter.id).where(*mine).limit(bound).subquery()
    return select(func.count()).select_from(some)
