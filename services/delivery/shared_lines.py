"""Keeps the lines of what is no letter in order, beside claims, which look only at lines that are marked as due.

There are as many of these as supporters have mail providers and domains, and most have nothing to send: they are to
rest until something is due, or a claim would look at all of them every time.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Integer, bindparam, func, select, text, update
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.destinations import destination_of
from services.delivery.kinds import Lane, lane_of
from services.delivery.lines import make_lines
from services.delivery.planning import NO_TARGET, shared_line_of
from services.delivery.tables import IS_QUEUED_NO_LETTER, Letter, Line

LINES_MAX = 1_000
RESTS_MAX = timedelta(minutes=10)

_LINES = Line.__table__  # type: ignore[attr-defined]
_LETTERS = Letter.__table__  # type: ignore[attr-defined]
_NOW = bindparam("now", type_=_LINES.c.due_at.type)
_FIRST_AT = (
    select(_LETTERS.c.next_at)
    .where(IS_QUEUED_NO_LETTER, _LETTERS.c.line_id == _LINES.c.id)
    .order_by(_LETTERS.c.next_at)
    .limit(1)
    .correlate(_LINES)
    .scalar_subquery()
)
_WITHOUT_LINE = (
    select(_LETTERS.c.id, _LETTERS.c.kind, _LETTERS.c.to_address, _LETTERS.c.next_at)
    .where(IS_QUEUED_NO_LETTER, _LETTERS.c.line_id.is_(None))
    .limit(bindparam("most", type_=Integer()))
    .with_for_update(skip_locked=True)
)
_STAND = update(_LETTERS).where(_LETTERS.c.id == bindparam("letter")).values(line_id=bindparam("line"))
_IDLE = (
    select(_LINES.c.id, func.coalesce(_FIRST_AT, bindparam("latest", type_=_LINES.c.due_at.type)).label("due_at"))
    .where(_LINES.c.lane != Lane.LETTERS, _LINES.c.due_at <= _NOW)
    .where(func.coalesce(_FIRST_AT > _NOW, True))
    .limit(LINES_MAX)
    .with_for_update(skip_locked=True, of=_LINES)
)
_REST = update(_LINES).where(_LINES.c.id == bindparam("line")).values(due_at=bindparam("at"))
# Whoever holds one is about to wake it.
_MISSED = (
    select(_LINES.c.id)
    .where(_LINES.c.id.in_(bindparam("lines", expanding=True)), _LINES.c.due_at > _NOW, _FIRST_AT <= _NOW)
    .with_for_update(skip_locked=True, of=_LINES)
    .correlate(None)
)
_WAKE = update(_LINES).where(_LINES.c.id.in_(_MISSED)).values(due_at=_NOW)
# As in a claim: where a table has just filled up, the planner would read all of it instead of following the index.
_BY_INDEX = text("SELECT set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true)")


async def line_up(session: AsyncSession, count_max: int) -> int:
    """Put up to `count_max` in line that stand in none: a version before these lines has planned them, and may still
    be planning. Returns how many."""
    await _follow_indexes(session)
    connection = await session.connection()
    lines, rows = dict[UUID, dict[str, object]](), []
    for letter_id, kind, address, next_at in await connection.execute(_WITHOUT_LINE, {"most": count_max}):
        line_id = shared_line_of(kind, address)
        of = {"lane": lane_of(kind), "destination": destination_of(address), "partner": None, "closes_at": None}
        nobody = {"case_id": NO_TARGET, "target_id": NO_TARGET}
        line = lines.setdefault(line_id, {"id": line_id, "due_at": next_at, "served_at": next_at, **of, **nobody})
        line["due_at"] = min(line["due_at"], next_at)
        rows.append({"letter": letter_id, "line": line_id})
    if rows:
        await make_lines(session, lines.values())
        await connection.execute(_STAND, rows)
    return len(rows)


async def rest_idle(session: AsyncSession, now: datetime) -> list[UUID]:
    """Let up to `LINES_MAX` lines rest that are marked as due and have nothing due. Returns which.

    Something may be planned for one at this very moment, unseen: `wake_missed` is to look at them once more."""
    await _follow_indexes(session)
    connection = await session.connection()
    idle = (await connection.execute(_IDLE, {"now": now, "latest": now + RESTS_MAX})).all()
    if idle:
        await connection.execute(_REST, [{"line": line_id, "at": at} for line_id, at in sorted(idle)])
    return [line_id for line_id, _ in idle]


async def wake_missed(session: AsyncSession, lines: Collection[UUID], now: datetime) -> None:
    """Wake those of these lines that rest though something of them is due."""
    if lines:
        await _follow_indexes(session)
        await (await session.connection()).execute(_WAKE, {"lines": sorted(lines), "now": now})


async def _follow_indexes(session: AsyncSession) -> None:
    if session.get_bind().dialect.name == "postgresql":
        await (await session.connection()).execute(_BY_INDEX)
