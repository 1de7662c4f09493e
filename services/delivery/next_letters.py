"""Finds the letters that go next: looks at lines, which are few, and never at all that waits.

Claims take turns, by one lock for all senders; so what a line, a target or a destination is granted holds for all of
them together, and nobody waits for anybody's letters. A sender that stops in the middle of its turn loses it after
`TURN_SECONDS_MAX`. A claim waits for no letter that somebody else holds, so whoever holds letters may wait for what it
writes: targets, destinations, lines, in this order.
"""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Uuid, bindparam, case, func, select, text, true, update
from sqlalchemy.sql.selectable import Select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.choosing import Airborne, Waiting, choose, rooms_of
from services.delivery.destinations import DestinationState, destination_of, spend
from services.delivery.grant_book import STATE_OF_DESTINATION, write_grants
from services.delivery.granting import TargetState
from services.delivery.open_lines import of_open_lines, open_lines
from services.delivery.pauses import Paused
from services.delivery.tables import (
    IS_QUEUED_LETTER,
    IS_QUEUED_NEWS,
    IS_QUEUED_OTHER,
    IS_SENDING,
    Cancellation,
    Letter,
    Line,
    TargetPolicy,
)
from shared.delivery_policy import DeliveryPolicy
from shared.messages.cases import Channel

LINES_LOOKED_AT_MAX = 64
RESERVED_SHARE = 5  # one in so many of a sender's slots is kept for other destinations
TURN_SECONDS_MAX = 5
WAIT_SECONDS_MAX = 20  # long enough that a frozen sender has lost its turn by then
URGENT = timedelta(days=2)
POLICIES_REMEMBERED_MAX = 2_000
NEWS_LOOKED_AT_MAX = 500
PAUSED_NEWS_WAITS = timedelta(minutes=5)

_LINES = Line.__table__  # type: ignore[attr-defined]
_TARGETS = TargetPolicy.__table__  # type: ignore[attr-defined]
_LETTERS = Letter.__table__  # type: ignore[attr-defined]
_TURN_IN_CASE = func.row_number().over(partition_by=_LINES.c.case_id, order_by=[_LINES.c.served_at, _LINES.c.id])
_AIRBORNE = (
    select(
        _LINES.c.destination, func.count(), func.sum(case((_LETTERS.c.lease_owner == bindparam("owner"), 1), else_=0))
    )
    .join(_LINES, _LINES.c.id == _LETTERS.c.line_id)
    .where(IS_SENDING)
    .group_by(_LINES.c.destination)
)
_WAITING = (
    open_lines(
        _LINES.c.id,
        _LINES.c.case_id,
        _LINES.c.partner,
        _LINES.c.target_id,
        _LINES.c.destination,
        _LINES.c.served_at,
        _TARGETS.c.policy,
        _TARGETS.c.hour_tat,
        _TARGETS.c.day,
        _TARGETS.c.day_count,
        *STATE_OF_DESTINATION,
    )
    # The n-th line of each case before the next one of any: no case with many targets fills all that is looked at.
    .order_by(
        case((_LINES.c.closes_at < bindparam("soon", type_=_LINES.c.closes_at.type), 0), else_=1),
        _TURN_IN_CASE,
        _LINES.c.served_at,
        _LINES.c.id,
    )
    .limit(LINES_LOOKED_AT_MAX)
)
_NOW = bindparam("now", type_=_LETTERS.c.next_at.type)
_MOST = bindparam("most", type_=Integer())


def _due(*which: Any) -> Select[Any]:
    """Of the letters of which this is true, up to `most` that are due, those first that have been so longest."""
    due = (_LETTERS.c.next_at <= _NOW, _LETTERS.c.expires_at > _NOW)
    return select(_LETTERS.c.id).where(*which, *due).order_by(_LETTERS.c.next_at).limit(_MOST)


def _of_many_lines() -> Select[Any]:
    wanted = select(
        func.unnest(bindparam("lines", type_=ARRAY(Uuid))).label("line_id"),
        func.unnest(bindparam("counts", type_=ARRAY(Integer))).label("most"),
    ).subquery("wanted")
    # The bound is inside: a window function would read all that waits in the line before its first row.
    some = (
        _due(IS_QUEUED_LETTER, _LETTERS.c.line_id == wanted.c.line_id)
        .add_columns(_LETTERS.c.next_at)
        .correlate(wanted)
        .lateral("some")
    )
    place = func.row_number().over(order_by=some.c.next_at).label("place")
    due = select(some.c.id, place).correlate(wanted).lateral("due")
    return select(due.c.id, wanted.c.line_id).select_from(wanted.join(due, true())).where(due.c.place <= wanted.c.most)


_IS_CANCELLED = select(col(Cancellation.reason)).where(col(Cancellation.subject) == _LETTERS.c.case_id).exists()
_OTHERS = _due(IS_QUEUED_OTHER, ~_IS_CANCELLED)
_NEWS = _due(IS_QUEUED_NEWS, ~_IS_CANCELLED).add_columns(_LETTERS.c.case_id, _LETTERS.c.to_address)
# As in a claim, what somebody else holds is left to them.
_FREE_NEWS = (
    select(_LETTERS.c.id)
    .where(_LETTERS.c.id.in_(bindparam("letters", expanding=True)), IS_QUEUED_NEWS)
    .with_for_update(skip_locked=True)
)
_PUT_OFF = update(_LETTERS).where(_LETTERS.c.id.in_(_FREE_NEWS)).values(next_at=_NOW)
_OF_ONE_LINE = _due(IS_QUEUED_LETTER, _LETTERS.c.line_id == bindparam("line"))
_OF_MANY_LINES = _of_many_lines()
_TURN = text(
    "SELECT set_config('enable_sort', 'off', true), set_config('lock_timeout', :patience, true),"
    " set_config('idle_in_transaction_session_timeout', :most, true), pg_advisory_xact_lock(:turn), clock_timestamp()"
)
_TURN_KEY = 7_233_104_461_022


async def take_turn(session: AsyncSession) -> datetime | None:
    """Until the transaction ends, no other sender claims. Returns the time by the database's clock.

    On SQLite the transaction itself is the turn, and the clock is this machine's own."""
    if session.get_bind().dialect.name == "postgresql":
        # Sorting is switched off since a table that has just filled up has no statistics yet: the planner thinks it
        # small, and would fetch and sort all that waits instead of following the index.
        values = {"turn": _TURN_KEY, "most": f"{TURN_SECONDS_MAX}s", "patience": f"{WAIT_SECONDS_MAX}s"}
        row = (await (await session.connection()).execute(_TURN, values)).one()
        moment: datetime = row[-1]
        return moment
    return None


async def find_others(session: AsyncSession, count_max: int, now: datetime) -> list[UUID]:
    """Up to `count_max` of what is due and neither letter nor news: other mail to supporters, and posts."""
    return await _find(session, _OTHERS, count_max, now)


async def find_news(session: AsyncSession, paused: Paused, count_max: int, now: datetime) -> list[UUID]:
    """Up to `count_max` of the news that is due: it goes last, where nothing else wants the room.

    News of a case or to a destination that is paused is put off and looked at again later: else every claim would
    go through all of it."""
    if count_max <= 0 or Channel.EMAIL in paused.channels:
        return []
    if not paused.cases and not paused.destinations:
        return await _find(session, _NEWS, count_max, now)
    connection = await session.connection()
    found = (await connection.execute(_NEWS, {"now": now, "most": max(count_max, NEWS_LOOKED_AT_MAX)})).all()
    free = [
        letter_id
        for letter_id, case_id, address in found
        if case_id not in paused.cases and destination_of(address) not in paused.destinations
    ]
    held = [letter_id for letter_id, *_ in found if letter_id not in set(free)]
    if held:
        await connection.execute(_PUT_OFF, {"letters": held, "now": now + PAUSED_NEWS_WAITS})
    return free[:count_max]


async def _find(session: AsyncSession, due: Select[Any], count_max: int, now: datetime) -> list[UUID]:
    if count_max <= 0:
        return []
    values = {"now": now, "most": count_max}
    return list((await (await session.connection()).execute(due, values)).scalars())


