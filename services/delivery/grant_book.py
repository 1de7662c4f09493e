"""Writes down what was granted, so that it holds for all senders, and what destinations answered, so that all learn.

Everybody writes in order of the keys: targets, lines, destinations.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, case, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.channels import Answer
from services.delivery.choosing import Choice, Waiting
from services.delivery.destinations import Bearing, DestinationState, after
from services.delivery.granting import settle
from services.delivery.tables import IS_QUEUED_LETTER, Destination, Letter, Line, TargetPolicy
from shared.delivery_policy import DeliveryPolicy

LOOK_AGAIN_MIN, LOOK_AGAIN_MAX = timedelta(seconds=2), timedelta(minutes=1)

_LINES = Line.__table__  # type: ignore[attr-defined]
_TARGETS = TargetPolicy.__table__  # type: ignore[attr-defined]
_DESTINATIONS = Destination.__table__  # type: ignore[attr-defined]
_LETTERS = Letter.__table__  # type: ignore[attr-defined]
STATE_OF_DESTINATION = [_DESTINATIONS.c[field.name] for field in fields(DestinationState)]


async def write_grants(
    session: AsyncSession,
    lines: Sequence[Waiting],
    choice: Choice,
    policies: Mapping[UUID, DeliveryPolicy],
    found: Mapping[UUID, int],
    now: datetime,
) -> None:
    """What targets gave, as far as there were letters; and when each line is looked at again."""
    used = Counter[UUID]()
    for line in lines:
        used[line.target_id] += found.get(line.line_id, 0)
    targets = []
    for target_id, granted in choice.grants.items():
        settled = settle(policies[target_id], granted, used[target_id], now)
        row = dict(zip(("new_tat", "new_day", "new_count"), astuple(settled.state), strict=True))
        targets.append(row | {"target": target_id, "new_open_at": settled.open_at})
    await _execute(session, _WRITE_TARGET, targets, "target")
    full, dry = [], []
    for line in lines:
        asked, got = choice.by_line[line.line_id], found.get(line.line_id, 0)
        served_at = now if got else line.served_at
        if asked and got == asked:
            full.append({"line": line.line_id, "served": served_at})
        elif asked:
            again = min(LOOK_AGAIN_MAX, max(LOOK_AGAIN_MIN, now - served_at))
            dry.append({"line": line.line_id, "served": served_at, "now": now, "most": now + again})
    await _execute(session, _SERVED, full, "line")
    await _execute(session, _RUN_DRY, dry, "line")


async def write_rates(session: AsyncSession, spent: Mapping[str, DestinationState]) -> None:
    """What destinations with a rate gave, at the end of a claim: whoever learns of them meanwhile need not wait."""
    rates = [{"destination": name, "new_tat": state.tat, "new_open_at": state.open_at} for name, state in spent.items()]
    await _execute(session, _WRITE_RATE, rates, "destination")


async def note_answers(
    session: AsyncSession, heard: Sequence[tuple[str, Answer]], now: datetime, bearing: Bearing
) -> None:
    """Let destinations learn from what came of what went there, whatever its kind."""
    if not heard:
        return
    connection = await session.connection()
    by_name: dict[str, list[Answer]] = {}
    for name, answer in heard:
        by_name.setdefault(name, []).append(answer)
    statement = select(_DESTINATIONS.c.name, *STATE_OF_DESTINATION).where(_DESTINATIONS.c.name.in_(by_name))
    held = (await connection.execute(statement.order_by(_DESTINATIONS.c.name).with_for_update())).all()
    learned = {name: after(DestinationState(*state), by_name[name], now, bearing) for name, *state in held}
    columns = [f"new_{field.name}" for field in fields(DestinationState)]
    states = [
        dict(zip(columns, astuple(state), strict=True)) | {"destination": name} for name, state in learned.items()
    ]
    await _execute(session, _WRITE_DESTINATION, states, "destination")


async def _execute(session: AsyncSession, statement: Any, rows: list[dict[str, Any]], key: str) -> None:
    """In order of the key, as everybody writes here who writes several."""
    if rows:
        await (await session.connection()).execute(statement, sorted(rows, key=lambda row: str(row[key])))


_WRITE_TARGET = (
    update(_TARGETS)
    .where(_TARGETS.c.target_id == bindparam("target"))
    .values(
        hour_tat=bindparam("new_tat"),
        day=bindparam("new_day"),
        day_count=bindparam("new_count"),
        open_at=bindparam("new_open_at"),
    )
)
# Alone what a claim changes: it has read the rest without holding it, and answers may have changed it since.
_WRITE_RATE = (
    update(_DESTINATIONS)
    .where(_DESTINATIONS.c.name == bindparam("destination"))
    .values(tat=bindparam("new_tat"), open_at=bindparam("new_open_at"))
)
_WRITE_DESTINATION = (
    update(_DESTINATIONS)
    .where(_DESTINATIONS.c.name == bindparam("destination"))
    .values({field.name: bindparam(f"new_{field.name}") for field in fields(DestinationState)})
)
_SERVED = update(_LINES).where(_LINES.c.id == bindparam("line")).values(served_at=bindparam("served"))
_LATER = (
    select(func.min(_LETTERS.c.next_at))
    .where(IS_QUEUED_LETTER, _LETTERS.c.line_id == _LINES.c.id, _LETTERS.c.next_at > bindparam("now"))
    .scalar_subquery()
)
_MOST = bindparam("most", type_=_LINES.c.due_at.type)
_RUN_DRY = (
    update(_LINES)
    .where(_LINES.c.id == bindparam("line"))
    .values(served_at=bindparam("served"), due_at=case((_LATER < _MOST, _LATER), else_=_MOST))
)
