"""What every browser test is given."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.support.browsers import open_browser


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser
