"""Moves a target's letters to another address that staff name: what is queued now and what comes later."""

from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.chunks import hold_after, in_chunks
from services.delivery.errors import is_suppressed, no_such_target
from services.delivery.reports import HeldLetter
from services.delivery.suppression_list import find_suppressed, lock_suppressions
from services.delivery.tables import IS_QUEUED_LETTER, Letter, TargetPolicy
from services.delivery.target_addresses import AddressState, move_letters, put_first, read_states
from services.delivery.waking import ring_senders
from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database
from shared.wake import Wake

log = structlog.get_logger(__name__)


class Moving:
    def __init__(self, database: Database, clock: Clock, audit: Auditor, sender_wake: Wake) -> None:
        self._database, self._clock, self._audit, self._wake = database, clock, audit, sender_wake

    async def addresses(self, target_id: UUID) -> Sequence[tuple[str, AddressState]]:
        """In order. Raises 404."""
        async with self._database.transaction() as session:
            if await session.get(TargetPolicy, target_id) is None:
                raise no_such_target()
            return await read_states(session, target_id, self._clock.now())

    async def move(self, target_id: UUID, address: str, by: By) -> int:
        """Put this address first. Returns how many queued letters went along. Raises 404, and 409 for a suppressed one.

        It is written down first, under the lock that planning shares: what was planned before is found below."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            await lock_suppressions(session)
            if await session.get(TargetPolicy, target_id) is None:
                raise no_such_target()
            if await find_suppressed(session, [address], now):
                raise is_suppressed()
            await put_first(session, target_id, address)
            await self._audit.note(session, by, "target_moved", target=str(target_id), address=address)
        count = await self._move_queued(target_id, address)
        log.info("target_moved", target=str(target_id), letters=count)
        return count

    async def _move_queued(self, target_id: UUID, address: str) -> int:
        mine = (IS_QUEUED_LETTER, col(Letter.target_id) == target_id, col(Letter.to_address) != address)

        async def move(session: AsyncSession, last_id: UUID) -> Sequence[HeldLetter]:
            found = await hold_after(session, last_id, *mine)
            due = await session.exec(select(Letter.next_at).where(col(Letter.id).in_([letter.id for letter in found])))
            await move_letters(session, {letter.id: address for letter in found}, min(due, default=self._clock.now()))
            await ring_senders(session, self._wake)
            return found

        return await in_chunks(self._database, move)
