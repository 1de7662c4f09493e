"""Counts what could go now, and how long it has waited: due, its target and destination open, nothing of it paused.

When this grows, more senders help. What waits for its time, for a rest to end or for working hours is not in it: there
more senders do nothing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlmodel import col
from sqlmodel import select as select_one
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.destinations import named
from services.delivery.kinds import Lane
from services.delivery.open_lines import due_in, of_open_lines, of_open_shared_lines, open_lines, open_shared_lines
from services.delivery.pauses import read_pauses
from services.delivery.tables import IS_QUEUED_LETTER, DeadLetter, Letter, Line
from shared.messages.cases import Channel

LETTERS_PER_LINE_MAX = 10_000

_LINES = Line.__table__  # type: ignore[attr-defined]
_LETTERS = Letter.__table__  # type: ignore[attr-defined]
_DEAD = select_one(func.count()).select_from(DeadLetter).where(col(DeadLetter.replayed_at).is_(None))
_OPEN = open_lines(_LINES.c.id, _LINES.c.destination)
# They may be thousands: so all are asked at once how much of them is due, and since when.
_DUE = due_in(_LINES.c.id)
_COUNT = select(func.count()).select_from(_DUE.limit(LETTERS_PER_LINE_MAX).subquery()).correlate(_LINES)
_FIRST = _DUE.limit(1).scalar_subquery()
_OPEN_SHARED = open_shared_lines(_LINES.c.lane, _LINES.c.destination, _COUNT.scalar_subquery(), _FIRST)


@dataclass(frozen=True)
class Backlog:
    """What could go now, by destination, and how long that has waited which has waited longest, without news: it is to
    wait for all else. Supporters' mail is named by its provider alone.
    `dead_letters`: messages that no handler could take, not replayed yet."""

    eligible: Mapping[str, int]
    lag: timedelta
    dead_letters: int


async def read_backlog(session: AsyncSession, now: datetime) -> Backlog:
    """No line is counted further than `LETTERS_PER_LINE_MAX`."""
    eligible, oldest = await _count_open(session, now)
    return Backlog(eligible, now - oldest, (await session.exec(_DEAD)).one())


async def _count_open(session: AsyncSession, now: datetime) -> tuple[Mapping[str, int], datetime]:
    paused = await read_pauses(session)
    if paused.everything:
        return {}, now
    connection = await session.connection()
    eligible, oldest = Counter[str](), now
    shared = await connection.execute(_OPEN_SHARED, of_open_shared_lines(paused, now))
    for lane, destination, count, first in shared.all():
        if not count:
            continue
        if lane is not Lane.NEWS:
            oldest = min(oldest, first)
        elif Channel.EMAIL in paused.channels:
            continue
        eligible[named(destination)] += count
    if Channel.EMAIL in paused.channels:
        return eligible, oldest
    lines = await connection.execute(_OPEN, of_open_lines(paused, now))
    for line_id, destination in lines.all():
        count, first = (await connection.execute(_of_line(line_id, now))).one()
        if count:
            eligible[destination] += count
            oldest = min(oldest, first)
    return eligible, oldest


def _of_line(line_id: Any, now: datetime) -> Select[int, Any]:
    due = (IS_QUEUED_LETTER, _LETTERS.c.line_id == line_id, _LETTERS.c.next_at <= now, _LETTERS.c.expires_at > now)
    some = select(_LETTERS.c.next_at).where(*due).order_by(_LETTERS.c.next_at).limit(LETTERS_PER_LINE_MAX).subquery()
    return select(func.count(), func.min(some.c.next_at)).select_from(some)
