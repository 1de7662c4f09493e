"""Listens on one queue of the broker and hands over what comes, whatever becomes of connections underneath."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from shared.bus import BusAway, TopologyMismatch
from shared.bus.faults import broker_faults
from shared.bus.intake import Intake
from shared.bus.link import Link, close_channel

LISTEN_SECONDS_MAX = 10.0
LISTEN_AGAIN_SECONDS = 0.2

log = structlog.get_logger(__name__)

# Deals with one batch, acknowledgements included. The event is set when waiting for anything is no longer of use.
Take = Callable[[Sequence[AbstractIncomingMessage], asyncio.Event], Awaitable[None]]


class ConsumerDeaf(Exception):
    """A queue could not be listened to for too long. The process should end and begin anew."""


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
        batch_max: int = 1,
        linger_seconds: float = 0.0,
    ) -> None:
        self._link, self._queue, self._take = link, queue, take
        self._prefetch, self._deaf_seconds_max = max(prefetch, batch_max), deaf_seconds_max
        self._batch_max, self._linger_seconds = batch_max, linger_seconds
        self._stopping = asyncio.Event()
        self._intake: Intake[AbstractIncomingMessage] | None = None

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
                    raise ConsumerDeaf(f"{self._queue} not heard for {deaf_seconds:.0f} s: {fault}") from fault
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), LISTEN_AGAIN_SECONDS)

    async def _listen(self) -> None:
        """Listen on one channel for as long as it lives. Raises `BusAway` when there is none to be had."""
        connection = self._link.connection()
        intake: Intake[AbstractIncomingMessage] = Intake()
        channel = await self._open(connection, intake)
        log.info("listening", queue=self._queue)
        self._intake = intake
        if self._stopping.is_set():
            intake.end()
        try:
            while batch := await intake.next_batch(self._batch_max, self._linger_seconds):
                await self._take(batch, intake.ended)
        finally:
            intake.end()
            await close_channel(channel)
        if not self._stopping.is_set():
            log.warning("listening_ended", queue=self._queue, next="listening again")

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
            await (await channel.get_queue(self._queue, ensure=False)).consume(arrive)
            return channel


async def acknowledge(messages: Sequence[AbstractIncomingMessage]) -> None:
    """Acknowledge. Where the channel is gone the broker delivers again, and handlers know what they have done."""
    with suppress(BusAway, TopologyMismatch):
        async with broker_faults(LISTEN_SECONDS_MAX):
            for message in messages:
                await message.ack()


async def give_back(message: AbstractIncomingMessage) -> None:
    """Let the broker deliver it again; on a dead channel it does so anyway."""
    with suppress(BusAway, TopologyMismatch):
        async with broker_faults(LISTEN_SECONDS_MAX):
            await message.nack(requeue=True)
