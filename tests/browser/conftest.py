"""What every browser test is given."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser

from tests.journeys.worlds import EmbeddedWorld
from tests.support.browsers import open_browser


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedWorld]:
    """The platform in one process, with the sample campaign."""
    world = EmbeddedWorld(tmp_path_factory.mktemp("demo"))
    world.start()
    yield world
    world.stop()
