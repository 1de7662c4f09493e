"""Keeps what was just made, so that a hundred thousand readers cost the database one reading every few seconds."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import structlog

from shared.clock import Clock
from shared.db import DatabaseAway

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Entry(Generic[T]):
    value: T
    made_at: datetime


class Remembered(Generic[T]):
    """Values by key: made once for all who ask at the same time, kept `seconds`, at most `entries_max` of them.

    While the database is away, a value may be shown until it is `stale_seconds_max` old."""

    def __init__(self, clock: Clock, *, entries_max: int, seconds: float, stale_seconds_max: float = 0) -> None:
        self._clock, self._entries_max = clock, entries_max
        self._fresh, self._stale = timedelta(seconds=seconds), timedelta(seconds=stale_seconds_max)
        self._entries: OrderedDict[Hashable, _Entry[T]] = OrderedDict()
        self._making: dict[Hashable, asyncio.Task[T]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The value at `key`. Raises what `make` raises."""
        entry = self._entries.get(key)
        if entry and self._clock.now() - entry.made_at < self._fresh:
            self._entries.move_to_end(key)
            return entry.value
        try:
            return await self._make_once(key, make)
        except DatabaseAway:
            if entry and self._clock.now() - entry.made_at < self._stale:
                log.warning("shown_stale", reason="the database is away", next="read at the next request")
                return entry.value
            raise

    async def _make_once(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.ensure_future(self._make(key, make))
            task.add_done_callback(lambda _: self._making.pop(key, None))
        # One reader who goes away must not take the others' answer along.
        return await asyncio.shield(task)

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        made_at = self._clock.now()
        value = await make()
        self._entries[key] = _Entry(value, made_at)
        self._entries.move_to_end(key)
        while len(self._entries) > self._entries_max:
            self._entries.popitem(last=False)
        return value

    def __len__(self) -> int:
        return len(self._entries)
