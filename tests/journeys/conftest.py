"""The worlds, started once for all journeys. A journey that breaks something mends it, and has a case of its own."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.journeys.worlds import EmbeddedWorld, StackWorld, World
from tests.support import servers

CASES = 13


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedWorld]:
    world = EmbeddedWorld(tmp_path_factory.mktemp("embedded"))
    world.start()
    yield world
    world.stop()


@pytest.fixture(scope="session")
def stack() -> Iterator[StackWorld]:
    with servers.private_folder() as folder:
        with servers.skip_unless_installed():
            world = StackWorld(folder, cases=CASES, copies={"delivery-sender": 2})
        try:
            world.start()
            yield world
        finally:
            world.stop()


@pytest.fixture(params=["embedded", "stack"])
def world(request: pytest.FixtureRequest) -> World:
    """The journey is made in both worlds."""
    world: World = request.getfixturevalue(request.param)
    return world


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=world.url, timeout=30) as client:
        yield client


@pytest.fixture
async def stack_client(stack: StackWorld) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        yield client
