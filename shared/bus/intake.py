"""Where what arrived waits to be handled, and how a batch is made of it."""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Intake(Generic[T]):
    """A line of things to handle. Once `end` was called, nothing more comes out of it."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self._line: asyncio.Queue[T | None] = asyncio.Queue()

    def put(self, thing: T) -> None:
        self._line.put_nowait(thing)

    def end(self) -> None:
        """Wake whoever waits: there is nothing to wait for any more."""
        self.ended.set()
        self._line.put_nowait(None)

    def rest(self) -> list[T]:
        """Take out everything that nobody will handle."""
        things = [self._line.get_nowait() for _ in range(self._line.qsize())]
        return [thing for thing in things if thing is not None]

    async def next_batch(self, batch_max: int, linger_seconds: float) -> list[T]:
        """Wait for one thing, then take what comes within `linger_seconds`, up to `batch_max`. Empty: it ended."""
        first = await self._get()
        if first is None:
            return []
        batch = [first]
        deadline = asyncio.get_running_loop().time() + linger_seconds
        while len(batch) < batch_max and (thing := await self._get_until(deadline)) is not None:
            batch.append(thing)
        return batch

    async def _get(self) -> T | None:
        thing = await self._line.get()
        if not self.ended.is_set():
            return thing
        # What is left stays for `rest`, and wakes the next one who waits here.
        self._line.put_nowait(thing)
        return None

    async def _get_until(self, deadline: float) -> T | None:
        wait_seconds = deadline - asyncio.get_running_loop().time()
        if self._line.empty() and wait_seconds <= 0:
            return None
        try:
            async with asyncio.timeout(max(0.0, wait_seconds)):
                return await self._get()
        except TimeoutError:
            return None
