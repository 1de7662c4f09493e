"""Publishes to RabbitMQ and returns when the broker has confirmed."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, DeliveryMode

from shared.bus import BusAway
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
        self._exchanges: dict[str, AbstractExchange] = {}

    async def publish(
        self, exchange: str, routing_key: str, body: bytes, *, type: str | None, headers: Mapping[str, Any]
    ) -> None:
        """Return when the message is stored in every queue bound for it. Raises `BusAway`, `NotTaken`, `Unroutable`.

        After `BusAway` the message may be stored all the same, now or later."""
        connection = self._link.connection()
        message = aio_pika.Message(
            body,
            content_type="application/cloudevents+json",
            delivery_mode=DeliveryMode.PERSISTENT,
            headers=dict(headers),
            # The client tells returned messages apart by this id alone. With one id in flight twice, the message
            # that came back would be reported stored: so it is fresh for every publish, and never the event's.
            message_id=str(uuid4()),
            type=type,
        )
        async with self._link.doubted_if_silent(connection), broker_faults(self._publish_seconds_max):
            await self._link.wait_unblocked(connection)
            target = await self._exchange(connection, exchange)
            await target.publish(message, routing_key, mandatory=True)

    async def ping(self) -> None:
        """Raises `BusAway` unless the broker answers and takes messages."""
        connection = self._link.connection()
        async with self._link.doubted_if_silent(connection), broker_faults(PING_SECONDS_MAX):
            await self._link.wait_unblocked(connection)
            await self._exchange(connection, TO_QUEUE)
            if self._channel is not None:
                await self._channel.get_exchange(ALWAYS_THERE, ensure=True)

    async def _exchange(self, connection: AbstractConnection, name: str) -> AbstractExchange:
        async with self._opening:
            if self._link.connection() is not connection:
                raise BusAway("the connection was lost meanwhile")
            channel = await self._open_channel(connection)
            if name not in self._exchanges:
                # Declared, so that a type nobody has ever wanted comes back as unroutable and closes no channel.
                await declare_exchange(channel, name)
                self._exchanges[name] = await channel.get_exchange(name, ensure=False)
            return self._exchanges[name]

    async def _open_channel(self, connection: AbstractConnection) -> AbstractChannel:
        if self._channel is None or self._channel.is_closed or self._connection is not connection:
            channel = connection.channel(publisher_confirms=True, on_return_raises=True)
            await channel.initialize()
            self._connection, self._channel = connection, channel
            self._exchanges = {TO_QUEUE: channel.default_exchange}
        return self._channel
