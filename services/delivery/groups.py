"""Acts on many letters at once: send again or stop all of one state, of one case, target or destination.

A group is worked through in turns, each a short transaction, from the oldest letter on; whoever asks goes on where the
turn before ended, and may stop at any time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Uuid, func, literal, tuple_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.cancelling import stop_letters
from services.delivery.desk import BY_OPERATOR, Place
from services.delivery.holding import hold_by_id
from services.delivery.kinds import LetterKind
from services.delivery.retrying import send_again
from services.delivery.states import CANCELLABLE, LetterState
from services.delivery.tables import Letter, Line
from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database, UtcDateTime
from shared.outbox import Outbox
from shared.wake import Wake

TURN_LETTERS_MAX = 500
COUNTED_MAX = 1_000_000

log = structlog.get_logger(__name__)


class GroupAct(StrEnum):
    AGAIN = "again"
    CANCEL = "cancel"


@dataclass(frozen=True)
class Group:
    """Letters of one state; with a case, target or destination only those of it."""

    state: LetterState
    case_id: UUID | None = None
    target_id: UUID | None = None
    destination: str | None = None


@dataclass(frozen=True)
class Turn:
    """What a turn did. `next`: where the next one goes on; none: that was all. `last_at`: when the last one goes."""

    done: int
    left: int
    next: Place | None
    last_at: datetime


class Groups:
    def __init__(self, database: Database, outbox: Outbox, clock: Clock, audit: Auditor, sender_wake: Wake) -> None:
        self._database, self._outbox, self._clock = database, outbox, clock
        self._audit, self._wake = audit, sender_wake

    async def count(self, group: Group) -> int:
        """How many there are, counted up to `COUNTED_MAX`."""
        some = select(Letter.id).where(*_of(group)).limit(COUNTED_MAX).subquery()
        async with self._database.transaction() as session:
            return (await session.exec(select(func.count()).select_from(some))).one()

    async def act(
        self,
        group: Group,
        act: GroupAct,
        by: By,
        *,
        after: Place | None = None,
        begin_at: datetime | None = None,
        per_minute: int | None = None,
    ) -> Turn:
        """One turn of up to `TURN_LETTERS_MAX` letters. Sent again, they go one after the other, `per_minute` of them
        from `begin_at` on; without a rate all at once."""
        now = self._clock.now()
        at, step = max(now, begin_at or now), timedelta(minutes=1) / per_minute if per_minute else timedelta(0)
        async with self._database.transaction() as session:
            if after is None:
                details = {name: str(value) for name, value in vars(group).items() if value is not None}
                await self._audit.note(session, by, f"group_{act}", **details, per_minute=per_minute)
            places = await _next_places(session, group, after)
            held = await hold_by_id(session, [place.id for place in places])
            # In the order of the list, and only what is still as it was when it was found.
            letters = [held[place.id] for place in places if held[place.id].state is group.state]
            if act is GroupAct.AGAIN:
                times = {letter.id: (letter, at + step * (index + 1)) for index, letter in enumerate(letters)}
                done = len(letters) - len(await send_again(session, self._outbox, self._wake, times, now))
                at += step * len(letters)
            else:
                free = [letter for letter in letters if letter.state in CANCELLABLE]
                await stop_letters(session, self._outbox, free, BY_OPERATOR, self._clock)
                done = len(free)
        log.info("group", action=act, state=group.state, letters=done, left=len(places) - done)
        following = places[-1] if len(places) == TURN_LETTERS_MAX else None
        return Turn(done, len(places) - done, following, at)


async def _next_places(session: AsyncSession, group: Group, after: Place | None) -> list[Place]:
    statement = select(Letter.created_at, Letter.id).where(*_of(group)).order_by(col(Letter.created_at), col(Letter.id))
    if after:
        last = tuple_(literal(after.created_at, UtcDateTime()), literal(after.id, Uuid()))
        statement = statement.where(tuple_(col(Letter.created_at), col(Letter.id)) > last)
    rows = (await session.exec(statement.limit(TURN_LETTERS_MAX))).all()
    return [Place(created_at, letter_id) for created_at, letter_id in rows]


def _of(group: Group) -> list[ColumnElement[bool]]:
    where: list[Any] = [col(Letter.state) == group.state, col(Letter.kind) == LetterKind.LETTER]
    if group.case_id:
        where.append(col(Letter.case_id) == group.case_id)
    if group.target_id:
        where.append(col(Letter.target_id) == group.target_id)
    if group.destination is not None:
        where.append(col(Letter.line_id).in_(select(Line.id).where(col(Line.destination) == group.destination)))
    return where
