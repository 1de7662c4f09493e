"""Keeps actions and the events that tell of them, many in one transaction, each once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.first_letters import keep_repeat
from services.actions.one_statement import OneStatement
from services.actions.tables import Action
from shared.db import Database
from shared.insert_many import insert_many_once
from shared.messages.envelope import Message
from shared.outbox import Outbox
from shared.wake import Ringer


@dataclass(frozen=True, slots=True)
class Entry:
    """One action, ready to be written: its row, and the events as they will travel."""

    id: UUID
    token: str
    body_hash: str
    row: Mapping[str, Any]
    events: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database holds under an action's id: an entry's own token, or that of an earlier one."""

    token: str
    body_hash: str


class Store(Protocol):
    """Where the group commit puts its batches."""

    async def keep(self, entries: Sequence[Entry]) -> dict[UUID, Kept]: ...


class ActionStore:
    """The service's own database. With `quick`, which only PostgreSQL has, a batch is one statement."""

    def __init__(self, database: Database, outbox: Outbox, quick: OneStatement | None, ringer: Ringer) -> None:
        self._database, self._outbox, self._quick, self._ringer = database, outbox, quick, ringer

    async def keep(self, entries: Sequence[Entry]) -> dict[UUID, Kept]:
        """Write what is not there yet, and say what is there now, by id. Returns once all of it is on disk.

        No two entries have the same id. Running it again after a fault finds what the first run left.
        Raises `DatabaseAway`, and the driver's errors for a row the database cannot take."""
        # In one order, whoever writes: two batches that share ids then wait for each other and never deadlock.
        ordered = sorted(entries, key=_id_of)
        new = await self._quick.keep_new(ordered) if self._quick else await self._keep_new(ordered)
        if new:
            self._ringer.ring()
        kept = {entry.id: Kept(entry.token, entry.body_hash) for entry in ordered if entry.id in new}
        return kept if len(kept) == len(ordered) else kept | await self._meet([e for e in ordered if e.id not in new])

    async def find(self, action_id: UUID) -> Kept | None:
        """What was kept under this id before, if anything. Raises `DatabaseAway`."""
        async with self._database.transaction() as session:
            return (await _read(session, [action_id])).get(action_id)

    async def _keep_new(self, entries: Sequence[Entry]) -> set[UUID]:
        """The ids of those that were written: whose id and sender are both new."""
        async with self._database.transaction() as session:
            new = await insert_many_once(session, Action, [entry.row for entry in entries])
            events = [event for entry in entries if entry.id in new for event in entry.events]
            if events:
                await self._outbox.add_sealed(session, events)
        return new

    async def _meet(self, entries: Sequence[Entry]) -> dict[UUID, Kept]:
        """Each of these met a row that was there: its own, from an earlier try, or an earlier letter of its sender."""
        async with self._database.transaction() as session:
            kept = await _read(session, [entry.id for entry in entries])
        for entry in entries:
            if entry.id not in kept:
                kept[entry.id] = await self._keep_repeat(entry)
        return kept

    async def _keep_repeat(self, entry: Entry) -> Kept:
        async with self._database.transaction() as session:
            await keep_repeat(session, self._outbox, entry.row, entry.events)
            return (await _read(session, [entry.id]))[entry.id]


def _id_of(entry: Entry) -> UUID:
    return entry.id


async def _read(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, Kept]:
    wanted = list(ids)
    found = await session.exec(select(Action.id, Action.token, Action.body_hash).where(col(Action.id).in_(wanted)))
    return {action_id: Kept(token, body_hash) for action_id, token, body_hash in found}
