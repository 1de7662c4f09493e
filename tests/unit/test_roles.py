"""How processes live: they wait for what starts later, stop when told, and die when a part of them dies."""

import asyncio
from typing import Any

import pytest

from shared.bus import BusAway, Queue, Subscription
from shared.db import DatabaseAway
from shared.processes import _run
from shared.roles import chore, worker
from shared.wake import Wake
from tests.support.until import until


class ScriptedBus:
    """Refuses the first `refusals` connections, then lives until `die` is set."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals, self.calls = refusals, list[str]()
        self.die = asyncio.Event()

    async def start(self) -> None:
        self.calls.append("start")
        if self.calls.count("start") <= self.refusals:
            raise BusAway

    async def declare(self, queues: object) -> None:
        self.calls.append("declare")

    async def consume(self, subscription: object) -> None:
        self.calls.append("consume")

    async def wait_failed(self) -> None:
        await self.die.wait()
        raise RuntimeError("the consumer went deaf")

    async def close(self) -> None:
        self.calls.append("close")


async def nothing(_: object) -> None:
    return None


SUBSCRIPTION = Subscription(Queue("a.queue", ()), nothing, nothing)


async def test_a_worker_waits_for_a_broker_that_starts_later() -> None:
    stop = asyncio.Event()
    bus: Any = ScriptedBus(refusals=2)
    running = asyncio.create_task(worker(bus, [SUBSCRIPTION])(stop))
    await until(lambda: "consume" in bus.calls)
    stop.set()
    await running
    assert bus.calls == ["start", "start", "start", "declare", "consume", "close"]


async def test_a_worker_that_is_stopped_before_the_broker_came_ends() -> None:
    stop = asyncio.Event()
    bus: Any = ScriptedBus(refusals=1000)
    running = asyncio.create_task(worker(bus, [SUBSCRIPTION])(stop))
    await until(lambda: bus.calls)
    stop.set()
    await asyncio.wait_for(running, 5)


async def test_a_dead_consumer_ends_its_worker() -> None:
    bus: Any = ScriptedBus()
    bus.die.set()
    with pytest.raises(RuntimeError, match="deaf"):
        await worker(bus, [SUBSCRIPTION])(asyncio.Event())
    assert bus.calls[-1] == "close"


async def test_one_job_that_dies_stops_the_others_and_the_process() -> None:
    ended = []

    async def dies(_: asyncio.Event) -> None:
        raise RuntimeError("broken")

    async def goes_on(stop: asyncio.Event) -> None:
        await stop.wait()
        ended.append("gracefully")

    with pytest.raises(ExceptionGroup) as caught:
        await _run((goes_on, dies))
    assert caught.group_contains(RuntimeError, match="broken")
    assert ended == ["gracefully"]


async def test_a_chore_survives_the_database_being_away() -> None:
    turns, stop = [0], asyncio.Event()

    async def sweep() -> None:
        turns[0] += 1
        if turns[0] == 1:
            raise DatabaseAway
        stop.set()

    await asyncio.wait_for(chore(sweep, every_seconds=0.01)(stop), 5)
    assert turns == [2]


async def test_a_wake_that_rang_before_is_not_missed() -> None:
    wake, stop = Wake(), asyncio.Event()
    wake.set()
    await asyncio.wait_for(wake.wait(stop, timeout_seconds=60), 1)


async def test_a_wake_returns_when_its_time_is_up() -> None:
    await asyncio.wait_for(Wake().wait(asyncio.Event(), timeout_seconds=0.01), 1)
