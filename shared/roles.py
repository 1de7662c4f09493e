"""The roles that are alike in every service: a worker that consumes, a relay that publishes, chores on the side."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from shared.bus import Bus, BusAway, Subscription
from shared.db import DatabaseAway
from shared.outbox import CHANNEL, Relay
from shared.processes import Job
from shared.wake import Wake, listen

CONNECT_AGAIN_SECONDS_MAX = 10.0

log = structlog.get_logger(__name__)


def worker(bus: Bus, subscriptions: Sequence[Subscription]) -> Job:
    """Consume every subscription until stopped; then finish what is in hand."""

    async def job(stop: asyncio.Event) -> None:
        if not await _connected(bus, stop):
            return
        try:
            await bus.declare([subscription.queue for subscription in subscriptions])
            for subscription in subscriptions:
                await bus.consume(subscription)
            log.info("consuming", queues=[subscription.queue.name for subscription in subscriptions])
            await _first(stop.wait(), bus.wait_failed())
        finally:
            await bus.close()

    return job


def relay(bus: Bus, publisher: Relay, database_url: str, wake: Wake) -> Job:
    """Publish the outbox until stopped, woken by every commit."""

    async def job(stop: asyncio.Event) -> None:
        if not await _connected(bus, stop):
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(listen(database_url, CHANNEL, wake, stop))
                await publisher.run(stop)
        finally:
            await bus.close()

    return job


def chore(do: Callable[[], Awaitable[None]], every_seconds: float) -> Job:
    """Do something small again and again. The database away for a moment is no reason to stop."""

    async def job(stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await do()
            except DatabaseAway as fault:
                log.warning("chore_skipped", chore=do.__qualname__, reason=repr(fault), next="at its next turn")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every_seconds)

    return job


async def _connected(bus: Bus, stop: asyncio.Event) -> bool:
    """Whether the bus was reached before `stop`. A broker that starts later than we do is nothing unusual."""
    wait_seconds = 0.2
    while not stop.is_set():
        try:
            await bus.start()
            return True
        except BusAway as fault:
            log.warning("bus_away", reason=repr(fault), next=f"again in {wait_seconds:.1f} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait_seconds)
            wait_seconds = min(CONNECT_AGAIN_SECONDS_MAX, wait_seconds * 2)
    return False


async def _first(*waits: Awaitable[object]) -> None:
    """Wait for whichever ends first, and raise what it raised."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    for task in done:
        task.result()
