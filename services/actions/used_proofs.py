"""Which proofs were used, and for which action: each counts for one, as often as that one is sent again."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import col, delete, select

from services.actions.tables import UsedProof
from shared.clock import Clock
from shared.db import Database
from shared.insert_many import insert_many_once

# Beyond its end nobody can use a proof; the rest is for clocks that differ.
KEEP_EXPIRED = timedelta(hours=1)


class UsedProofs:
    """The service's own database. A row lives as long as its proof could be shown again."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def use(self, challenge: str, action_id: UUID, expires_at: datetime) -> UUID:
        """Write down that this action uses the proof, unless one does already. Returns whose it is.

        Running it again finds the same. Raises `DatabaseAway`."""
        row = {"challenge": challenge, "action_id": action_id, "expires_at": expires_at}
        async with self._database.transaction() as session:
            if await insert_many_once(session, UsedProof, [row]):
                return action_id
            found = await session.exec(select(UsedProof.action_id).where(col(UsedProof.challenge) == challenge))
            return found.one()

    async def forget_expired(self) -> None:
        """Drop what cannot be shown again. Raises `DatabaseAway`."""
        async with self._database.transaction() as session:
            await session.exec(delete(UsedProof).where(col(UsedProof.expires_at) < self._clock.now() - KEEP_EXPIRED))
