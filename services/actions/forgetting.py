"""Forgets where actions came from, as soon as nobody needs it to tell people from machines.

Our supporters may live where writing is dangerous: what we do not have, nobody can take from us.
"""

from datetime import timedelta

import structlog
from sqlalchemy import update
from sqlmodel import col, select

from services.actions.tables import Action, Invalidation
from shared.clock import Clock
from shared.db import Database

ROWS_AT_ONCE_MAX = 5_000
STEPS_MAX = 200
FORGOTTEN = "forgotten"

log = structlog.get_logger(__name__)


class Forgetting:
    """A chore. `keep` is how long the network of an action is known."""

    def __init__(self, database: Database, clock: Clock, keep: timedelta) -> None:
        self._database, self._clock, self._keep = database, clock, keep

    async def forget_networks(self) -> None:
        """Harmless at any time, and beside others doing the same. Raises `DatabaseAway`."""
        await self._forget_in_invalidations()
        for _ in range(STEPS_MAX):
            if await self._forget_some() < ROWS_AT_ONCE_MAX:
                return

    async def _forget_in_invalidations(self) -> None:
        """An invalid action leads to what made it so, and that to the network it came from."""
        network = col(Invalidation.criteria)["network"].as_string()
        old = (
            col(Invalidation.finished_at).is_not(None),
            col(Invalidation.created_at) < self._clock.now() - self._keep,
        )
        known = (network.is_not(None), network != FORGOTTEN)
        some = select(Invalidation).where(*old, *known).limit(ROWS_AT_ONCE_MAX).with_for_update(skip_locked=True)
        async with self._database.transaction() as session:
            for row in await session.exec(some):
                row.criteria = row.criteria | {"network": FORGOTTEN}
                session.add(row)

    async def _forget_some(self) -> int:
        old = (col(Action.network).is_not(None), col(Action.accepted_at) < self._clock.now() - self._keep)
        some = select(Action.id).where(*old).limit(ROWS_AT_ONCE_MAX).with_for_update(skip_locked=True)
        async with self._database.transaction() as session:
            ids = list(await session.exec(some))
            if ids:
                forget = update(Action).where(col(Action.id).in_(ids)).values(network=None)
                await session.exec(forget.execution_options(synchronize_session=False))
                log.info("networks_forgotten", actions=len(ids))
        return len(ids)
