"""Declares every queue of every service on the broker: `python -m deploy.topology`. Harmless to repeat.

One step before anything runs, so that an event published early finds all the queues that want it.
"""

import asyncio
import sys
from contextlib import suppress

import typer

from services.actions.handlers import QUEUES as ACTIONS
from services.cases.handlers import QUEUES as CASES
from services.delivery.handlers import QUEUES as DELIVERY
from shared.bus import BusAway, Queue, TopologyMismatch
from shared.bus.rabbitmq import RabbitMQBus
from shared.settings import Settings

QUEUES: tuple[Queue, ...] = (*CASES, *ACTIONS, *DELIVERY)
TRIES_MAX = 30
WAIT_SECONDS = 2.0


def main() -> None:
    """Declare every queue of every service on the broker at W4R_AMQP_URL."""
    url = Settings().amqp_url
    if not url:
        raise typer.BadParameter("set W4R_AMQP_URL to the broker")
    try:
        asyncio.run(declare(url))
    except (BusAway, TopologyMismatch) as fault:
        sys.exit(f"topology: {fault}")
    print(f"topology: {len(QUEUES)} queues are there, with their retry rungs and dead queues")


async def declare(url: str) -> None:
    """Raises `BusAway` when the broker could not be reached in about a minute, and `TopologyMismatch`."""
    bus = RabbitMQBus(url, name="topology")
    try:
        await _start(bus)
        await bus.declare(QUEUES)
    finally:
        await bus.close()


async def _start(bus: RabbitMQBus) -> None:
    for _ in range(TRIES_MAX):
        with suppress(BusAway):
            await bus.start()
            return
        await asyncio.sleep(WAIT_SECONDS)
    await bus.start()


if __name__ == "__main__":
    typer.run(main)
