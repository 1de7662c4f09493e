"""The broker dies, hangs, refuses and forgets. Invariant: 202s go on, and `accepted = sum of outcomes`."""

import asyncio

import pytest

from deploy.routes import Service
from tests.support.chaos_queries import REEMITTED, ask
from tests.support.chaos_world import BURST, PATIENCE_SECONDS, World
from tests.support.until import until

KILLS = 2
FROZEN_SECONDS = 60.0  # every connection is given up meanwhile: the heartbeat is 10 s
CONSUMERS = ("cases-worker", "actions-worker", "delivery-worker")

pytestmark = pytest.mark.timeout(900)


async def test_a_broker_killed_again_and_again_only_moves_the_backlog(world: World) -> None:
    platform = world.platform
    async with world.crowd("killed") as crowd:
        for _ in range(KILLS):
            await until(crowd.more_than(BURST), PATIENCE_SECONDS)
            await platform.do(platform.stack.rabbitmq.kill)
            await until(crowd.more_than(BURST), PATIENCE_SECONDS)
            assert await platform.waiting() >= BURST
            await platform.do(platform.stack.rabbitmq.start)
    await world.adds_up()


async def test_a_broker_that_hangs_for_a_minute_only_moves_the_backlog(world: World) -> None:
    platform, loop = world.platform, asyncio.get_running_loop()
    async with world.crowd("hangs") as crowd:
        await platform.do(platform.stack.rabbitmq.freeze)
        thaw_at = loop.time() + FROZEN_SECONDS
        await until(crowd.more_than(BURST), PATIENCE_SECONDS)
        assert await platform.waiting() >= BURST
    await until(lambda: loop.time() >= thaw_at, FROZEN_SECONDS + 1)
    async with world.crowd("still-hangs"):
        assert await platform.waiting() >= 2 * BURST
        await platform.do(platform.stack.rabbitmq.thaw)
    await world.adds_up()


@pytest.mark.parametrize(
    ("alarm", "relief"),
    [
        (["set_vm_memory_high_watermark", "absolute", "1"], ["set_vm_memory_high_watermark", "0.4"]),
        (["set_disk_free_limit", "1000000GB"], ["set_disk_free_limit", "50MB"]),
    ],
    ids=["memory", "disk"],
)
async def test_a_broker_in_alarm_takes_nothing_and_intake_goes_on(
    world: World, alarm: list[str], relief: list[str]
) -> None:
    platform = world.platform
    async with world.crowd(alarm[0]) as crowd:
        await platform.do(platform.stack.rabbitmq.ctl, *alarm)
        try:

            async def is_refusing() -> bool:
                return await platform.waiting() >= BURST

            await until(is_refusing, PATIENCE_SECONDS)
            await until(crowd.more_than(BURST), PATIENCE_SECONDS)
        finally:
            await platform.do(platform.stack.rabbitmq.ctl, *relief)
    await world.adds_up()


async def test_what_a_wiped_broker_lost_is_published_again_by_itself(world: World) -> None:
    """Events it had confirmed are gone with its disk. The reconciler finds which, and nobody does anything by hand."""
    platform, stack = world.platform, world.platform.stack
    stack.kill("delivery-worker")
    reemitted = await ask(platform.database(Service.ACTIONS), REEMITTED)
    async with world.crowd("wiped") as crowd:

        async def is_confirmed() -> bool:
            return await platform.waiting() < crowd.accepted - BURST

        await until(is_confirmed, PATIENCE_SECONDS)
        await platform.do(stack.rabbitmq.wipe)
        await until(crowd.more_than(BURST), PATIENCE_SECONDS)
        await platform.declare_queues()
        for name in ("cases-worker", "actions-worker"):
            stack.kill(name)
        await asyncio.gather(*(platform.do(stack.revive, name) for name in CONSUMERS))
        await until(crowd.more_than(BURST), PATIENCE_SECONDS)
    await world.adds_up()
    assert await ask(platform.database(Service.ACTIONS), REEMITTED) >= reemitted + BURST, "the broker did lose some"
