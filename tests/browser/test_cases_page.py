"""What scripts add to a case's page, in a real browser: live numbers, a draft that is kept, one click that counts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from deploy.local.ports import free_port
from services.cases.app import create_app
from services.cases.ledger import count_events
from services.cases.wiring import Wiring
from shared.processes import serve
from tests.support.cases_folders import CASE, change, write_campaign
from tests.support.cases_service import cases_service
from tests.support.events import an_accepted_action
from tests.support.made_pictures import a_picture
from tests.support.until import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PICTURED = change(CASE, ("summary", "picture: {file: head.jpg, alt: A drawing of a head, credit: A Painter}\nsummary"))
IS_PAINTED = "performance.getEntriesByName('first-contentful-paint').length > 0"
NOTE_SHIFTS = """window.shifts = [];
new PerformanceObserver((seen) => shifts.push(...seen.getEntries().map((entry) => entry.value)))
  .observe({ type: "layout-shift", buffered: true });"""
BLOCKING = """() => performance.getEntriesByType("resource")
  .filter((file) => file.renderBlockingStatus === "blocking").map((file) => new URL(file.name).pathname)"""


@asynccontextmanager
async def served(wiring: Wiring) -> AsyncIterator[str]:
    port, stop = free_port(), asyncio.Event()
    serving = asyncio.gather(serve(create_app(wiring), "127.0.0.1", port)(stop), wiring.live.end(stop))
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        await serving


@pytest_asyncio.fixture(loop_scope="module")
async def cases(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Wiring]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}"
    settings = {"page_cache_seconds": 0, "http_cache_seconds": 0, "live_look_seconds": 0.05}
    async with cases_service(url, **settings | getattr(request, "param", {})) as wiring:
        await wiring.publishing.import_folder(write_campaign(tmp_path / "campaign"))
        yield wiring


async def opened(browser: Browser, address: str, path: str = "/cases/a-test-case", width: int = 390) -> Page:
    context = await browser.new_context(viewport={"width": width, "height": 900})
    page = await context.new_page()
    await page.goto(address + path)
    return page


@pytest.mark.parametrize("cases", [{}, {"live_streams_max": 0}], ids=["told", "asked"], indirect=True)
async def test_the_numbers_live(cases: Wiring, browser: Browser) -> None:
    """Told as they change; where the server has no room to tell, the page asks."""
    is_told = cases.live.has_room("anybody")
    async with served(cases) as address:
        context = await browser.new_context()
        page = await context.new_page()
        await page.clock.install()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "/api/" in request.url else None)
        await page.goto(f"{address}/cases/a-test-case")
        async with page.expect_response("**/count/stream"):
            await page.clock.run_for(5_000)
        await count_events(cases.database, [an_accepted_action()])
        if not is_told:
            await page.clock.run_for(10_000)
        await expect(page.locator("[data-figure=collected]").first).to_have_text("1")
        await expect(page.locator("[data-count-paused]")).to_be_hidden()
        assert any(url.endswith("/count") for url in asked) != is_told
        await context.close()


async def test_a_tab_that_nobody_looks_at_holds_no_line(cases: Wiring, browser: Browser) -> None:
    """A browser has six to a site, and a letter needs one of them."""
    async with served(cases) as address:
        context = await browser.new_context()
        await context.add_init_script("Object.defineProperty(document, 'hidden', { get: () => true })")
        page = await context.new_page()
        await page.clock.install()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "/api/" in request.url else None)
        await page.goto(f"{address}/cases/a-test-case")
        await page.clock.run_for(20_000)
        assert asked == []
        await context.close()


async def test_when_numbers_rest_the_page_says_so_and_asks_no_more(cases: Wiring, browser: Browser) -> None:
    async with served(cases) as address:
        context = await browser.new_context()
        page = await context.new_page()
        await page.clock.install()
        await page.goto(f"{address}/cases/a-test-case")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "/api/" in request.url else None)
        cases.load.requests += 900
        await page.clock.run_for(10_000)
        await expect(page.locator("[data-count-paused]")).to_be_visible()
        await expect(page.locator("[data-figure=collected]")).to_have_text("0")
        cases.load.requests -= 900
        await page.clock.run_for(600_000)
        assert asked == [f"{address}/api/v1/cases/a-test-case/count/stream"]
        await context.close()


async def test_a_server_away_for_a_moment_leaves_the_numbers_and_is_asked_again(
    cases: Wiring, browser: Browser
) -> None:
    async with served(cases) as address:
        context = await browser.new_context()
        await context.add_init_script("delete window.EventSource")
        page = await context.new_page()
        await page.clock.install()
        await page.goto(f"{address}/cases/a-test-case")
        await context.set_offline(True)
        await page.clock.run_for(30_000)
        await context.set_offline(False)
        await count_events(cases.database, [an_accepted_action()])
        await expect(page.locator("[data-figure=collected]")).to_have_text("0")
        await page.clock.run_for(60_000)
        await expect(page.locator("[data-figure=collected]")).to_have_text("1")
        await expect(page.locator("[data-count-paused]")).to_be_hidden()
        await context.close()


async def test_what_was_written_is_kept_until_the_receipt(cases: Wiring, browser: Browser) -> None:
    async with served(cases) as address:
        page = await opened(browser, address)
        await page.fill("#field-body", "My own words.")
        await page.fill("#field-name", "Somebody")
        await page.reload()
        assert await page.input_value("#field-body") == "My own words."
        assert "Somebody" not in await page.evaluate("JSON.stringify({...sessionStorage})")
        await page.goto(f"{address}/receipts/any")
        assert await page.evaluate("sessionStorage.length") == 0


async def test_a_second_click_on_the_way_does_nothing(cases: Wiring, browser: Browser) -> None:
    async with served(cases) as address:
        page = await opened(browser, address)
        posts: list[str] = []

        async def take(route: Route) -> None:
            posts.append(route.request.post_data or "")
            # No Content leaves the page as it stands, as a slow answer would.
            await route.fulfill(status=204)

        await page.route("**/actions", take)
        for field, value in {"name": "Somebody", "email": "somebody@mail.example"}.items():
            await page.fill(f"#field-{field}", value)
        await page.select_option("#field-country", "PK")
        await page.dblclick("button[type=submit]", no_wait_after=True)
        await expect(page.locator("button[type=submit]")).to_be_disabled()
        assert len(posts) == 1
        assert "case=a-test-case" in posts[0]


async def test_it_is_painted_once_its_style_is_there_and_nothing_moves_when_the_rest_comes(
    cases: Wiring, browser: Browser, tmp_path: Path
) -> None:
    a_picture(tmp_path / "pictured" / "head.jpg")
    await cases.publishing.import_folder(write_campaign(tmp_path / "pictured", a_test_case=PICTURED))
    painted = asyncio.Event()

    async def come_late(route: Route) -> None:
        if route.request.resource_type in {"script", "image"}:
            await painted.wait()
        await route.continue_()

    async with served(cases) as address:
        context = await browser.new_context(viewport={"width": 390, "height": 844})
        await context.add_init_script(NOTE_SHIFTS)
        page = await context.new_page()
        await page.route("**", come_late)
        for path in ("/en/cases/a-test-case", "/en/"):
            painted.clear()
            await page.goto(address + path, wait_until="commit")
            await until(lambda: page.evaluate(IS_PAINTED))
            painted.set()
            await page.wait_for_load_state()
            await page.locator("main img").first.evaluate("picture => picture.decode()")
            await page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")
            assert await page.evaluate("shifts") == [], path
            assert [Path(file).stem.split(".")[0] for file in await page.evaluate(BLOCKING)] == ["w4r"], path
        await context.close()


@pytest.mark.parametrize(
    "path", ["/", "/?q=nothing&country=PK", "/cases/a-test-case", "/cases/a-test-case?letter=ur", "/cases/nobody"]
)
@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_no_page_is_wider_than_its_window(cases: Wiring, browser: Browser, path: str, width: int) -> None:
    async with served(cases) as address:
        page = await opened(browser, address, path, width)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