async def find_letters(
    session: AsyncSession,
    owner: str,
    default: DeliveryPolicy,
    paused: Paused,
    now: datetime,
    *,
    count_max: int,
    slots: int,
    at_once_max: int,
    landed: Mapping[str, int],
) -> list[UUID]:
    """Up to `count_max` letters that may go now, and what was granted for them written down.

    `landed` ones of the owner's, by destination, only wait to be written down: they hold no place any more.

    Where several destinations wait, none holds more than half of the sender's `slots`: one that answers slowly leaves
    room for the others. One that waits alone leaves a fifth, and half until it has answered once: it may be silent, and
    others may come meanwhile."""
    if count_max <= 0 or Channel.EMAIL in paused.channels:
        return []
    airborne = await _airborne(session, owner, landed)
    hogs = {name for name, flying in airborne.items() if flying.mine >= max(1, slots // 2)}
    alone_max = max(1, slots - slots // RESERVED_SHARE)
    half = mine_max = max(1, slots // 2)
    found = await _waiting(session, paused, hogs, now)
    if not found and hogs:
        found, mine_max = await _waiting(session, paused, set(), now), alone_max
    elif len({waiting.destination for waiting, *_ in found}) < 2 and not hogs:
        mine_max = alone_max
    if not found:
        return []
    lines = [waiting for waiting, *_ in found]
    targets = {waiting.target_id: state for waiting, _, state, _ in found}
    policies = {waiting.target_id: read_policy(policy, default) for waiting, policy, _, _ in found}
    states = {waiting.destination: state for waiting, _, _, state in found}
    rooms = rooms_of(states, airborne, at_once_max, mine_max, half, now)
    allowed = {name: spend(states[name], amount, now)[0] for name, amount in rooms.items()}
    choice = choose(lines, policies, targets, allowed, count_max, now)
    letters = await _due_letters(session, {line: count for line, count in choice.by_line.items() if count}, now)
    await write_grants(session, lines, choice, policies, states, Counter(line for _, line in letters), now)
    return [letter_id for letter_id, _ in letters]


def read_policy(policy: Mapping[str, Any] | None, default: DeliveryPolicy) -> DeliveryPolicy:
    return default if policy is None else _parse(json.dumps(policy, sort_keys=True))


@lru_cache(maxsize=POLICIES_REMEMBERED_MAX)
def _parse(policy: str) -> DeliveryPolicy:
    return DeliveryPolicy.model_validate_json(policy)


async def _airborne(session: AsyncSession, owner: str, landed: Mapping[str, int]) -> dict[str, Airborne]:
    rows = await (await session.connection()).execute(_AIRBORNE, {"owner": owner})
    return {
        name: Airborne(max(0, int(count) - landed.get(name, 0)), max(0, int(own) - landed.get(name, 0)))
        for name, count, own in rows
    }


async def _waiting(
    session: AsyncSession, paused: Paused, passed_over: set[str], now: datetime
) -> list[tuple[Waiting, dict[str, Any] | None, TargetState, DestinationState]]:
    """Lines with something due whose target and destination are open, in the order in which they are to be served."""
    values = of_open_lines(paused, now, passed_over) | {"soon": now + URGENT}
    rows = (await (await session.connection()).execute(_WAITING, values)).all()
    return [
        (Waiting(*row[:6]), row[6], TargetState(*row[7:10]), DestinationState(*row[10:])) for row in map(tuple, rows)
    ]


async def _due_letters(session: AsyncSession, wanted: Mapping[UUID, int], now: datetime) -> list[tuple[UUID, UUID]]:
    """For each line up to so many letters, those first that have been due longest. As pairs of letter and line."""
    if not wanted:
        return []
    connection = await session.connection()
    if session.get_bind().dialect.name == "postgresql":
        counts = list(wanted.values())
        values = {"now": now, "lines": list(wanted), "counts": counts, "most": max(counts)}
        return [(letter_id, line_id) for letter_id, line_id in await connection.execute(_OF_MANY_LINES, values)]
    found = []
    for line_id, count in wanted.items():
        rows = await connection.execute(_OF_ONE_LINE, {"now": now, "line": line_id, "most": count})
        found += [(letter_id, line_id) for letter_id in rows.scalars()]
    return found
