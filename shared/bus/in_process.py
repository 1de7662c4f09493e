"""The bus inside one process: the promises of RabbitMQ without a broker, for `make demo` and for tests.

Nothing is stored here. `publish` returns when every subscribed handler has committed, so until then the event
stays in its publisher's outbox row, and a crash delivers it again. Hence what differs from a broker: a message
that is retried or delivered again is refused with `NotTaken` and comes back when the outbox publishes it again,
after the outbox's own wait and not the rung's; and how often it was tried is known to this process only.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import structlog

from shared.bus import BusAway, Dead, NotTaken, PublishFault, Queue, Subscription, Unroutable
from shared.bus.intake import Intake
from shared.bus.outcomes import (
    Climb,
    DeliverAgain,
    Keep,
    Kind,
    PutAside,
    Settle,
    Step,
    call_handler,
    describe,
    log_outcome,
    next_step,
    tell,
    traced,
)
from shared.bus.tasks import Watched
from shared.messages.envelope import Envelope, Message
from shared.messages.registry import Unreadable, read

HANDLE_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 20.0
TRIES_REMEMBERED_MAX = 10_000
PUBLISHES_MAX = 64

log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Parcel:
    """One message on its way to one queue's handler. `taken` tells its publisher what came of it."""

    type: str | None
    body: bytes
    taken: asyncio.Future[None]
    message_id: str = field(default_factory=lambda: str(uuid4()))


@dataclass
class Tries:
    """How often this process tried one event for one queue."""

    deliveries: int = 0
    retries: int = 0


