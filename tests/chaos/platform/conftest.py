"""The platform that the tests here break and mend in turn."""

from collections.abc import Iterator

import pytest

from tests.support.chaos_world import World, running_world


@pytest.fixture(scope="session")
def running_platform() -> Iterator[World]:
    with running_world() as world:
        yield world


@pytest.fixture
async def world(running_platform: World) -> World:
    """It takes letters, on every web process, whatever a test that failed had left broken."""
    await running_platform.platform.do(running_platform.platform.mend)
    await running_platform.open_case()
    return running_platform
