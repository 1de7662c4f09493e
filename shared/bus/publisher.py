"""Publishes to RabbitMQ and returns when the broker has confirmed."""

import asyncio
from collections.abc import Sequence
from typing import cast

import aiormq
from aio_pika.abc import AbstractChannel, AbstractConnection

from shared.bus import BusAway, NotTaken, PublishFault
from shared.bus.burst import Burst, Outgoing, send
from shared.bus.faults import broker_faults
from shared.bus.link import Link
from shared.bus.topology import declare_exchange

PING_SECONDS_MAX = 2.0
ALWAYS_THERE = "amq.topic"
TO_QUEUE = ""  # the default exchange: its routing keys are names of queues


class Publisher:
    """One confirming channel for all who publish in this process. Opened when first needed, and again when lost."""

    def __init__(self, link: Link, publish_seconds_max: float) -> None:
        self._link, self._publish_seconds_max = link, publish_seconds_max
        self._opening = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._exchanges: set[str] = set()

    async def publish(self, outgoing: Outgoing) -> None:
        """Return when the message is stored in every queue bound for it. Raises `BusAway`, `NotTaken`, `Unroutable`.

        After `BusAway` the message may be stored all the same, now or later."""
        (fault,) = await self.publish_all([outgoing])
        if fault is not None:
            raise fault

    async def publish_all(self, outgoing: Sequence[Outgoing]) -> list[PublishFault | None]:
        """As `publish`, for all at once and within the same seconds. For each None, or what `publish` would raise."""
        if not outgoing:
            return []
        burst: Burst | None = None
        try:
            connection = self._link.connection()
            async with self._link.doubted_if_silent(connection), broker_faults(self._publish_seconds_max):
                await self._link.wait_unblocked(connection)
                channel = await self._ready_channel(connection, {each.exchange for each in outgoing})
                burst = await send(channel, outgoing)
                await burst.answered()
            return burst.answers(unanswered=BusAway("not answered"))
        except (BusAway, NotTaken) as fault:
            return burst.answers(unanswered=fault) if burst else [fault for _ in outgoing]
        finally:
            if burst:
                burst.forget()

    async def ping(self) -> None:
        """Raises `BusAway` unless the broker answers and takes messages."""
        connection = self._link.connection()
        async with self._link.doubted_if_silent(connection), broker_faults(PING_SECONDS_MAX):
            await self._link.wait_unblocked(connection)
            await self._ready_channel(connection, {TO_QUEUE})
            if self._channel is not None:
                await self._channel.get_exchange(ALWAYS_THERE, ensure=True)

    async def _ready_channel(self, connection: AbstractConnection, exchanges: set[str]) -> aiormq.Channel:
        """The open channel, with these exchanges on the broker."""
        async with self._opening:
            if self._link.connection() is not connection:
                raise BusAway("the connection was lost meanwhile")
            channel = await self._open_channel(connection)
            for name in exchanges - self._exchanges:
                # Declared, so that a type nobody has ever wanted comes back as unroutable and closes no channel.
                await declare_exchange(channel, name)
                self._exchanges.add(name)
            return cast(aiormq.Channel, await channel.get_underlay_channel())

    async def _open_channel(self, connection: AbstractConnection) -> AbstractChannel:
        if self._channel is None or self._channel.is_closed or self._connection is not connection:
            channel = connection.channel(publisher_confirms=True, on_return_raises=True)
            await channel.initialize()
            self._connection, self._channel = connection, channel
            self._exchanges = {TO_QUEUE}
        return self._channel
