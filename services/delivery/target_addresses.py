"""Targets with several addresses: which is next, and how letters move from one to another.

An address is active, bouncing (a mail server said it is dead) or blocked (staff said so). The suppression list is where
that is written; here stands only which addresses a target has, and in which order.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, update
from sqlalchemy import select as core_select
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.destinations import destination_of
from services.delivery.planning import PlannedLetter, line_of
from services.delivery.suppression_list import BY_MAIL_SERVER, find_suppressed, lasts, normal
from services.delivery.tables import Destination, Letter, Line, Suppression, TargetAddress
from shared.db import insert_once
from shared.messages.cases import Target

STAFFS_OWN = -1

_ADDRESSES = TargetAddress.__table__  # type: ignore[attr-defined]


class AddressState(StrEnum):
    ACTIVE = "active"
    BOUNCING = "bouncing"
    BLOCKED = "blocked"


async def address_letters(
    session: AsyncSession, letters: Sequence[PlannedLetter], targets: Iterable[Target], now: datetime
) -> list[PlannedLetter]:
    """Each letter to its target's first active address; where none is, as it was planned."""
    await _keep_addresses(session, [target for target in targets if target.email])
    known = await find_active(session, {letter.target_id for letter in letters}, now)
    return [_addressed(letter, next(iter(known.get(letter.target_id, ())), None)) for letter in letters]


async def find_active(session: AsyncSession, target_ids: Collection[UUID], now: datetime) -> dict[UUID, list[str]]:
    """The active addresses, in order, of those of these targets that have several or one of staff's."""
    statement = (
        select(TargetAddress.target_id, TargetAddress.address)
        .where(col(TargetAddress.target_id).in_(target_ids))
        .order_by(col(TargetAddress.target_id), col(TargetAddress.position), col(TargetAddress.address))
    )
    rows = (await session.exec(statement)).all()
    if not rows:
        return {}
    suppressed = await find_suppressed(session, {address for _, address in rows}, now)
    active: dict[UUID, list[str]] = {}
    for target_id, address in rows:
        if normal(address) not in suppressed:
            active.setdefault(target_id, []).append(address)
    return active


async def next_address(session: AsyncSession, target_id: UUID, dead: str, now: datetime) -> str | None:
    """The target's first active address besides this one."""
    active = (await find_active(session, [target_id], now)).get(target_id, [])
    return next((address for address in active if address.lower() != dead.lower()), None)


async def read_states(session: AsyncSession, target_id: UUID, now: datetime) -> list[tuple[str, AddressState]]:
    """A target's addresses in order. Of one that has a single address, as its campaign gave it, none are kept here."""
    addresses = (
        await session.exec(
            select(TargetAddress.address)
            .where(col(TargetAddress.target_id) == target_id)
            .order_by(col(TargetAddress.position))
        )
    ).all()
    names = [normal(address) for address in addresses]
    found = select(Suppression.address, Suppression.who).where(col(Suppression.address).in_(names), lasts(now))
    who: dict[str, str] = dict((await session.exec(found)).all())
    return [(address, _state(who.get(normal(address)))) for address in addresses]


async def put_first(session: AsyncSession, target_id: UUID, address: str) -> None:
    """Staff's own address for this target; there is one at most."""
    await session.exec(
        delete(TargetAddress).where(
            col(TargetAddress.target_id) == target_id,
            or_(col(TargetAddress.position) == STAFFS_OWN, col(TargetAddress.address) == address),
        )
    )
    session.add(TargetAddress(target_id=target_id, address=address, position=STAFFS_OWN))
    await session.flush()


async def move_letters(session: AsyncSession, moves: Mapping[UUID, str], now: datetime) -> None:
    """Give letters, which the caller holds, another address, and stand them in its line."""
    if not moves:
        return
    lines = select(Letter.id, Line).join(Line, col(Line.id) == col(Letter.line_id)).where(col(Letter.id).in_(moves))
    new_lines: dict[UUID, dict[str, Any]] = {}
    rows = []
    for letter_id, line in (await session.exec(lines)).all():
        address = moves[letter_id]
        line_id = line_of(line.case_id, line.target_id, line.partner, address)
        same = {"case_id": line.case_id, "target_id": line.target_id, "partner": line.partner}
        dates = {"closes_at": line.closes_at, "due_at": now, "served_at": line.served_at}
        new_lines[line_id] = {"id": line_id, "destination": destination_of(address), **same, **dates}
        rows.append((letter_id, address, line_id))
    connection = await session.connection()
    dialect = connection.dialect.name
    for name in sorted({line["destination"] for line in new_lines.values()}):
        row = {"name": name, "cool_steps": 0, "attempted": 0, "refused": 0}
        await connection.execute(insert_once(dialect, Destination, [row]))
    for line_id in sorted(new_lines, key=lambda one: one.bytes):
        await connection.execute(insert_once(dialect, Line, [new_lines[line_id]]))
        is_later = (col(Line.id) == line_id, col(Line.due_at) > now)
        await connection.execute(update(Line).where(*is_later).values(due_at=now))
    for letter_id, address, line_id in rows:
        values = {"to_address": address, "line_id": line_id}
        await connection.execute(update(Letter).where(col(Letter.id) == letter_id).values(**values))


async def _keep_addresses(session: AsyncSession, targets: Sequence[Target]) -> None:
    """As the campaign names them now. What stands already is not written again: every batch comes by here.

    Of a target with a single address nothing is kept: its letters bring it along."""
    of_campaign = (_ADDRESSES.c.target_id.in_({target.id for target in targets}), _ADDRESSES.c.position != STAFFS_OWN)
    connection = await session.connection()
    known = set((await connection.execute(core_select(_ADDRESSES).where(*of_campaign))).all())
    wanted = {
        (target.id, address, position)
        for target in targets
        if target.other_emails
        for position, address in enumerate((target.email, *target.other_emails))
    }
    for target_id, address, position in sorted(wanted ^ known, key=lambda row: (row[0].bytes, row[1], row in wanted)):
        if (target_id, address, position) in wanted:
            row = {"target_id": target_id, "address": address, "position": position}
            await connection.execute(insert_once(connection.dialect.name, TargetAddress, [row]))
        else:
            is_it = (_ADDRESSES.c.target_id == target_id, _ADDRESSES.c.address == address)
            await connection.execute(delete(_ADDRESSES).where(*is_it, _ADDRESSES.c.position == position))


def _addressed(letter: PlannedLetter, address: str | None) -> PlannedLetter:
    if address is None or address == letter.to_address or letter.line_id is None:
        return letter
    line_id = line_of(letter.case_id, letter.target_id, letter.partner, address)
    return replace(letter, to_address=address, line_id=line_id)


def _state(suppressed_by: str | None) -> AddressState:
    if suppressed_by is None:
        return AddressState.ACTIVE
    return AddressState.BOUNCING if suppressed_by == BY_MAIL_SERVER else AddressState.BLOCKED
