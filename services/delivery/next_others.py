"""Finds what goes next that is no letter: mail to supporters, digests and posts; and, of a lane of its own, news.

There is one line for each lane and destination, so lines are few, and what waits behind them is never looked at: a
million to a provider that wants no more cost a claim nothing, and hold nobody else up.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.choosing import share_out
from services.delivery.destinations import DestinationState
from services.delivery.due_letters import DueLetters
from services.delivery.grant_book import STATE_OF_DESTINATION
from services.delivery.kinds import Lane
from services.delivery.open_lines import due_in, of_open_shared_lines, open_shared_lines
from services.delivery.pauses import Paused
from services.delivery.tables import IS_QUEUED_NEWS, IS_QUEUED_NO_LETTER, Cancellation, Letter, Line
from services.delivery.traffic import Traffic
from shared.messages.cases import Channel

LINES_LOOKED_INTO_MAX, LINES_LOOKED_AT_MAX = 512, 128
ROUNDS_MAX = 3
NEWS_LOOKED_AT_MAX = 500
PAUSED_NEWS_WAITS = timedelta(minutes=5)

_LINES = Line.__table__  # type: ignore[attr-defined]
_LETTERS = Letter.__table__  # type: ignore[attr-defined]
_OPEN = (
    open_shared_lines(_LINES.c.id, _LINES.c.destination, _LINES.c.served_at, *STATE_OF_DESTINATION)
    .where(_LINES.c.lane == bindparam("lane", type_=_LINES.c.lane.type))
    .order_by(_LINES.c.served_at, _LINES.c.id)
    .limit(LINES_LOOKED_INTO_MAX)
    .subquery("open")
)
# Those that have nothing due do not count: they were mostly served last, so they mostly come last.
_WAITING = (
    select(*(column for column in _OPEN.c if column is not _OPEN.c.served_at))
    .where(due_in(_OPEN.c.id).limit(1).scalar_subquery().is_not(None))
    .order_by(_OPEN.c.served_at, _OPEN.c.id)
    .limit(LINES_LOOKED_AT_MAX)
)
_IS_CANCELLED = select(col(Cancellation.reason)).where(col(Cancellation.subject) == _LETTERS.c.case_id).exists()
_DUE = DueLetters(IS_QUEUED_NO_LETTER, ~_IS_CANCELLED)
# It is only whose turn it is: no claim waits for a line that somebody wakes at this moment.
_FREE_LINES = (
    select(_LINES.c.id)
    .where(_LINES.c.id.in_(bindparam("lines", expanding=True)))
    .with_for_update(skip_locked=True)
    .correlate(None)
)
_SERVED = update(_LINES).where(_LINES.c.id.in_(_FREE_LINES)).values(served_at=bindparam("now"))
_OF_PAUSED_CASES = select(_LETTERS.c.id).where(
    _LETTERS.c.id.in_(bindparam("letters", expanding=True)), _LETTERS.c.case_id.in_(bindparam("cases", expanding=True))
)
# As in a claim, what somebody else holds is left to them.
_FREE_NEWS = (
    select(_LETTERS.c.id)
    .where(_LETTERS.c.id.in_(bindparam("letters", expanding=True)), IS_QUEUED_NEWS)
    .with_for_update(skip_locked=True)
    .correlate(None)
)
_PUT_OFF = update(_LETTERS).where(_LETTERS.c.id.in_(_FREE_NEWS)).values(next_at=bindparam("later"))


async def find_others(
    session: AsyncSession, lane: Lane, paused: Paused, traffic: Traffic, now: datetime, count_max: int
) -> list[UUID]:
    """Up to `count_max` of a lane that may go now, destinations in turn, and what is taken noted in `traffic`.

    A paused case and a paused channel `email` hold up news, and of these no other: somebody waits for those."""
    if count_max <= 0 or (lane is Lane.NEWS and Channel.EMAIL in paused.channels):
        return []
    connection = await session.connection()
    rows = (await connection.execute(_WAITING, of_open_shared_lines(paused, now) | {"lane": lane})).all()
    if not rows:
        return []
    lines: dict[UUID, str] = {row[0]: row[1] for row in rows}
    states = traffic.known({row[1]: DestinationState(*row[2:]) for row in map(tuple, rows)})
    rooms = traffic.allowed(states, traffic.mine_max(states), now)
    found = await _take_turns(session, lane, lines, rooms, paused, now, count_max)
    traffic.take(states, Counter(lines[line_id] for line_id in found.values()), now)
    if found:
        await connection.execute(_SERVED, {"lines": sorted(set(found.values())), "now": now})
    return list(found)


async def _take_turns(
    session: AsyncSession,
    lane: Lane,
    lines: Mapping[UUID, str],
    rooms: Mapping[str, int],
    paused: Paused,
    now: datetime,
    count_max: int,
) -> dict[UUID, UUID]:
    """What goes, with its line. What one line has no use for goes to the others, in a few rounds."""
    most: dict[UUID, int] = {}
    wanted = share_out(lines, rooms, most, count_max)
    found: dict[UUID, UUID] = {}
    for _ in range(ROUNDS_MAX):
        found = await _find_due(session, lane, wanted, paused, now)
        got = Counter(found.values())
        most |= {line_id: got[line_id] for line_id, count in wanted.items() if got[line_id] < count}
        wanted = share_out(lines, rooms, most, count_max)
        if wanted == got:
            break
    return found


async def _find_due(
    session: AsyncSession, lane: Lane, wanted: Mapping[UUID, int], paused: Paused, now: datetime
) -> dict[UUID, UUID]:
    if lane is Lane.NEWS and paused.cases and wanted:
        return await _find_news(session, wanted, paused, now)
    return dict(await _DUE.find(session, wanted, now))


async def _find_news(
    session: AsyncSession, wanted: Mapping[UUID, int], paused: Paused, now: datetime
) -> dict[UUID, UUID]:
    """News of a case that is paused is put off and looked at again later: else every claim would go through it all."""
    share = NEWS_LOOKED_AT_MAX // len(wanted)
    found = dict(await _DUE.find(session, {line_id: max(count, share) for line_id, count in wanted.items()}, now))
    connection = await session.connection()
    values = {"letters": sorted(found), "cases": sorted(paused.cases)}
    held = set((await connection.execute(_OF_PAUSED_CASES, values)).scalars())
    if held:
        await connection.execute(_PUT_OFF, {"letters": sorted(held), "later": now + PAUSED_NEWS_WAITS})
    taken: dict[UUID, UUID] = {}
    got = Counter[UUID]()
    for letter_id, line_id in found.items():
        if letter_id not in held and got[line_id] < wanted[line_id]:
            taken[letter_id] = line_id
            got[line_id] += 1
    return taken
