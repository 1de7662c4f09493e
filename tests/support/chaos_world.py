"""One platform for several chaos tests, one after the other: the world counts what all of them had accepted."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from uuid import uuid4

from tests.support.actions_requests import an_action
from tests.support.chaos_crowd import Crowd
from tests.support.chaos_platform import Platform
from tests.support.chaos_sums import adds_up
from tests.support.servers import private_folder, skip_unless_installed
from tests.support.until import until

CASE = "idris-khattak"
SUPPORTERS = 4
PAUSE_SECONDS = 0.1
BURST = 30
PATIENCE_SECONDS = 40.0


@dataclass
class World:
    platform: Platform
    accepted: int = 0

    @asynccontextmanager
    async def crowd(self, name: str) -> AsyncIterator[Crowd]:
        """Supporters who write until the block ends; whatever broke meanwhile, each of them was accepted at once.

        They are others than the crowd of this name before: a second try of a test is a second crowd."""
        urls, action, rest = self.platform.webs, an_action(case=CASE), PAUSE_SECONDS
        keys = f"{name}-{uuid4().hex}"
        async with Crowd(urls, action, keys, supporters=SUPPORTERS, pause_seconds=rest) as crowd:
            try:
                await until(crowd.more_than(BURST), PATIENCE_SECONDS)
                yield crowd
            finally:
                await crowd.leave()
                self.accepted += crowd.accepted
        assert set(crowd.statuses) == {202}, "intake waits for nobody"
        assert not crowd.broken

    async def open_case(self) -> None:
        """The first letter is taken once the case has come through the bus."""
        async with Crowd([], an_action(case=CASE), "opening", supporters=0) as crowd:
            for web in self.platform.webs:
                await _until_taken(crowd, web)
        self.accepted = max(self.accepted, 1)

    async def adds_up(self) -> None:
        """Wait for the backlog to drain; then every sum agrees, by query, and no process has ended by itself."""
        await adds_up(self.platform, self.accepted)
        assert self.platform.stack.fallen() == []


async def _until_taken(crowd: Crowd, web: str) -> None:
    await until(lambda: crowd.post("first", web), PATIENCE_SECONDS)


@contextmanager
def running_world() -> Iterator[World]:
    with private_folder() as folder:
        with skip_unless_installed():
            platform = Platform(folder)
        platform.stack.start()
        try:
            yield World(platform)
        finally:
            platform.stack.stop()
