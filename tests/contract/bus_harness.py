"""One way for the contract's tests to drive either bus.

`publish_until_safe` plays the outbox: it publishes until the bus has taken the message. On a broker that is once;
in one process it is also what delivers again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import aio_pika

from shared.bus import Bus, BusAway, Dead, Handler, NotTaken, PublishFault, Queue, Rung, Subscription
from shared.bus.in_process import InProcessBus
from shared.bus.rabbitmq import RabbitMQBus
from shared.bus.topology import queues_of
from shared.messages.cases import CaseClosedV1
from shared.messages.envelope import Envelope, Event, Message, seal
from tests.support.events import a_closed_case
from tests.support.tcp_proxy import TcpProxy
from tests.support.until import until

SHORT_RUNGS = (Rung("short", timedelta(milliseconds=50)), Rung("longer", timedelta(milliseconds=150)))
PREFETCH = 10


def a_queue(**changes: Any) -> Queue:
    """A queue of this test's own, with rungs that do not keep it waiting."""
    return replace(Queue(f"test.{uuid4().hex}", (CaseClosedV1,), rungs=SHORT_RUNGS), **changes)


def an_event() -> CaseClosedV1:
    """One that no other test has, for the broker's exchanges are shared."""
    return a_closed_case(case_id=uuid4())


def id_of(event: Event) -> UUID:
    return seal(event).event_id


@dataclass
class Recorder:
    """A handler that keeps what it got, after doing what it was told, and a place for the dead."""

    act: Handler | None = None
    batches: list[list[UUID]] = field(default_factory=list)
    done: list[UUID] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)

    async def handle(self, envelopes: Sequence[Envelope[Any]]) -> None:
        ids = [envelope.id for envelope in envelopes]
        self.batches.append(ids)
        if self.act is not None:
            await self.act(envelopes)
        self.done.extend(ids)

    async def keep_dead(self, dead: Dead) -> None:
        if dead.message_id not in {each.message_id for each in self.dead}:
            self.dead.append(dead)

    def tries_of(self, event: Event) -> int:
        return sum(batch.count(id_of(event)) for batch in self.batches)

    def of(self, queue: Queue, **changes: Any) -> Subscription:
        return Subscription(queue, self.handle, self.keep_dead, **changes)


class RunningConsumer(Protocol):
    async def stop(self) -> None: ...


class BusHarness(Protocol):
    """A bus, a network to it, and any number of consumers."""

    async def start_consumer(self, subscription: Subscription) -> RunningConsumer: ...

    async def publish(self, message: Message) -> None: ...

    async def publish_all(self, messages: Sequence[Message]) -> list[PublishFault | None]: ...

    async def replay(self, queue: str, body: bytes) -> None: ...

    async def take_away(self) -> None: ...

    async def bring_back(self) -> None: ...

    async def close(self) -> None: ...


async def publish_until_safe(harness: BusHarness, *events: Event | Message, timeout_seconds: float = 15.0) -> None:
    """What an outbox does: publish again until each is taken."""
    messages = [event if isinstance(event, Message) else seal(event) for event in events]
    await asyncio.gather(*(_publish_one_until_safe(harness, message, timeout_seconds) for message in messages))


async def _publish_one_until_safe(harness: BusHarness, message: Message, timeout_seconds: float) -> None:
    async def is_taken() -> bool:
        try:
            await harness.publish(message)
        except (BusAway, NotTaken):
            return False
        return True

    _taken: bool = await until(is_taken, timeout_seconds)


class InProcessHarness:
    """One bus that all share. Taking it away closes it; who consumed before, consumes again when it is back."""

    def __init__(self) -> None:
        self.bus: Bus = InProcessBus()
        self._subscriptions: list[Subscription] = []

    async def start_consumer(self, subscription: Subscription) -> RunningConsumer:
        await self.bus.start()
        await self.bus.consume(subscription)
        self._subscriptions.append(subscription)
        return self

    async def stop(self) -> None:
        self._subscriptions.clear()
        await self.bus.close()

    async def publish(self, message: Message) -> None:
        await self.bus.publish(message)

    async def publish_all(self, messages: Sequence[Message]) -> list[PublishFault | None]:
        return await self.bus.publish_all(messages)

    async def replay(self, queue: str, body: bytes) -> None:
        await self.bus.replay(queue, body)

    async def take_away(self) -> None:
        await self.bus.close()

    async def bring_back(self) -> None:
        await self.bus.start()
        for subscription in self._subscriptions:
            await self.bus.consume(subscription)

    async def close(self) -> None:
        await self.bus.close()


@dataclass
class RabbitMQConsumer:
    bus: Bus

    async def stop(self) -> None:
        await self.bus.close()


class RabbitMQHarness:
    """Each consumer and the publisher have a bus of their own; all reach the broker through one line."""

    def __init__(self, url: str) -> None:
        self._url = url
        parts = urlsplit(url)
        self.line = TcpProxy(parts.hostname or "127.0.0.1", parts.port or 5672)
        self._buses: list[Bus] = []
        self._queues: set[Queue] = set()

    async def open(self) -> None:
        await self.line.mend()
        self._publisher = await self._new_bus()

    async def start_consumer(self, subscription: Subscription) -> RunningConsumer:
        bus = await self._new_bus()
        await bus.declare([subscription.queue])
        self._queues.add(subscription.queue)
        await bus.consume(subscription)
        return RabbitMQConsumer(bus)

    async def publish(self, message: Message) -> None:
        await self._publisher.publish(message)

    async def publish_all(self, messages: Sequence[Message]) -> list[PublishFault | None]:
        return await self._publisher.publish_all(messages)

    async def replay(self, queue: str, body: bytes) -> None:
        await self._publisher.replay(queue, body)

    async def take_away(self) -> None:
        await self.line.cut()

    async def bring_back(self) -> None:
        await self.line.mend()

    async def close(self) -> None:
        await asyncio.gather(*(bus.close() for bus in self._buses))
        await self.line.cut()
        await delete_queues(self._url, self._queues)

    async def _new_bus(self) -> Bus:
        parts = urlsplit(self._url)
        through_line = parts._replace(
            netloc=f"{parts.username}:{parts.password}@{self.line.host}:{self.line.port}"
        ).geturl()
        bus = RabbitMQBus(through_line, name="contract", prefetch=PREFETCH)
        self._buses.append(bus)
        await bus.start()
        return bus


async def delete_queues(url: str, queues: set[Queue]) -> None:
    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel:
        for queue in queues:
            for on_broker in queues_of(queue):
                await channel.queue_delete(on_broker.name)
