"""Keeps actions and the events that tell of them, many in one transaction, each once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.tables import Action
from shared.db import Database
from shared.insert_many import insert_many_once
from shared.messages.envelope import Message
from shared.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Entry:
    """One action, ready to be written: its row, and the event as it will travel."""

    id: UUID
    token: str
    body_hash: str
    row: Mapping[str, Any]
    event: Message


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database holds under an action's id: an entry's own token, or that of an earlier one."""

    token: str
    body_hash: str


class Store(Protocol):
    """Where the group commit puts its batches."""

    async def keep(self, entries: Sequence[Entry]) -> dict[UUID, Kept]: ...


class ActionStore:
    """The service's own database."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database, self._outbox = database, outbox

    async def keep(self, entries: Sequence[Entry]) -> dict[UUID, Kept]:
        """Write what is not there yet, and say what is there now, by id. Returns once all of it is on disk.

        No two entries have the same id. Running it again after a fault finds what the first run left.
        Raises `DatabaseAway`, and SQLAlchemy's errors for a row the database cannot take."""
        # In one order, whoever writes: two batches that share ids then wait for each other and never deadlock.
        ordered = sorted(entries, key=lambda entry: entry.id)
        async with self._database.transaction() as session:
            new = await insert_many_once(session, Action, [entry.row for entry in ordered])
            fresh = [entry for entry in ordered if entry.id in new]
            if fresh:
                await self._outbox.add_sealed(session, [entry.event for entry in fresh])
            kept = await _read(session, [entry.id for entry in ordered if entry.id not in new])
        return kept | {entry.id: Kept(entry.token, entry.body_hash) for entry in fresh}

    async def find(self, action_id: UUID) -> Kept | None:
        """What was kept under this id before, if anything. Raises `DatabaseAway`."""
        async with self._database.transaction() as session:
            return (await _read(session, [action_id])).get(action_id)


async def _read(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, Kept]:
    wanted = list(ids)
    if not wanted:
        return {}
    found = await session.exec(select(Action.id, Action.token, Action.body_hash).where(col(Action.id).in_(wanted)))
    return {action_id: Kept(token, body_hash) for action_id, token, body_hash in found}
