"""Finds the letters that go next: looks at lines, which are few, and never at all that waits.

Claims take turns, by one lock for all senders; so what a line, a target or a destination is granted holds for all of
them together, and nobody waits for anybody's letters. A sender that stops in the middle of its turn loses it after
`TURN_SECONDS_MAX`. A claim waits for no letter that somebody else holds, so whoever holds letters may wait for what it
writes: targets, lines, destinations, in this order.
"""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, case, func, select, text
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.choosing import Airborne, Waiting, choose
from services.delivery.destinations import DestinationState
from services.delivery.due_letters import DueLetters
from services.delivery.grant_book import STATE_OF_DESTINATION, write_grants
from services.delivery.granting import TargetState
from services.delivery.open_lines import of_open_lines, open_lines
from services.delivery.pauses import Paused
from services.delivery.tables import IS_QUEUED_LETTER, IS_SENDING, Letter, Line, TargetPolicy
from services.delivery.traffic import Traffic
from shared.delivery_policy import DeliveryPolicy
from shared.messages.cases import Channel

LINES_LOOKED_AT_MAX = 64
TURN_SECONDS_MAX = 5
WAIT_SECONDS_MAX = 20  # long enough that a frozen sender has lost its turn by then
URGENT = timedelta(days=2)
POLICIES_REMEMBERED_MAX = 2_000

_Open = tuple[Waiting, dict[str, Any] | None, TargetState, DestinationState]

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
_due_letters = DueLetters(IS_QUEUED_LETTER).find
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


async def find_letters(
    session: AsyncSession, default: DeliveryPolicy, paused: Paused, traffic: Traffic, now: datetime, count_max: int
) -> list[UUID]:
    """Up to `count_max` letters that may go now; what was granted for them is written down, or noted in `traffic`.

    Where several destinations wait, none holds more than half of the sender's `slots`: one that answers slowly leaves
    room for the others. One that waits alone leaves a fifth, and half until it has answered once: it may be silent, and
    others may come meanwhile."""
    if count_max <= 0 or Channel.EMAIL in paused.channels:
        return []
    found, mine_max = await _find_lines(session, paused, traffic, now)
    if not found:
        return []
    lines = [waiting for waiting, *_ in found]
    targets = {waiting.target_id: state for waiting, _, state, _ in found}
    policies = {waiting.target_id: read_policy(policy, default) for waiting, policy, _, _ in found}
    states = traffic.known({waiting.destination: state for waiting, _, _, state in found})
    choice = choose(lines, policies, targets, traffic.allowed(states, mine_max, now), count_max, now)
    letters = await _due_letters(session, {line: count for line, count in choice.by_line.items() if count}, now)
    destinations = {line.line_id: line.destination for line in lines}
    traffic.take(states, Counter(destinations[line_id] for _, line_id in letters), now)
    await write_grants(session, lines, choice, policies, Counter(line_id for _, line_id in letters), now)
    return [letter_id for letter_id, _ in letters]


async def _find_lines(
    session: AsyncSession, paused: Paused, traffic: Traffic, now: datetime
) -> tuple[list[_Open], int]:
    """Lines that may send, and how much of the sender one destination may hold. One that holds half of it is passed
    over while others wait; mostly one question tells, for few have more lines than are looked at."""
    hogs = traffic.hogs
    found = await _waiting(session, paused, set(), now)
    others = [one for one in found if one[0].destination not in hogs]
    if hogs and len(found) == LINES_LOOKED_AT_MAX and len(others) < len(found):
        others = await _waiting(session, paused, hogs, now)
    if not others:
        return found, traffic.alone_max
    is_alone = not hogs and len({one[0].destination for one in others}) == 1
    return others, traffic.alone_max if is_alone else traffic.half


def read_policy(policy: Mapping[str, Any] | None, default: DeliveryPolicy) -> DeliveryPolicy:
    return default if policy is None else _parse(json.dumps(policy, sort_keys=True))


@lru_cache(maxsize=POLICIES_REMEMBERED_MAX)
def _parse(policy: str) -> DeliveryPolicy:
    return DeliveryPolicy.model_validate_json(policy)


async def count_airborne(session: AsyncSession, owner: str, landed: Mapping[str, int]) -> dict[str, Airborne]:
    """By destination, what is in the air of letters and all else, without those of the owner's that have landed and
    only wait to be written down: they hold no place any more."""
    rows = await (await session.connection()).execute(_AIRBORNE, {"owner": owner})
    return {
        name: Airborne(max(0, int(count) - landed.get(name, 0)), max(0, int(own) - landed.get(name, 0)))
        for name, count, own in rows
    }


async def _waiting(session: AsyncSession, paused: Paused, passed_over: set[str], now: datetime) -> list[_Open]:
    """Lines with something due whose target and destination are open, in the order in which they are to be served."""
    values = of_open_lines(paused, now, passed_over) | {"soon": now + URGENT}
    rows = (await (await session.connection()).execute(_WAITING, values)).all()
    return [
        (Waiting(*row[:6]), row[6], TargetState(*row[7:10]), DestinationState(*row[10:])) for row in map(tuple, rows)
    ]
