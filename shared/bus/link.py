"""One connection to the broker that is kept open: made again whenever it is lost.

The client's own robust connection is not used, on purpose. It notices a frozen broker after 33 s and makes
publishers wait as long, whereas here the first publish that times out condemns the connection and the others
fail at once. It also restores channels and consumers underneath their users, who then cannot tell deliveries of
the old channel from those of the new; here whoever holds a channel learns that it is gone and begins anew.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection

from shared.bus import BusAway, NotTaken, TopologyMismatch
from shared.bus.faults import broker_faults

HEARTBEAT_SECONDS = 10
CONNECT_SECONDS_MAX = 5.0
CONNECT_AGAIN_SECONDS_MIN = 0.2
CONNECT_AGAIN_SECONDS_MAX = 5.0
CLOSE_SECONDS_MAX = 5.0
LEAVE_SECONDS_MAX = 40.0  # longer than the client takes to give up on a frozen broker
BLOCKED_SECONDS_MAX = 1.0

log = structlog.get_logger(__name__)


class Link:
    """While the link is down `connection` raises `BusAway` at once, and a task in the background reconnects."""

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name = url, name
        self._connection: AbstractConnection | None = None
        self._lost = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connect, then stay connected. Raises `BusAway` when the first try fails; then nothing stays behind."""
        if self._keeper is None:
            self._take(await self._connect())
            self.keep_open()

    def keep_open(self) -> None:
        """Connect in the background, as soon as it can be done, and stay connected."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name=f"link {self._name}")

    def connection(self) -> AbstractConnection:
        """The open connection. Raises `BusAway`."""
        if self._connection is None:
            raise BusAway("not connected to the broker")
        return self._connection

    async def wait_unblocked(self, connection: AbstractConnection) -> None:
        """Raises `BusAway` while the broker, short of memory or disk, takes nothing from this connection."""
        try:
            async with asyncio.timeout(BLOCKED_SECONDS_MAX):
                if connection.transport is not None:
                    await connection.transport.ready()
        except TimeoutError:
            raise BusAway("the broker takes nothing: it is short of memory or disk") from None

    @asynccontextmanager
    async def doubted_if_silent(self, connection: AbstractConnection) -> AsyncIterator[None]:
        """When the broker does not answer in here, give the connection up, so that others need not wait as long."""
        try:
            yield
        except BusAway as fault:
            if isinstance(fault.__cause__, TimeoutError):
                await self._doubt(connection)
            raise

    async def _doubt(self, connection: AbstractConnection) -> None:
        # A blocked connection is kept: the broker lives, would not notice us leave, and blocks the next one too.
        if connection is not self._connection:
            return
        with suppress(BusAway):
            await self.wait_unblocked(connection)
            log.warning("link_doubted", link=self._name, next="connecting again")
            self._lose(connection)

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        if self._connection is not None:
            self._lose(self._connection)
        if self._leaving:
            _, late = await asyncio.wait(self._leaving, timeout=CLOSE_SECONDS_MAX)
            for leaving in late:
                leaving.cancel()

    async def _connect(self) -> AbstractConnection:
        async with broker_faults(CONNECT_SECONDS_MAX):
            return await aio_pika.connect(
                self._url, heartbeat=HEARTBEAT_SECONDS, client_properties={"connection_name": self._name}
            )

    async def _keep(self) -> None:
        pause_seconds = CONNECT_AGAIN_SECONDS_MIN
        while True:
            if self._connection is not None:
                await self._lost.wait()
            try:
                self._take(await self._connect())
                pause_seconds = CONNECT_AGAIN_SECONDS_MIN
            except Exception as fault:  # whatever it is, a process must not live on unable to reconnect
                log.warning("link_down", link=self._name, reason=repr(fault), next=f"again in {pause_seconds:.1f} s")
                await asyncio.sleep(pause_seconds)
                pause_seconds = min(CONNECT_AGAIN_SECONDS_MAX, pause_seconds * 2)

    def _take(self, connection: AbstractConnection) -> None:
        self._connection, self._lost = connection, asyncio.Event()
        connection.close_callbacks.add(lambda *_: self._lose(connection))
        log.info("link_up", link=self._name)

    def _lose(self, connection: AbstractConnection) -> None:
        if connection is not self._connection:
            return
        self._connection = None
        self._lost.set()
        # A frozen broker does not answer to a farewell, and nobody waits for it.
        leaving = asyncio.create_task(_leave(connection), name=f"leave {self._name}")
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)


async def close_channel(channel: AbstractChannel) -> None:
    """Close it, or leave it to the broker when that cannot be done any more."""
    with suppress(BusAway, NotTaken, TopologyMismatch):
        async with broker_faults(CLOSE_SECONDS_MAX):
            await channel.close()


async def _leave(connection: AbstractConnection) -> None:
    with suppress(BusAway):
        async with broker_faults(LEAVE_SECONDS_MAX):
            await connection.close()
