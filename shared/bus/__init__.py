"""The bus: carries events between services, with the same promises on RabbitMQ and inside one process.

A publisher calls `publish` and knows, when it returns, that the message is safe. A consumer hands in a
`Subscription`; its handler gets batches and must be harmless to run twice. What a handler raises decides what
comes next:

    returns            every message of the batch is acknowledged
    `Retry`            this message waits on the next rung of the queue's retry ladder
    `Drop`             this message is acknowledged and forgotten, with a log line that says why
    `Halt`             what the handler needs is away: the consumer keeps the batch and tries it again, with growing
                       waits, taking nothing new meanwhile
    anything else      the message is delivered again, `delivery_limit` times in all, then put aside as dead

A batch of more than one that raises (`Halt` apart) is handled again message by message, so one bad message
harms no other. Dead messages go to `<queue>.dead` and from there to `Subscription.keep_dead`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from shared.messages.envelope import Envelope, Event, Message


class Retry(Exception):
    """This message cannot be handled yet. Try it again later, on the next rung."""


class Drop(Exception):
    """This message will never matter again. Acknowledge and forget it."""


class Halt(Exception):
    """The fault is not the message's: something the handler needs is away."""


class BusAway(Exception):
    """The message was not confirmed, and may or may not be stored. Publish it again later."""


class NotTaken(Exception):
    """This one message was not taken; others may be. Publish it again later."""


class Unroutable(NotTaken):
    """No queue is bound for this type of message. Nothing was stored."""


PublishFault = BusAway | NotTaken


@dataclass(frozen=True)
class Rung:
    """One step of a queue's retry ladder: `<queue>.retry.<name>`, where a message waits `wait` long, once."""

    name: str
    wait: timedelta


RUNGS = (
    Rung("10s", timedelta(seconds=10)),
    Rung("1m", timedelta(minutes=1)),
    Rung("10m", timedelta(minutes=10)),
)


@dataclass(frozen=True)
class Queue:
    """A durable queue of one consumer role, bound to the events it wants.

    A message that asks for `Retry` climbs `rungs` one by one, then stays on the last until it has been retried
    `retries_max` times, then is dead.
    """

    name: str
    events: tuple[type[Event], ...]
    rungs: tuple[Rung, ...] = RUNGS
    retries_max: int = 20
    delivery_limit: int = 5


@dataclass(frozen=True)
class Dead:
    """A message that could not be handled, as it lies in `<queue>.dead`. `body` may be garbage."""

    queue: str
    message_id: str
    type: str | None
    body: bytes
    reason: str
    died_at: datetime


Handler = Callable[[Sequence[Envelope[Any]]], Awaitable[None]]
KeepDead = Callable[[Dead], Awaitable[None]]


@dataclass(frozen=True)
class Subscription:
    """Who handles a queue. `handle` gets up to `batch_max` messages, waiting at most `linger_seconds` to fill up."""

    queue: Queue
    handle: Handler
    keep_dead: KeepDead
    batch_max: int = 1
    linger_seconds: float = 0.0


class Bus(Protocol):
    """Both implementations pass `tests/contract/test_bus.py`."""

    async def start(self) -> None:
        """Connect. Raises `BusAway` when the broker cannot be reached."""

    async def declare(self, queues: Sequence[Queue]) -> None:
        """Make queues, rungs, dead queues, exchanges and bindings; harmless to repeat.

        Raises `TopologyMismatch` where one exists with other arguments."""

    async def publish(self, message: Message) -> None:
        """Return when the message is safe. Raises `BusAway`, `NotTaken` or `Unroutable`."""

    async def publish_all(self, messages: Sequence[Message]) -> list[PublishFault | None]:
        """Publish side by side. Returns for each message None when it is safe, or what `publish` would raise."""

    async def consume(self, subscription: Subscription) -> None:
        """Begin to consume, in the background, until `close`."""

    async def replay(self, queue: str, body: bytes) -> None:
        """Put a once dead body back into its queue, as if new."""

    async def ping(self) -> None:
        """Raises `BusAway` when messages cannot move."""

    async def wait_failed(self) -> None:
        """Return never, or raise what ended a consumer: a process must not live on with a dead one."""

    async def close(self) -> None:
        """Stop gracefully: take nothing new, finish and acknowledge what is in hand, then disconnect."""


class TopologyMismatch(Exception):
    """A queue exists with other arguments. The text names it and what to do."""