class Lane:
    """One queue: parcels wait in its intake, and each consumer handles them in a task of its own."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.intake: Intake[Parcel] = Intake()
        self.consumers = 0
        self._tries: OrderedDict[UUID, Tries] = OrderedDict()

    def wants(self, wire_type: str) -> bool:
        return any(event.wire_type == wire_type for event in self.queue.events)

    def offer(self, wire_type: str | None, body: bytes) -> asyncio.Future[None]:
        """Hand over a message; the answer is there when it is handled. Raises `NotTaken` if nobody consumes."""
        if not self.consumers:
            raise NotTaken(f"nobody consumes {self.queue.name} yet")
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.intake.put(Parcel(wire_type, body, taken))
        return taken

    def forget_tries(self, event_id: UUID) -> None:
        self._tries.pop(event_id, None)

    async def consume(self, subscription: Subscription) -> None:
        """Handle what comes, batch by batch, until the intake ends."""
        while batch := await self.intake.next_batch(subscription.batch_max, subscription.linger_seconds):
            # Who no longer waits for an answer publishes again, so handling it now would only be done twice.
            waiting = [parcel for parcel in batch if not parcel.taken.done()]
            readable = [(p, e) for p in waiting if (e := await self._read(subscription, p)) is not None]
            if readable:
                await self._handle(subscription, readable)

    async def _read(self, subscription: Subscription, parcel: Parcel) -> Envelope[Any] | None:
        try:
            return read(parcel.body)
        except Unreadable as error:
            await self._put_aside(subscription, parcel, str(error))
            return None

    async def _handle(self, subscription: Subscription, batch: list[tuple[Parcel, Envelope[Any]]]) -> None:
        envelopes = [envelope for _, envelope in batch]
        with traced(self.queue.name, envelopes):
            outcome = await call_handler(subscription, envelopes)
            if len(batch) == 1 or outcome.kind in {Kind.DONE, Kind.HALT}:
                steps = [next_step(outcome, self.queue, *self._count(each.id, outcome.kind)) for each in envelopes]
                log_outcome(self.queue, envelopes, outcome, tell(steps[0]))
                for (parcel, envelope), step in zip(batch, steps, strict=True):
                    await self._finish(subscription, parcel, envelope.id, step)
                return
            log_outcome(self.queue, envelopes, outcome, "handled again one by one")
        for single in batch:
            await self._handle(subscription, [single])

    def _count(self, event_id: UUID, kind: Kind) -> tuple[int, int]:
        """Deliveries that failed, with this one, and retries before this one."""
        tries = self._tries.pop(event_id, Tries())
        deliveries, retries = tries.deliveries + (kind is Kind.FAILED), tries.retries
        if kind in {Kind.FAILED, Kind.RETRY, Kind.HALT}:
            self._tries[event_id] = Tries(deliveries, retries + (kind is Kind.RETRY))
        if len(self._tries) > TRIES_REMEMBERED_MAX:
            self._tries.popitem(last=False)
        return deliveries, retries

    async def _finish(self, subscription: Subscription, parcel: Parcel, event_id: UUID, step: Step) -> None:
        match step:
            case Settle():
                answer(parcel)
            case Climb() | DeliverAgain():
                answer(parcel, NotTaken(f"{self.queue.name} could not handle it: {tell(step)}"))
            case PutAside(reason):
                if await self._put_aside(subscription, parcel, reason):
                    self.forget_tries(event_id)
            case Keep():
                answer(parcel, BusAway(f"what {self.queue.name} needs is away"))

    async def _put_aside(self, subscription: Subscription, parcel: Parcel, reason: str) -> bool:
        dead = Dead(self.queue.name, parcel.message_id, parcel.type, parcel.body, reason, datetime.now(UTC))
        try:
            await subscription.keep_dead(dead)
        except Exception as error:
            answer(parcel, BusAway(f"no place for the dead of {self.queue.name}: {describe(error)}"))
            return False
        log.error("message_put_aside", queue=self.queue.name, message=parcel.message_id, reason=reason, next="kept")
        answer(parcel)
        return True


def answer(parcel: Parcel, fault: Exception | None = None) -> None:
    """Tell the publisher, if it still waits."""
    if parcel.taken.done():
        return
    if fault is None:
        parcel.taken.set_result(None)
    else:
        parcel.taken.set_exception(fault)


class InProcessBus:
    """A `Bus` for publishers and consumers that live in one process. May be started again after `close`.

    Each queue's handler runs in its own task, so a handler that publishes cannot pile up a stack; one that
    publishes to its own queue and waits for it ends after `handle_seconds_max` with `BusAway`.
    """

    def __init__(
        self, *, handle_seconds_max: float = HANDLE_SECONDS_MAX, stop_seconds_max: float = STOP_SECONDS_MAX
    ) -> None:
        self._handle_seconds_max, self._stop_seconds_max = handle_seconds_max, stop_seconds_max
        self._lanes: dict[str, Lane] = {}
        self._open = False
        self._tasks = Watched()

    async def start(self) -> None:
        self._open = True

    async def declare(self, queues: Sequence[Queue]) -> None:
        await self.ping()
        for queue in queues:
            self._lanes.setdefault(queue.name, Lane(queue))

    async def publish(self, message: Message) -> None:
        """Return when every queue's handler committed. Raises `BusAway`, `NotTaken` or `Unroutable`."""
        await self.ping()
        lanes = [lane for lane in self._lanes.values() if lane.wants(message.type)]
        if not lanes:
            raise Unroutable(f"no queue wants {message.type}")
        if any(not lane.consumers for lane in lanes):
            raise NotTaken("not every queue for it is consumed yet")
        await self._answers([lane.offer(message.type, message.body) for lane in lanes])

    async def publish_all(self, messages: Sequence[Message]) -> list[PublishFault | None]:
        """As `publish`, for `PUBLISHES_MAX` at once."""
        gate = asyncio.Semaphore(PUBLISHES_MAX)

        async def publish(message: Message) -> PublishFault | None:
            async with gate:
                try:
                    await self.publish(message)
                except (BusAway, NotTaken) as fault:
                    return fault
                return None

        return await asyncio.gather(*(publish(message) for message in messages))

    async def consume(self, subscription: Subscription) -> None:
        await self.declare([subscription.queue])
        lane = self._lanes[subscription.queue.name]
        lane.consumers += 1
        self._tasks.begin(lane.consume(subscription), f"consume {subscription.queue.name}")

    async def replay(self, queue: str, body: bytes) -> None:
        """As on a broker, but handled when it returns; raises `NotTaken` if the handler could not."""
        await self.ping()
        if queue not in self._lanes:
            raise Unroutable(f"there is no queue {queue}")
        try:
            envelope = read(body)
        except Unreadable:
            await self._answers([self._lanes[queue].offer(None, body)])
            return
        self._lanes[queue].forget_tries(envelope.id)
        await self._answers([self._lanes[queue].offer(envelope.type, body)])

    async def ping(self) -> None:
        if not self._open:
            raise BusAway("the bus is closed")

    async def wait_failed(self) -> None:
        await self._tasks.wait_failed()

    async def close(self) -> None:
        self._open = False
        lanes, self._lanes = list(self._lanes.values()), {}
        for lane in lanes:
            lane.intake.end()
        await self._tasks.finish(self._stop_seconds_max)
        for lane in lanes:
            for parcel in lane.intake.rest():
                answer(parcel, BusAway("the bus is closed"))

    async def _answers(self, taken: Sequence[asyncio.Future[None]]) -> None:
        try:
            async with asyncio.timeout(self._handle_seconds_max):
                faults = await asyncio.gather(*taken, return_exceptions=True)
        except TimeoutError as error:
            raise BusAway(f"not handled within {self._handle_seconds_max} s") from error
        # The bus being away weighs more: then the whole outbox waits, and not this event alone.
        for kind in (BusAway, NotTaken):
            for fault in faults:
                if isinstance(fault, kind):
                    raise fault
