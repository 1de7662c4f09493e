"""Measures what waits: events the relay has not published, and messages that could not be handled."""

from prometheus_client import CollectorRegistry, Gauge
from sqlmodel import col, func, select

from services.actions.tables import DeadLetter, Outbox
from shared.db import Database


class Waiting:
    """For the registry of one process, as of the last `count`."""

    def __init__(self, database: Database, registry: CollectorRegistry) -> None:
        self._database = database
        self._events = Gauge("actions_outbox_depth", "Events waiting to be published", registry=registry)
        self._dead = Gauge("actions_dead_messages", "Messages that wait for somebody to look", registry=registry)

    async def count(self) -> None:
        """Raises `DatabaseAway`."""
        unpublished = select(func.count()).select_from(Outbox).where(col(Outbox.published_at).is_(None))
        dead = select(func.count()).select_from(DeadLetter).where(col(DeadLetter.replayed_at).is_(None))
        async with self._database.transaction() as session:
            self._events.set((await session.exec(unpublished)).one())
            self._dead.set((await session.exec(dead)).one())
