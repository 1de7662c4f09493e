"""The bus on RabbitMQ: quorum queues, confirmed publishes, consumers that find their way back.

What is published goes out on one connection and what is consumed comes in on another, because the broker stops
reading from whoever publishes when it runs short of memory or disk. Works on RabbitMQ 3.10 and 4.
"""

import asyncio
from collections.abc import Sequence

from shared.bus import PublishFault, Queue, Subscription, TopologyMismatch
from shared.bus.burst import Outgoing
from shared.bus.consumer import Consumer, DeadKeeper
from shared.bus.faults import broker_faults
from shared.bus.headers import TRACEPARENT
from shared.bus.link import Link, close_channel
from shared.bus.listener import Listener, Take
from shared.bus.publisher import TO_QUEUE, Publisher
from shared.bus.tasks import Watched
from shared.bus.topology import dead_name, declare, explain_mismatch
from shared.messages.envelope import Message
from shared.messages.registry import Unreadable, read

PREFETCH = 64
PUBLISH_SECONDS_MAX = 10.0
DEAF_SECONDS_MAX = 60.0
WATCH_SECONDS = 5.0
IDLE_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 20.0
DECLARE_SECONDS_MAX = 30.0


class RabbitMQBus:
    """A `Bus`. `name` is what operators see beside its connections; `url` is `amqp://user:password@host:port/vhost`.

    A publish that is not confirmed within `publish_seconds_max` is `BusAway`. `prefetch` messages are in a
    consumer's hands at most, or its batch where that is larger. Every `watch_seconds` a consumer makes sure that
    the broker answers and knows it, and begins anew when it was idle for `idle_seconds_max`; one that cannot listen
    for `deaf_seconds_max` ends `wait_failed`. `close` waits `stop_seconds_max` for handlers.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        prefetch: int = PREFETCH,
        publish_seconds_max: float = PUBLISH_SECONDS_MAX,
        deaf_seconds_max: float = DEAF_SECONDS_MAX,
        watch_seconds: float = WATCH_SECONDS,
        idle_seconds_max: float = IDLE_SECONDS_MAX,
        stop_seconds_max: float = STOP_SECONDS_MAX,
    ) -> None:
        self._publishing, self._consuming = Link(url, f"{name} publish"), Link(url, f"{name} consume")
        self._publisher = Publisher(self._publishing, publish_seconds_max)
        self._prefetch, self._deaf_seconds_max = prefetch, deaf_seconds_max
        self._watch_seconds, self._idle_seconds_max = watch_seconds, idle_seconds_max
        self._stop_seconds_max = stop_seconds_max
        self._listeners: list[Listener] = []
        self._tasks = Watched()

    async def start(self) -> None:
        """Connect. Raises `BusAway`; call it again then."""
        await self._publishing.open()

    async def declare(self, queues: Sequence[Queue]) -> None:
        """Make everything these queues need. Raises `TopologyMismatch`, or `BusAway`."""
        for queue in queues:
            try:
                await self._declare(queue)
            except TopologyMismatch as mismatch:
                raise explain_mismatch(queue, mismatch) from mismatch

    async def publish(self, message: Message) -> None:
        """Return when the message is stored in every queue that wants it."""
        await self._publisher.publish(_outgoing(message))

    async def publish_all(self, messages: Sequence[Message]) -> list[PublishFault | None]:
        """As `publish`, for all at once."""
        return await self._publisher.publish_all([_outgoing(message) for message in messages])

    async def consume(self, subscription: Subscription) -> None:
        """Listen to the queue and to its dead, each on a channel of its own."""
        self._consuming.keep_open()
        queue = subscription.queue.name
        self._listen(
            queue,
            Consumer(subscription, self._publisher).take,
            prefetch=self._prefetch,
            batch_max=subscription.batch_max,
            linger_seconds=subscription.linger_seconds,
        )
        self._listen(dead_name(queue), DeadKeeper(subscription).take, prefetch=1)

    async def replay(self, queue: str, body: bytes) -> None:
        """Put a body back into its queue. Raises `Unroutable` when there is no such queue, and as `publish`."""
        try:
            envelope = read(body)
        except Unreadable:
            await self._publisher.publish(Outgoing(TO_QUEUE, queue, body, None, {}))
            return
        headers = _headers(envelope.traceparent)
        await self._publisher.publish(Outgoing(TO_QUEUE, queue, body, envelope.type, headers))

    async def ping(self) -> None:
        if self._listeners:
            self._consuming.connection()
        await self._publisher.ping()

    def is_listening(self, queue: str) -> bool:
        """Whether this process listens to the queue right now."""
        return any(listener.queue == queue and listener.is_listening() for listener in self._listeners)

    async def wait_failed(self) -> None:
        await self._tasks.wait_failed()

    async def close(self) -> None:
        """Finish what is in hand, for `stop_seconds_max` at most. What is not done then is delivered again."""
        for listener in self._listeners:
            listener.stop()
        self._listeners.clear()
        await self._tasks.finish(self._stop_seconds_max)
        await asyncio.gather(self._consuming.close(), self._publishing.close())

    def _listen(
        self, queue: str, take: Take, *, prefetch: int, batch_max: int = 1, linger_seconds: float = 0.0
    ) -> None:
        listener = Listener(
            self._consuming,
            queue,
            take,
            prefetch=prefetch,
            deaf_seconds_max=self._deaf_seconds_max,
            watch_seconds=self._watch_seconds,
            idle_seconds_max=self._idle_seconds_max,
            batch_max=batch_max,
            linger_seconds=linger_seconds,
        )
        self._listeners.append(listener)
        self._tasks.begin(listener.run(), f"listen to {queue}")

    async def _declare(self, queue: Queue) -> None:
        connection = self._publishing.connection()
        async with broker_faults(DECLARE_SECONDS_MAX):
            channel = connection.channel(publisher_confirms=False)
            await channel.initialize()
            try:
                await declare(channel, queue)
            finally:
                await close_channel(channel)


def _outgoing(message: Message) -> Outgoing:
    return Outgoing(message.exchange, message.type, message.body, message.type, _headers(message.traceparent))


def _headers(traceparent: str | None) -> dict[str, str]:
    return {TRACEPARENT: traceparent} if traceparent else {}
