"""The line between actions and delivery in a test's hands: it holds what the broker confirmed, until it is told to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select

from services.actions.reconciling import forget_published
from services.actions.tables import Outbox
from shared.clock import ManualClock
from shared.messages.delivery import ActionsRegisteredV1
from shared.messages.envelope import derived_id
from shared.messages.registry import read
from tests.support.actions_app import ActionsService, actions_service
from tests.support.buses import RecordingBus
from tests.support.events import NOW, an_accepted_action


class Line:
    """`waiting` are the actions on the broker, first to come first. `wait` turns the clock."""

    def __init__(self, service: ActionsService, clock: ManualClock) -> None:
        self.service, self.wiring, self.clock = service, service.wiring, clock
        self._numbers = 0
        self._bus = RecordingBus()
        bus: Any = self._bus
        self.relay = self.wiring.relay(bus)
        self.waiting: list[UUID] = []

    def wait(self, **for_: float) -> None:
        self.clock.advance(timedelta(**for_))

    async def act(self, count: int = 1) -> list[UUID]:
        """So many people act, and what they did is published."""
        ids = [derived_id("action", "in line", self._numbers + number) for number in range(count)]
        self._numbers += count
        events = [an_accepted_action(action_id=action_id, accepted_at=self.clock.now()) for action_id in ids]
        async with self.wiring.database.transaction() as session:
            await self.wiring.outbox.add(session, *events)
        await self.publish()
        return ids

    async def publish(self) -> None:
        """The relay's part: all that is due joins the line."""
        while await self.relay.publish_due():
            pass
        self.waiting += [read(message.body).data.action_id for message in self._bus.published]
        self._bus.published.clear()

    async def register(self, count: int | None = None) -> None:
        """Delivery takes so many from the front of the line, and its report arrives."""
        taken, self.waiting = self.waiting[:count], self.waiting[count:] if count is not None else []
        await self.report(*taken)

    async def report(self, *action_ids: UUID) -> None:
        """Delivery's report on these arrives, whatever the line holds."""
        for at in range(0, len(action_ids), 500):
            ids = action_ids[at : at + 500]
            await self.service.tell(ActionsRegisteredV1(action_ids=ids, registered_at=self.clock.now()))

    def lose(self) -> list[UUID]:
        """The broker loses its disk. Returns what was on it."""
        lost, self.waiting = self.waiting, []
        return lost

    async def reconcile(self) -> int:
        """One turn of the reconciler, and of the relay after it. Returns how many actions joined the line again."""
        before = len(self.waiting)
        await self.wiring.reconciler.reconcile()
        await self.publish()
        return len(self.waiting) - before

    async def forget(self) -> None:
        await forget_published(self.relay)

    async def unregistered(self) -> int:
        missing = select(func.count()).select_from(Outbox).where(col(Outbox.registered_at).is_(None))
        return int((await self.service.rows(missing))[0])

    def metric(self, name: str) -> float | None:
        return self.wiring.registry.get_sample_value(name)


@asynccontextmanager
async def line(database_url: str, **settings: Any) -> AsyncIterator[Line]:
    """On a fresh database, at `NOW`."""
    clock = ManualClock(NOW)
    async with actions_service(database_url, clock=clock, knows_case=False, **settings) as service:
        yield Line(service, clock)
