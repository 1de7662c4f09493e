"""Targets with several addresses: which is next, and how letters move from one to another.

An address is active, bouncing (a mail server said it is dead) or blocked (staff said so). The suppression list is where
that is written; here stands only which addresses a target has, and in which order.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, delete, or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.destinations import destination_of
from services.delivery.lines import make_lines
from services.delivery.planning import PlannedLetter, line_of
from services.delivery.suppression_list import BY_MAIL_SERVER, find_suppressed, lasts, normal
from services.delivery.tables import Letter, Line, Suppression, TargetAddress
from shared.db import insert_once
from shared.messages.cases import Target

STAFFS_OWN = -1

_ADDRESSES = TargetAddress.__table__  # type: ignore[attr-defined]
_LETTERS = Letter.__table__  # type: ignore[attr-defined]
_READDRESS = (
    update(_LETTERS)
    .where(_LETTERS.c.id == bindparam("moved_id"))
    .values(to_address=bindparam("new_address"), line_id=bindparam("new_line"))
)


class AddressState(StrEnum):
    ACTIVE = "active"
    BOUNCING = "bouncing"
    BLOCKED = "blocked"


class Known(NamedTuple):
    """A row, as it stands."""

    target_id: UUID
    address: str
    position: int


_KNOWN = [_ADDRESSES.c[name] for name in Known._fields]
_ORDER = ("target_id", "position", "address")


async def address_letters(
    session: AsyncSession, letters: Sequence[PlannedLetter], targets: Iterable[Target], now: datetime
) -> list[PlannedLetter]:
    """Each letter to its target's first active address; where none is, as it was planned."""
    named = {target.id: target for target in targets if target.email}
    known = await _read(session, {letter.target_id for letter in letters} | named.keys())
    if changes := _changes(known, named.values()):
        await _write(session, changes)
        known = await _read(session, {letter.target_id for letter in letters})
    active = await _active(session, known, now)
    return [_addressed(letter, next(iter(active.get(letter.target_id, ())), None)) for letter in letters]


async def find_active(session: AsyncSession, target_ids: Collection[UUID], now: datetime) -> dict[UUID, list[str]]:
    """The active addresses, in order, of those of these targets that have several or one of staff's."""
    return await _active(session, await _read(session, target_ids), now)


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
        same = {"lane": line.lane, "case_id": line.case_id, "target_id": line.target_id, "partner": line.partner}
        dates = {"closes_at": line.closes_at, "due_at": now, "served_at": line.served_at}
        new_lines[line_id] = {"id": line_id, "destination": destination_of(address), **same, **dates}
        rows.append({"moved_id": letter_id, "new_address": address, "new_line": line_id})
    await (await session.connection()).execute(_READDRESS, rows)
    await make_lines(session, new_lines.values())


async def _read(session: AsyncSession, target_ids: Collection[UUID]) -> list[Known]:
    """Those of these targets, each one's in their order."""
    of_targets = _ADDRESSES.c.target_id.in_(target_ids)
    statement = select(*_KNOWN).where(of_targets).order_by(*(_ADDRESSES.c[name] for name in _ORDER))
    return [Known(*row) for row in await (await session.connection()).execute(statement)]


async def _active(session: AsyncSession, known: Sequence[Known], now: datetime) -> dict[UUID, list[str]]:
    if not known:
        return {}
    suppressed = await find_suppressed(session, {one.address for one in known}, now)
    active: dict[UUID, list[str]] = {}
    for one in known:
        if normal(one.address) not in suppressed:
            active.setdefault(one.target_id, []).append(one.address)
    return active


def _changes(known: Sequence[Known], targets: Iterable[Target]) -> list[tuple[Known, bool]]:
    """What is to go, and then what is to come, for addresses to stand as the campaign names them now; nothing for most
    batches. Of a target with a single address nothing is kept: its letters bring it along."""
    targets = list(targets)
    named = {target.id for target in targets}
    stand = {one for one in known if one.target_id in named and one.position != STAFFS_OWN}
    wanted = {
        Known(target.id, address, position)
        for target in targets
        if target.other_emails
        for position, address in enumerate((target.email or "", *target.other_emails))
    }
    changed = sorted(stand ^ wanted, key=lambda one: (one.target_id.bytes, one.address, one in wanted))
    return [(one, one in wanted) for one in changed]


async def _write(session: AsyncSession, changes: Sequence[tuple[Known, bool]]) -> None:
    connection = await session.connection()
    for one, is_wanted in changes:
        if is_wanted:
            await connection.execute(insert_once(connection.dialect.name, TargetAddress, [one._asdict()]))
        else:
            same = [_ADDRESSES.c[name] == value for name, value in one._asdict().items()]
            await connection.execute(delete(_ADDRESSES).where(*same))


def _addressed(letter: PlannedLetter, address: str | None) -> PlannedLetter:
    if address is None or address == letter.to_address or letter.line_id is None:
        return letter
    line_id = line_of(letter.case_id, letter.target_id, letter.partner, address)
    return replace(letter, to_address=address, line_id=line_id)


def _state(suppressed_by: str | None) -> AddressState:
    if suppressed_by is None:
        return AddressState.ACTIVE
    return AddressState.BOUNCING if suppressed_by == BY_MAIL_SERVER else AddressState.BLOCKED
