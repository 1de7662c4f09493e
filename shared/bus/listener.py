"""Listens on one queue of the broker and hands over what comes, whatever becomes of connections underneath."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from shared.bus import BusAway, TopologyMismatch
from shared.bus.faults import broker_faults
from shared.bus.intake import Intake
from shared.bus.link import Link, close_channel
from shared.bus.patience import wait_or_end

LISTEN_SECONDS_MAX = 10.0
LISTEN_AGAIN_SECONDS = 0.2

log = structlog.get_logger(__name__)

# Deals with one batch, acknowledgements included. The event is set when waiting for anything is no longer of use.
Take = Callable[[Sequence[AbstractIncomingMessage], asyncio.Event], Awaitable[None]]


class ConsumerDeaf(Exception):
    """A queue could not be listened to for too long. The process should end and begin anew."""


@dataclass(frozen=True)
class Sight:
    """What a look at the queue shows, and how many batches we had taken by then."""

    at_seconds: float
    consumers: int
    ready: int
    batches_taken: int
    busy: bool


def must_begin_anew(idle_since: Sight, now: Sight, idle_seconds_max: float) -> bool:
    """Whether the broker has, or may have, lost track of us, though the channel lives.

    Measured on 3.10: after a restart, or when a queue is deleted and made again at once, a consumer may be left
    without deliveries; the messages then wait, or count as handed to us for ever. The latter cannot be seen from
    here, so who has been idle for long begins anew, which gives back whatever is held in our name.
    """
    if now.busy:
        return False
    idle_seconds = now.at_seconds - idle_since.at_seconds
    waiting_unheard = idle_seconds > 0 and idle_since.ready > 0 and now.ready > 0
    return now.consumers == 0 or waiting_unheard or idle_seconds > idle_seconds_max


class Listener:
    """Takes one batch after the other. What it holds when its channel dies, the broker delivers to somebody again."""

    def __init__(
        self,
        link: Link,
        queue: str,
        take: Take,
        *,
        prefetch: int,
        deaf_seconds_max: float,
        watch_seconds: float,
        idle_seconds_max: float,
        batch_max: int = 1,
        linger_seconds: float = 0.0,
    ) -> None:
        self.queue = queue
        self._link, self._take = link, take
        self._prefetch, self._deaf_seconds_max = max(prefetch, batch_max), deaf_seconds_max
        self._batch_max, self._linger_seconds = batch_max, linger_seconds
        self._watch_seconds, self._idle_seconds_max = watch_seconds, idle_seconds_max
        self._batches_taken, self._busy = 0, False
        self._stopping = asyncio.Event()
        self._intake: Intake[AbstractIncomingMessage] | None = None

    def is_listening(self) -> bool:
        return self._intake is not None and not self._intake.ended.is_set()

    def stop(self) -> None:
        """Take nothing new. `run` returns when what is in hand is done."""
        self._stopping.set()
        if self._intake is not None:
            self._intake.end()

    async def run(self) -> None:
        """Listen until `stop`. Raises `ConsumerDeaf` when it could not for `deaf_seconds_max`."""
        loop = asyncio.get_running_loop()
        heard_at = loop.time()
        while not self._stopping.is_set():
            try:
                await self._listen()
                heard_at = loop.time()
            except BusAway as fault:
                deaf_seconds = loop.time() - heard_at
                if deaf_seconds > self._deaf_seconds_max:
                    raise ConsumerDeaf(f"{self.queue} not heard for {deaf_seconds:.0f} s: {fault}") from fault
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), LISTEN_AGAIN_SECONDS)

    async def _listen(self) -> None:
        """Listen on one channel for as long as it lives. Raises `BusAway` when there is none to be had."""
        connection = self._link.connection()
        intake: Intake[AbstractIncomingMessage] = Intake()
        channel = await self._open(connection, intake)
        log.debug("listening", queue=self.queue)
        self._intake = intake
        if self._stopping.is_set():
            intake.end()
        watch = asyncio.create_task(self._watch(connection, channel, intake), name=f"watch {self.queue}")
        try:
            while batch := await intake.next_batch(self._batch_max, self._linger_seconds):
                self._batches_taken, self._busy = self._batches_taken + 1, True
                await self._take(batch, intake.ended)
                self._busy = False
        finally:
            intake.end()
            await asyncio.gather(watch, return_exceptions=True)
            await close_channel(channel)
        if not self._stopping.is_set():
            log.debug("listening_ended", queue=self.queue, next="listening again")

    async def _watch(
        self, connection: AbstractConnection, channel: AbstractChannel, intake: Intake[AbstractIncomingMessage]
    ) -> None:
        """Look at the queue now and then; end the intake when the broker does not answer or may have lost us."""
        idle_since: Sight | None = None
        try:
            while not intake.ended.is_set():
                async with self._link.doubted_if_silent(connection), broker_faults(LISTEN_SECONDS_MAX):
                    now = await self._look(channel)
                if idle_since is None or now.busy or now.batches_taken > idle_since.batches_taken:
                    idle_since = now
                if must_begin_anew(idle_since, now, self._idle_seconds_max):
                    return
                await wait_or_end(self._watch_seconds, intake.ended)
        finally:
            intake.end()

    async def _look(self, channel: AbstractChannel) -> Sight:
        found = (await channel.declare_queue(self.queue, passive=True)).declaration_result
        at_seconds = asyncio.get_running_loop().time()
        return Sight(at_seconds, found.consumer_count or 0, found.message_count or 0, self._batches_taken, self._busy)

    async def _open(self, connection: AbstractConnection, intake: Intake[AbstractIncomingMessage]) -> AbstractChannel:
        async def arrive(message: AbstractIncomingMessage) -> None:
            intake.put(message)

        async with self._link.doubted_if_silent(connection), broker_faults(LISTEN_SECONDS_MAX):
            channel = connection.channel(publisher_confirms=False)
            await channel.initialize()
            # Both ways in which a consumer goes deaf: its channel dies, or the broker cancels it alone.
            channel.close_callbacks.add(lambda *_: intake.end())
            (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(lambda _: intake.end())
            await channel.set_qos(prefetch_count=self._prefetch)
            await (await channel.get_queue(self.queue, ensure=False)).consume(arrive)
            return channel


async def acknowledge(messages: Sequence[AbstractIncomingMessage]) -> None:
    """Acknowledge. Where the channel is gone the broker delivers again, and handlers know what they have done."""
    with suppress(BusAway, TopologyMismatch):
        async with broker_faults(LISTEN_SECONDS_MAX):
            *others, last = messages
            for message in others:
                # Written together with the last one. Not as "all up to the last": some of those before may be kept.
                if message.delivery_tag is not None:
                    await message.channel.basic_ack(message.delivery_tag, wait=False)
            await last.ack()


async def give_back(message: AbstractIncomingMessage) -> None:
    """Let the broker deliver it again; on a dead channel it does so anyway."""
    with suppress(BusAway, TopologyMismatch):
        async with broker_faults(LISTEN_SECONDS_MAX):
            await message.nack(requeue=True)
