"""The numbers of a case told to pages that listen, by server-sent events, whenever they change.

Source: HTML, section 9.2 (text/event-stream): a browser comes again by itself when a stream ends, and not after a 204.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from services.cases.settings import CasesSettings

COME_AGAIN_MS = 5_000
QUIET_LOOKS_MAX = 5


class LiveCounts:
    """At most `streams_max` streams in one process, each a look every few seconds at what is in memory anyway."""

    def __init__(self, settings: CasesSettings) -> None:
        self._free, self._ending = settings.live_streams_max, asyncio.Event()
        self._every, self._looks_max = settings.live_look_seconds, settings.live_looks_max

    def has_room(self) -> bool:
        return self._free > 0 and not self._ending.is_set()

    async def listen(self, read: Callable[[], Awaitable[str]]) -> AsyncIterator[bytes]:
        """What `read` says now, and then each time that it says something else; a comment when all is quiet, so that
        no gateway takes the line for dead. Ends by itself, or with the process."""
        self._free -= 1
        try:
            told, quiet = "", 0
            for _ in range(self._looks_max):
                count = await read()
                if count != told:
                    told, quiet = count, 0
                    yield format_sse_event(data_str=count, retry=COME_AGAIN_MS)
                elif (quiet := quiet + 1) >= QUIET_LOOKS_MAX:
                    quiet = 0
                    yield KEEPALIVE_COMMENT
                if await self._is_ending():
                    return
        finally:
            self._free += 1

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
