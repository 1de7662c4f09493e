"""How long a supporter looks at nothing: first content of a page on a throttled phone, its cache empty, in ms."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page

from tests.support.browsers import open_browser

# 1.6 Mbit/s down, 750 kbit/s up, 150 ms there and back, and a processor four times slower than this one.
LINE = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750}
CPU_TIMES_SLOWER = 4
PHONE = {"width": 390, "height": 844}
WHEN_PAINTED = """() => new Promise((told) => {
  const tell = (seen) => seen.getEntriesByName("first-contentful-paint").forEach((paint) => told(paint.startTime));
  new PerformanceObserver(tell).observe({ type: "paint", buffered: true });
})"""


def first_content_ms(url: str, rounds: int) -> list[float]:
    """One value a round, each by a browser's new profile. The first look, which starts things, is left out."""
    return asyncio.run(_look(url, rounds))


async def _look(url: str, rounds: int) -> list[float]:
    async with open_browser() as browser:
        looks = [await _look_once(browser, url) for _ in range(rounds + 1)]
    return looks[1:]


async def _look_once(browser: Browser, url: str) -> float:
    async with _throttled(browser) as page:
        await page.goto(url, wait_until="commit")
        return float(await page.evaluate(WHEN_PAINTED))


@asynccontextmanager
async def _throttled(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport=PHONE)  # type: ignore[arg-type]  # a dict of the same shape
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.emulateNetworkConditions", LINE)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": CPU_TIMES_SLOWER})
    yield page
    await context.close()
