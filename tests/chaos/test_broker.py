"""The broker dies, hangs, refuses and forgets. Invariant: 202s go on, and `accepted = events = letters / targets`.

Each test leaves one platform as it found it, so `world` counts what all of them had accepted.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from deploy.routes import Service
from tests.support.actions_requests import an_action
from tests.support.chaos_crowd import Crowd
from tests.support.chaos_platform import Platform
from tests.support.chaos_queries import Intake
from tests.support.servers import private_folder, skip_unless_installed
from tests.support.until import until

CASE = "idris-khattak"
SUPPORTERS = 4
PAUSE_SECONDS = 0.1
KILLS = 2
BURST = 30
FROZEN_SECONDS = 15.0  # longer than the heartbeat of 10 s, so every connection is given up
PATIENCE_SECONDS = 40.0
CONSUMERS = ("cases-worker", "actions-worker", "delivery-worker")

pytestmark = pytest.mark.timeout(180)


@dataclass
class World:
    platform: Platform
    accepted: int = 0

    @asynccontextmanager
    async def crowd(self, name: str) -> AsyncIterator[Crowd]:
        """Supporters who write until the block ends; whatever broke meanwhile, each of them was accepted at once."""
        urls, rest = [self.platform.web], PAUSE_SECONDS
        async with Crowd(urls, an_action(case=CASE), name, supporters=SUPPORTERS, pause_seconds=rest) as crowd:
            await until(crowd.more_than(BURST), PATIENCE_SECONDS)
            yield crowd
            await crowd.leave()
        self.accepted += crowd.accepted
        assert set(crowd.statuses) == {202}, "intake never waits for the broker"
        assert not crowd.broken

    async def adds_up(self) -> None:
        """Wait for the backlog to drain; then every sum agrees, by query."""
        sums = await self.platform.settle(self.accepted)
        assert sums.taken == Intake(self.accepted, self.accepted, strays=0)
        assert sums.letters == sums.letters_owed == len(list(self.platform.stack.letters.glob("*.eml")))
        assert sums.letters_by_state == {"sent": sums.letters}
        assert sums.counted == {"collected": self.accepted, "handed_over": sums.letters}
        assert self.platform.stack.fallen() == []


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with private_folder() as folder:
        with skip_unless_installed():
            platform = Platform(folder)
        platform.stack.start()
        try:
            yield World(platform)
        finally:
            platform.stack.stop()


@pytest.fixture(autouse=True)
async def open_case(world: World) -> None:
    """The first letter is taken once the case has come through the bus."""
    async with Crowd([], an_action(case=CASE), "opening", supporters=0) as crowd:
        await until(lambda: crowd.post("first", world.platform.web), PATIENCE_SECONDS)
    world.accepted = max(world.accepted, 1)


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


async def test_a_broker_that_hangs_beyond_its_heartbeat_only_moves_the_backlog(world: World) -> None:
    platform, loop = world.platform, asyncio.get_running_loop()
    async with world.crowd("hangs") as crowd:
        await platform.do(platform.stack.rabbitmq.freeze)
        thaw_at = loop.time() + FROZEN_SECONDS
        await until(crowd.more_than(BURST), PATIENCE_SECONDS)
        await until(lambda: loop.time() >= thaw_at, FROZEN_SECONDS + 1)
        assert await platform.waiting() >= BURST
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


async def test_what_a_wiped_broker_lost_is_published_again_from_the_outboxes(world: World) -> None:
    """As the runbook says. Events it had confirmed are gone with its disk; those who had them know them by their id."""
    platform, stack, since = world.platform, world.platform.stack, datetime.now(UTC)
    stack.kill("delivery-worker")
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

    async def is_published() -> bool:
        return await platform.waiting() == 0

    await until(is_published, PATIENCE_SECONDS)
    assert await platform.letters() < await platform.letters_owed(), "the broker did lose some"
    for service in Service:
        await platform.publish_again(service, since)
    await world.adds_up()
