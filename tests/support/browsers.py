"""The system's Chromium, headless, driven by Playwright. It talks to nobody but the page it is shown."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-sync")


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Skips the test where there is no Chromium, loudly; in CI that is a failure."""
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        reason = "Chromium is not installed"
        pytest.fail(reason, pytrace=False) if os.environ.get("CI") == "true" else pytest.skip(reason)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        try:
            yield browser
        finally:
            await browser.close()
