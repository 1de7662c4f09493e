"""How many letters a case has to each target and how many were edited: each counted once, a bounded step at a time."""

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Text, cast, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.crowd_tables import LetterCountMark, LetterLikeness
from services.actions.tables import Action
from shared.clock import Clock
from shared.db import Database, insert_once

COUNTED_AT_ONCE_MAX = 20_000
STEPS_MAX = 50
# An action is in the database a little after the time it bears. What comes in later than this is not counted.
SETTLE = timedelta(minutes=1)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@dataclass(slots=True)
class Edits:
    """Letters to one target. Those neither edited nor unedited come from before anybody looked."""

    letters: int = 0
    edited: int = 0
    unedited: int = 0


async def count_letters(database: Database, clock: Clock, case_id: UUID) -> None:
    """Add what was accepted since the last time. Harmless to run twice, or twice at once: one waits its next turn.

    Raises `DatabaseAway`; what was counted until then stays."""
    until = clock.now() - SETTLE
    for _ in range(STEPS_MAX):
        async with database.transaction() as session:
            mark = await _hold_mark(session, case_id)
            if mark is None or mark.counted_until >= until:
                return
            end = await _end_of_step(session, case_id, mark.counted_until, until)
            edits = await count_edited(session, case_id, mark.counted_until, end)
            await _add(session, case_id, edits, clock.now())
            mark.counted_until = end
            session.add(mark)
        if end == until:
            return


async def count_edited(session: AsyncSession, case_id: UUID, since: datetime, until: datetime) -> dict[UUID, Edits]:
    """The letters of the case accepted in `since <= time < until`, by target. Of one sender the first counts."""
    # As text, because PostgreSQL compares no JSON: most people write to all targets, so there are few groups.
    targets = cast(col(Action.target_ids), Text).label("targets")
    groups = (
        select(targets, Action.edited, func.count())
        .where(col(Action.case_id) == case_id, col(Action.accepted_at) >= since, col(Action.accepted_at) < until)
        .where(col(Action.repeat_of).is_(None))
        .group_by(targets, col(Action.edited))
    )
    found: defaultdict[UUID, Edits] = defaultdict(Edits)
    for target_ids, edited, count in await session.exec(groups):
        for target_id in json.loads(target_ids):
            edits = found[UUID(target_id)]
            edits.letters += count
            edits.edited += count if edited else 0
            edits.unedited += count if edited is False else 0
    return dict(found)


async def _hold_mark(session: AsyncSession, case_id: UUID) -> LetterCountMark | None:
    """The mark, held until the transaction ends; None while another worker counts this case."""
    first = {"case_id": case_id, "counted_until": BEGINNING}
    await session.exec(insert_once(session.get_bind().dialect.name, LetterCountMark, [first]))
    held = select(LetterCountMark).where(col(LetterCountMark.case_id) == case_id).with_for_update(skip_locked=True)
    return (await session.exec(held)).one_or_none()


async def _end_of_step(session: AsyncSession, case_id: UUID, since: datetime, until: datetime) -> datetime:
    """A time up to which there is no more to count than one step takes."""
    first_beyond = (
        select(Action.accepted_at)
        .where(col(Action.case_id) == case_id, col(Action.accepted_at) >= since, col(Action.accepted_at) < until)
        .order_by(col(Action.accepted_at))
        .offset(COUNTED_AT_ONCE_MAX)
        .limit(1)
    )
    beyond = (await session.exec(first_beyond)).one_or_none()
    return until if beyond is None else max(beyond, since + TICK)


async def _add(session: AsyncSession, case_id: UUID, edits: dict[UUID, Edits], now: datetime) -> None:
    known = await session.exec(select(LetterLikeness).where(col(LetterLikeness.case_id) == case_id))
    rows = {row.target_id: row for row in known}
    for target_id, new in edits.items():
        row = rows.get(target_id) or LetterLikeness(
            case_id=case_id, target_id=target_id, letters=0, edited=0, unedited=0, counted_at=now
        )
        row.letters += new.letters
        row.edited += new.edited
        row.unedited += new.unedited
        row.counted_at = now
        session.add(row)
