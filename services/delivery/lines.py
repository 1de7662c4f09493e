"""Puts letters in line: makes lines, targets and destinations that are new, and wakes lines that have something due."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, update
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.destinations import destination_of
from services.delivery.kinds import LetterKind, lane_of
from services.delivery.planning import NO_TARGET, PlannedLetter
from services.delivery.tables import Destination, Line, TargetPolicy
from shared.db import insert_once

_LINES = Line.__table__  # type: ignore[attr-defined]
_WAKE = (
    update(_LINES)
    .where(_LINES.c.id == bindparam("line"), _LINES.c.due_at > bindparam("at"))
    .values(due_at=bindparam("at"))
)


async def stand_in_line(session: AsyncSession, letters: Sequence[PlannedLetter]) -> None:
    """Make what these letters need and is not there yet. Where all is there, nothing is locked."""
    addressed = {letter.target_id: _target(letter) for letter in letters if letter.kind is LetterKind.LETTER}
    await _insert(session, TargetPolicy, [addressed[key] for key in sorted(addressed, key=lambda one: one.bytes)])
    firsts = {letter.line_id: letter for letter in letters if letter.line_id is not None}
    await make_lines(session, [_line(line_id, letter) for line_id, letter in firsts.items()])


async def make_lines(session: AsyncSession, lines: Collection[dict[str, Any]]) -> None:
    """Make these lines and their destinations, where they are not there yet, and let each be looked at when it is due.

    In order of their keys, so that no two who make the same wait for each other."""
    lines = sorted(lines, key=lambda line: line["id"].bytes)
    names = sorted({line["destination"] for line in lines})
    fresh = [{"name": name, "cool_steps": 0, "attempted": 0, "refused": 0} for name in names]
    await _insert(session, Destination, fresh)
    await _insert(session, Line, lines)
    await wake_lines(session, [(line["id"], line["due_at"]) for line in lines])


async def wake_lines(session: AsyncSession, due: Iterable[tuple[UUID, datetime]]) -> None:
    """Let a line be looked at when its letter is due, if it was not to be by then anyway."""
    earliest: dict[UUID, datetime] = {}
    for line_id, at in due:
        earliest[line_id] = min(at, earliest.get(line_id, at))
    rows = [{"line": line_id, "at": at} for line_id, at in sorted(earliest.items(), key=lambda item: item[0].bytes)]
    if rows:
        await (await session.connection()).execute(_WAKE, rows)


async def _insert(session: AsyncSession, table: Any, rows: Collection[dict[str, Any]]) -> None:
    if rows:
        await (await session.connection()).execute(insert_once(session.get_bind().dialect.name, table), list(rows))


def _line(line_id: UUID, letter: PlannedLetter) -> dict[str, Any]:
    is_letter = letter.kind is LetterKind.LETTER
    return {
        "id": line_id,
        "lane": lane_of(letter.kind),
        "case_id": letter.case_id if is_letter else NO_TARGET,
        "target_id": letter.target_id if is_letter else NO_TARGET,
        "partner": letter.partner,
        "destination": destination_of(letter.to_address),
        "closes_at": letter.closes_at,
        "due_at": letter.next_at,
        "served_at": letter.created_at,
    }


def _target(letter: PlannedLetter) -> dict[str, Any]:
    row = {"target_id": letter.target_id, "target_name": letter.to_name, "country": letter.target_country}
    return row | {"source": "default", "is_bundled": False, "open_at": letter.created_at, "day_count": 0}
