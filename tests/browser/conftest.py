"""What every browser test is given."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.journeys.worlds import EmbeddedWorld
from tests.support.browsers import open_browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One for all tests of a file, since starting it takes longer than most of them; each opens a context of its own.

    So tests and their fixtures share an event loop, too: `pytestmark`, and `loop_scope` where they are made."""
    async with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedWorld]:
    """The platform in one process, with the sample campaign."""
    world = EmbeddedWorld(tmp_path_factory.mktemp("demo"))
    world.start()
    yield world
    world.stop()
