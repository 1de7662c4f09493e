"""Takes due letters, keeps their leases alive, and writes down what came of them: the sender's side of the database.

A claim raises the letter's fence, and a result is written only under the fence it was earned with. So a sender that
was taken for dead, and was not, changes nothing any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, bindparam, func, insert, literal, select, text, union_all, update
from sqlalchemy.sql.selectable import CTE
from sqlmodel import col

from services.delivery.channels import Answer
from services.delivery.holding import Verdict, hold_by_id, write_verdicts
from services.delivery.outcomes import SendPolicy, decide
from services.delivery.rendering import Composition
from services.delivery.states import LetterState
from services.delivery.tables import IS_QUEUED_LETTER, IS_QUEUED_OTHER, Attempt, Cancellation, Letter
from shared.clock import Clock
from shared.db import Database
from shared.outbox import Outbox

_LETTERS = Letter.__table__  # type: ignore[attr-defined]
_ATTEMPTS = Attempt.__table__  # type: ignore[attr-defined]
_IN_ORDER_OF_THE_INDEX = text("SET LOCAL enable_sort = off")
_COMPOSITION = [_LETTERS.c[field.name] for field in fields(Composition)]


@dataclass(frozen=True, slots=True)
class ClaimedLetter:
    """A letter in a sender's hands, until its lease ends."""

    composition: Composition
    fence: int
    traceparent: str | None

    @property
    def id(self) -> UUID:
        return self.composition.id


@dataclass(frozen=True, slots=True)
class HandoverResult:
    """What came of one handover, not written down yet."""

    letter: ClaimedLetter
    answer: Answer
    started_at: datetime
    ended_at: datetime


class Claims:
    """One sender's claims. `owner` names the sender among all that run now or ever ran."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        clock: Clock,
        policy: SendPolicy,
        random: Random,
        *,
        owner: str,
        lease: timedelta,
    ) -> None:
        self._database, self._outbox, self._clock = database, outbox, clock
        self._policy, self._random = policy, random
        self._owner, self._lease = owner, lease

    async def claim(self, count_max: int, confirmations_max: int = 0) -> list[ClaimedLetter]:
        """Take up to `count_max` due letters, those that waited longest first. No two senders get the same one.

        Confirmations, up to their own bound, come before letters."""
        now = self._clock.now()
        confirmations = _due("confirmations", IS_QUEUED_OTHER, now, literal(min(count_max, confirmations_max)))
        taken = select(func.count()).select_from(confirmations).scalar_subquery()
        letters = _due("letters", IS_QUEUED_LETTER, now, literal(count_max) - taken)
        due = union_all(select(confirmations.c.id), select(letters.c.id))
        statement = (
            update(_LETTERS)
            .where(_LETTERS.c.id.in_(due))
            .values(
                state=LetterState.SENDING,
                lease_owner=self._owner,
                lease_until=now + self._lease,
                fence=_LETTERS.c.fence + 1,
            )
            .returning(*_COMPOSITION, _LETTERS.c.fence, _LETTERS.c.traceparent)
        )
        async with self._database.transaction() as session:
            connection = await session.connection()
            if self._database.is_postgresql:
                # A table that has just filled up has no statistics yet, and the planner thinks it small: it would
                # fetch and sort all that waits for every claim.
                await connection.execute(_IN_ORDER_OF_THE_INDEX)
            rows = (await connection.execute(statement)).all()
        return [ClaimedLetter(Composition(*row[:-2]), row[-2], row[-1]) for row in rows]

    async def renew(self, letters: Sequence[ClaimedLetter]) -> None:
        """Say that we are still at it."""
        if not letters:
            return
        statement = (
            update(_LETTERS)
            .where(_LETTERS.c.id == bindparam("letter_id"), _LETTERS.c.fence == bindparam("earned"))
            .where(_LETTERS.c.lease_owner == self._owner)
            .values(lease_until=self._clock.now() + self._lease)
        )
        rows = [{"letter_id": letter.id, "earned": letter.fence} for letter in sorted(letters, key=lambda one: one.id)]
        async with self._database.transaction() as session:
            await (await session.connection()).execute(statement, rows)

    async def record(self, results: Sequence[HandoverResult]) -> Mapping[UUID, Verdict]:
        """Write attempts, new states and events, all or nothing. Returns what was decided, by letter.

        Harmless twice, as after a connection lost at commit: by then the letter is not ours to change, and stays."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            held = await hold_by_id(session, [result.letter.id for result in results])
            verdicts, attempts = [], []
            for result in results:
                letter = held.get(result.letter.id)
                if letter is None or letter.fence != result.letter.fence or letter.state is not LetterState.SENDING:
                    continue
                decision = decide(result.answer, letter.standing, now, self._policy, self._random)
                verdicts.append(Verdict(letter, decision, letter.fence, result.answer.code, result.answer.text))
                attempts.append(_attempt(result))
            if attempts:
                await (await session.connection()).execute(insert(_ATTEMPTS), attempts)
            await write_verdicts(session, self._outbox, verdicts, now)
        return {verdict.letter.id: verdict for verdict in verdicts}


def _due(name: str, which: TextClause, now: datetime, count_max: ColumnElement[int]) -> CTE:
    # A scalar, not EXISTS: as a join, PostgreSQL takes it for so selective that it sorts the whole backlog each time.
    reason = select(col(Cancellation.reason)).where(col(Cancellation.subject) == col(Letter.case_id)).scalar_subquery()
    return (
        select(col(Letter.id))
        .where(which, col(Letter.next_at) <= now, col(Letter.expires_at) > now, reason.is_(None))
        .order_by(col(Letter.next_at))
        .limit(count_max)
        .with_for_update(skip_locked=True, of=Letter)
        .cte(name)
    )


def _attempt(result: HandoverResult) -> dict[str, object]:
    return {
        "letter_id": result.letter.id,
        "number": result.letter.fence,
        "phase": result.answer.phase,
        "code": result.answer.code,
        "text": result.answer.text,
        "started_at": result.started_at,
        "ended_at": result.ended_at,
        "outcome": result.answer.outcome,
    }
