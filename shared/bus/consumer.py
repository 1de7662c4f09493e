"""What a consumer does with what it heard: open, hand to the handler, and settle each message as the outcome says."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import structlog
from aio_pika.abc import AbstractIncomingMessage

from shared.bus import BusAway, Dead, NotTaken, Queue, Subscription
from shared.bus.burst import Outgoing
from shared.bus.headers import (
    DIED_AT,
    ORIGINAL_ID,
    REASON,
    RETRIES,
    carried_on,
    deliveries_of,
    died_at,
    reason_of,
    retries_of,
)
from shared.bus.listener import acknowledge, give_back
from shared.bus.outcomes import (
    Climb,
    DeliverAgain,
    Keep,
    Kind,
    Outcome,
    PutAside,
    Settle,
    call_handler,
    describe,
    log_outcome,
    next_step,
    tell,
    traced,
)
from shared.bus.patience import growing_waits, insist, wait_or_end
from shared.bus.publisher import TO_QUEUE, Publisher
from shared.bus.topology import dead_name, rung_name
from shared.messages.envelope import Envelope
from shared.messages.registry import Unreadable, read

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Opened:
    """A message in hand, and what it says."""

    message: AbstractIncomingMessage
    envelope: Envelope[Any]


class Consumer:
    """Takes the batches of one subscription's queue."""

    def __init__(self, subscription: Subscription, publisher: Publisher) -> None:
        self._subscription, self._publisher = subscription, publisher
        self._queue: Queue = subscription.queue

    async def take(self, messages: Sequence[AbstractIncomingMessage], ended: asyncio.Event) -> None:
        """Handle and settle. Running it twice is as harmless as the handler is."""
        opened = []
        for message in messages:
            try:
                opened.append(Opened(message, read(message.body)))
            except Unreadable as error:
                await self._put_aside(message, str(error), ended)
        if opened:
            await self._handle(opened, ended)

    async def _handle(self, batch: Sequence[Opened], ended: asyncio.Event) -> None:
        envelopes = [opened.envelope for opened in batch]
        with traced(self._queue.name, envelopes):
            outcome = await self._call_patiently(envelopes, ended)
            if len(batch) == 1:
                await self._settle(batch[0], outcome, ended)
                return
            if outcome.kind in {Kind.DONE, Kind.HALT}:
                log_outcome(self._queue, envelopes, outcome, "acknowledged" if outcome.kind is Kind.DONE else "kept")
                if outcome.kind is Kind.DONE:
                    await acknowledge([opened.message for opened in batch])
                return
            log_outcome(self._queue, envelopes, outcome, "handled again one by one")
        for opened in batch:
            await self._handle([opened], ended)

    async def _call_patiently(self, envelopes: Sequence[Envelope[Any]], ended: asyncio.Event) -> Outcome:
        """Call the handler, again and again while what it needs is away, and keep the batch meanwhile."""
        for seconds in growing_waits():
            outcome = await call_handler(self._subscription, envelopes)
            if outcome.kind is not Kind.HALT or ended.is_set():
                break
            log_outcome(self._queue, envelopes, outcome, f"again in {seconds:.1f} s")
            await wait_or_end(seconds, ended)
            if ended.is_set():
                break
        return outcome

    async def _settle(self, opened: Opened, outcome: Outcome, ended: asyncio.Event) -> None:
        message = opened.message
        step = next_step(outcome, self._queue, deliveries_of(message.headers), retries_of(message.headers))
        log_outcome(self._queue, [opened.envelope], outcome, tell(step))
        match step:
            case Settle():
                await acknowledge([message])
            case Climb(rung):
                headers = carried_on(message.headers) | {RETRIES: retries_of(message.headers) + 1}
                await self._move(message, rung_name(self._queue.name, rung), headers, ended)
            case DeliverAgain():
                await give_back(message)
            case PutAside(reason):
                await self._put_aside(message, reason, ended)
            case Keep():
                pass

    async def _put_aside(self, message: AbstractIncomingMessage, reason: str, ended: asyncio.Event) -> None:
        log.error("message_put_aside", queue=self._queue.name, message=message.message_id, reason=reason, next="kept")
        headers = carried_on(message.headers) | {
            REASON: reason,
            DIED_AT: datetime.now(UTC).isoformat(),
            ORIGINAL_ID: message.message_id or str(uuid4()),
        }
        await self._move(message, dead_name(self._queue.name), headers, ended)

    async def _move(
        self, message: AbstractIncomingMessage, queue: str, headers: dict[str, Any], ended: asyncio.Event
    ) -> None:
        """Publish it into another queue, and only when that is confirmed let go of it here."""
        if await insist(partial(self._publish_copy, message, queue, headers), ended):
            await acknowledge([message])

    async def _publish_copy(self, message: AbstractIncomingMessage, queue: str, headers: dict[str, Any]) -> bool:
        try:
            await self._publisher.publish(Outgoing(TO_QUEUE, queue, message.body, message.type, headers))
        except (BusAway, NotTaken) as fault:
            log.warning("move_waits", queue=self._queue.name, to=queue, reason=str(fault), next="again soon")
            return False
        return True


class DeadKeeper:
    """Takes what lies in the queue's dead queue: hands it over, and lets go when it is kept elsewhere."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    async def take(self, messages: Sequence[AbstractIncomingMessage], ended: asyncio.Event) -> None:
        for message in messages:
            if await insist(partial(self._keep, read_dead(self._subscription.queue.name, message)), ended):
                await acknowledge([message])

    async def _keep(self, dead: Dead) -> bool:
        try:
            await self._subscription.keep_dead(dead)
        except Exception as error:
            log.warning("dead_waits", queue=dead.queue, reason=describe(error), next="again soon")
            return False
        return True


def read_dead(queue: str, message: AbstractIncomingMessage) -> Dead:
    original = message.headers.get(ORIGINAL_ID)
    return Dead(
        queue=queue,
        message_id=original if isinstance(original, str) else message.message_id or str(uuid4()),
        type=message.type,
        body=message.body,
        reason=reason_of(message.headers),
        died_at=died_at(message.headers),
    )
