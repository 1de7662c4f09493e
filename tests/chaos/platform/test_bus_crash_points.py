"""Workers and relays die at the worst of moments, each once. Invariant: `accepted = sum of outcomes`."""

import asyncio
from collections.abc import Sequence

import pytest

from deploy.routes import Service
from shared.crash_points import CRASHED, CrashPoint
from tests.support.chaos_queries import execute
from tests.support.chaos_world import PATIENCE_SECONDS, World
from tests.support.until import until

RELAYS = ("actions-relay", "delivery-relay")
WORKER = "delivery-worker"

pytestmark = pytest.mark.timeout(900)


async def test_what_was_under_way_comes_again_and_counts_once(world: World) -> None:
    """The relays die with events published and not marked; the worker, which is brought them, before its commit, and
    when it has them again, after it."""
    for name in (*RELAYS, WORKER):
        world.platform.stack.kill(name)
    for name in RELAYS:
        launch(world, name, CrashPoint.BEFORE_PUBLISHED)
    launch(world, WORKER, CrashPoint.BEFORE_PLAN)
    try:
        async with world.crowd("crash"):
            pass
        await until(lambda: have_crashed(world, [WORKER]), PATIENCE_SECONDS)
        launch(world, WORKER, CrashPoint.AFTER_PLAN)
        await until(lambda: have_crashed(world, [*RELAYS, WORKER]), PATIENCE_SECONDS)
    finally:
        await asyncio.gather(*(world.platform.do(revive, world, name) for name in (*RELAYS, WORKER)))
    await let_leases_lapse(world)
    await world.adds_up()


def launch(world: World, name: str, point: CrashPoint) -> None:
    stack = world.platform.stack
    stack.launch(stack.process(name), {"W4R_CRASH_AT": point})


def have_crashed(world: World, names: Sequence[str]) -> bool:
    children = [world.platform.stack.process(name).child for name in names]
    return all(child is not None and child.exit_code() == CRASHED for child in children)


def revive(world: World, name: str) -> None:
    world.platform.stack.kill(name)
    world.platform.stack.revive(name)


async def let_leases_lapse(world: World) -> None:
    """What a dead relay held is free after half a minute; here at once."""
    for service in (Service.ACTIONS, Service.DELIVERY):
        await execute(world.platform.database(service), "UPDATE outbox SET next_at = now() WHERE published_at IS NULL")
