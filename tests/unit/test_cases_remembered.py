"""Many readers cost the database one reading; a database away costs them nothing for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from services.cases.remembered import Remembered
from shared.clock import ManualClock
from shared.db import DatabaseAway
from tests.support.events import NOW


class Shelf:
    """Counts how often it is read; can be closed."""

    def __init__(self) -> None:
        self.reads = 0
        self.is_away = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self) -> int:
        self.reads += 1
        await self.gate.wait()
        if self.is_away:
            raise DatabaseAway("test")
        return self.reads


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


def remembered(clock: ManualClock, entries_max: int = 10) -> Remembered[int]:
    return Remembered(clock, entries_max=entries_max, seconds=2, stale_seconds_max=60)


async def test_a_value_is_read_once_while_it_is_fresh(clock: ManualClock) -> None:
    shelf, memory = Shelf(), remembered(clock)
    assert [await memory.get("a", shelf.read) for _ in range(3)] == [1, 1, 1]


async def test_a_value_is_read_again_when_its_time_is_up(clock: ManualClock) -> None:
    shelf, memory = Shelf(), remembered(clock)
    await memory.get("a", shelf.read)
    clock.advance(timedelta(seconds=2))
    assert await memory.get("a", shelf.read) == 2


async def test_readers_at_the_same_time_share_one_reading(clock: ManualClock) -> None:
    shelf, memory = Shelf(), remembered(clock)
    shelf.gate.clear()
    readers = [asyncio.create_task(memory.get("a", shelf.read)) for _ in range(50)]
    await asyncio.sleep(0)
    shelf.gate.set()
    assert await asyncio.gather(*readers) == [1] * 50


async def test_a_reader_who_goes_away_takes_nobody_along(clock: ManualClock) -> None:
    shelf, memory = Shelf(), remembered(clock)
    shelf.gate.clear()
    first, second = (asyncio.create_task(memory.get("a", shelf.read)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    shelf.gate.set()
    assert await second == 1


async def test_an_old_value_is_shown_while_the_database_is_away(clock: ManualClock) -> None:
    shelf, memory = Shelf(), remembered(clock)
    await memory.get("a", shelf.read)
    shelf.is_away = True
    clock.advance(timedelta(seconds=59))
    assert await memory.get("a", shelf.read) == 1


async def test_a_value_too_old_is_not_shown(clock: ManualClock) -> None:
    shelf, memory = Shelf(), remembered(clock)
    await memory.get("a", shelf.read)
    shelf.is_away = True
    clock.advance(timedelta(seconds=60))
    with pytest.raises(DatabaseAway):
        await memory.get("a", shelf.read)


async def test_the_value_that_was_asked_for_least_lately_goes_first(clock: ManualClock) -> None:
    memory = remembered(clock, entries_max=2)

    def giving(value: int) -> Callable[[], Awaitable[int]]:
        async def give() -> int:
            return value

        return give

    for key in ("a", "b", "a", "c"):
        await memory.get(key, giving(1))
    assert len(memory) == 2
    assert await memory.get("a", giving(2)) == 1
    assert await memory.get("b", giving(2)) == 2
