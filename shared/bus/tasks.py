"""The consumers that run in the background: none of them may end unnoticed."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class ConsumerEnded(Exception):
    """A consumer's task ended without being told to."""


class Watched:
    """Tasks that run until `finish`. One that ends earlier, however that came, ends `wait_failed`."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._finishing = False
        self._failed = asyncio.Event()
        self._fault: BaseException | None = None

    def begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._finishing = False
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._note_end)

    async def wait_failed(self) -> None:
        """Raises what ended a task."""
        await self._failed.wait()
        if self._fault is not None:
            raise self._fault

    async def finish(self, seconds_max: float) -> None:
        """Wait until all have ended, as somebody has told them to; cancel those that have not in time."""
        self._finishing = True
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=seconds_max)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is None and not self._finishing:
            fault = ConsumerEnded(task.get_name())
        if fault is not None and self._fault is None:
            self._fault = fault
            self._failed.set()
