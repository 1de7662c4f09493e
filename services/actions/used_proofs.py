"""Which proofs were used, and for which action: each counts for one, as often as that one is sent again.

What comes while a commit is under way shares the next one, as actions themselves do (docs/decisions/group-commit.md).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlmodel import col, delete, select

from services.actions.errors import Unwritable
from services.actions.tables import UsedProof
from shared.clock import Clock
from shared.db import Database, DatabaseAway
from shared.insert_many import insert_many_once

BATCH_MAX = 100
# Beyond its end nobody can use a proof; the rest is for clocks that differ.
KEEP_EXPIRED = timedelta(hours=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Use:
    challenge: str
    action_id: UUID
    expires_at: datetime
    owner: asyncio.Future[UUID]

    def row(self) -> dict[str, object]:
        return {"challenge": self.challenge, "action_id": self.action_id, "expires_at": self.expires_at}


class UsedProofs:
    """The service's own database. A row lives as long as its proof could be shown again.

    What waits is bounded by the requests a process answers at once: each waits for its own."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._waiting: list[_Use] = []
        self._writing: asyncio.Task[None] | None = None

    async def use(self, challenge: str, action_id: UUID, expires_at: datetime) -> UUID:
        """Write down that this action uses the proof, unless another does already. Returns whose it is.

        Running it again finds the same. Raises `DatabaseAway`."""
        use = _Use(challenge, action_id, expires_at, asyncio.get_running_loop().create_future())
        self._waiting.append(use)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await use.owner

    async def forget_expired(self) -> None:
        """Drop what cannot be shown again. Raises `DatabaseAway`."""
        async with self._database.transaction() as session:
            await session.exec(delete(UsedProof).where(col(UsedProof.expires_at) < self._clock.now() - KEEP_EXPIRED))

    async def close(self) -> None:
        if self._writing and not self._writing.done():
            self._writing.cancel()
            await asyncio.wait({self._writing})

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
            try:
                owners = await self._keep(batch)
            except Exception as fault:
                _refuse(batch, fault)
            else:
                _answer(batch, owners)

    async def _keep(self, batch: Sequence[_Use]) -> dict[str, UUID]:
        # In one order, whoever writes: two batches that share proofs then wait for each other and never deadlock.
        rows = [use.row() for use in sorted(batch, key=lambda use: use.challenge)]
        wanted = col(UsedProof.challenge).in_([use.challenge for use in batch])
        async with self._database.transaction() as session:
            await insert_many_once(session, UsedProof, rows)
            found = await session.exec(select(UsedProof.challenge, UsedProof.action_id).where(wanted))
            return dict(found.all())


def _answer(batch: Sequence[_Use], owners: dict[str, UUID]) -> None:
    for use in batch:
        if not use.owner.done():
            use.owner.set_result(owners[use.challenge])


def _refuse(batch: Sequence[_Use], fault: Exception) -> None:
    kind = DatabaseAway if isinstance(fault, DatabaseAway) else Unwritable
    if kind is Unwritable:
        log.error("proofs_unwritable", fault=type(fault).__name__, next="answered with an error")
    for use in batch:
        if not use.owner.done():
            # One of its own for each: raised in many places, one would drag all their tracebacks along.
            use.owner.set_exception(kind(type(fault).__name__))
