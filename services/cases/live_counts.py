"""The numbers of a case told to pages that listen, by server-sent events, whenever they change.

Source: HTML, section 9.2 (text/event-stream): a browser comes again by itself when a stream ends, and not after a 204.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from services.cases.settings import CasesSettings
from shared.web.clients import Client

COME_AGAIN_MS = 5_000
QUIET_SECONDS_MAX = 12.0
CLIENT_STREAMS_MAX = 20


class LiveCounts:
    """At most `streams_max` streams in one process, each a look every few seconds at what is in memory anyway."""

    def __init__(self, settings: CasesSettings) -> None:
        self._streams_max, self._ending = settings.live_streams_max, asyncio.Event()
        self._every, self._looks_max = settings.live_look_seconds, settings.live_looks_max
        self._by_client: Counter[Client] = Counter()

    def has_room(self, client: Client) -> bool:
        """No one client gets the room of all."""
        is_free = self._by_client.total() < self._streams_max and self._by_client[client] < CLIENT_STREAMS_MAX
        return is_free and not self._ending.is_set()

    async def listen(self, client: Client, read: Callable[[], Awaitable[str]]) -> AsyncIterator[bytes]:
        """What `read` says now, and then each time that it says something else; a comment when all is quiet, so that
        no gateway takes the line for dead. Ends by itself, or with the process, and at once where the room is gone."""
        if not self.has_room(client):
            return
        self._by_client[client] += 1
        try:
            told, quiet_seconds = "", 0.0
            for _ in range(self._looks_max):
                count = await read()
                if count != told:
                    told, quiet_seconds = count, 0.0
                    yield format_sse_event(data_str=count, retry=COME_AGAIN_MS)
                elif quiet_seconds + self._every > QUIET_SECONDS_MAX:
                    quiet_seconds = 0.0
                    yield KEEPALIVE_COMMENT
                if await self._is_ending():
                    return
                quiet_seconds += self._every
        finally:
            self._by_client[client] -= 1
            if not self._by_client[client]:
                del self._by_client[client]

    async def end(self, stop: asyncio.Event) -> None:
        """A job: let go of those who listen when the process stops, which would wait for them otherwise."""
        await stop.wait()
        self._ending.set()

    async def _is_ending(self) -> bool:
        try:
            await asyncio.wait_for(self._ending.wait(), self._every)
        except TimeoutError:
            return False
        return True
