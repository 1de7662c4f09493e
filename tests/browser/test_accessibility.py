"""Nothing that axe-core can find is in anybody's way, on any page: WCAG 2.2 AA, light and dark, phone and desktop,
left to right and right to left. It sees less than a person does, and what it sees must be right.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from services.actions.news_links import stop_token
from shared.languages import LANGUAGES
from tests.journeys.worlds import EmbeddedWorld

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
READ = (
    "/",
    "/?q=nothing&country=PK",
    "/cases/idris-khattak",
    "/cases/moses-akatugba",
    "/cases/nobody",
    "/cases/idris-khattak/solidarity",
    "/events",
    "/report",
    "/report/thanks",
    "/verify/asked",
)

WORKED_AT = (
    *("overview", "letters", "groups", "bundles", "incoming", "suppressions", "posts", "news", "style"),
    *("intake", "intake/rules", "intake/invalidations", "intake/likeness", "intake/solidarity", "intake/news"),
    *("site", "site/reports"),
)


@asynccontextmanager
async def looked_at(browser: Browser, size: dict[str, int], scheme: str) -> AsyncIterator[Page]:
    context = await browser.new_context(
        viewport=size,  # type: ignore[arg-type]  # a dict of the same shape
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )
    yield await context.new_page()
    await context.close()


async def barriers(page: Page) -> list[str]:
    """What is in somebody's way on this page, with the places."""
    found = await Axe().run(page, options=RULES)
    assert len(found.response["passes"]) > 10, "axe looked"
    return [
        f"{page.url}: {violation['id']}: {node['target']}: {node['failureSummary']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]


async def sent(page: Page, site: str, language: str, country: str = "") -> None:
    """A letter for Idris Khattak: from a country, which leads to its receipt or to advice; or empty: it comes back."""
    await page.goto(f"{site}/{language}/cases/idris-khattak")
    if country:
        await page.fill("#field-name", "A Supporter")
        await page.fill("#field-email", f"supporter-{uuid4().hex}@mail.example")
        await page.select_option("#field-country", country)
    await page.evaluate("document.querySelector('#write form').noValidate = true")
    await page.click("#write button[type=submit]")
    await page.wait_for_load_state()


@pytest.mark.parametrize(
    ("language", "size", "scheme"),
    [
        ("en", PHONE, "light"),
        ("en", DESKTOP, "dark"),
        ("ar", PHONE, "dark"),
        ("ar", DESKTOP, "light"),
        *((language, PHONE, "light") for language in LANGUAGES if language not in {"en", "ar"}),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value["width"]),
)
async def test_nothing_is_in_anybodys_way(
    world: EmbeddedWorld, browser: Browser, language: str, size: dict[str, int], scheme: str
) -> None:
    found: list[str] = []
    async with looked_at(browser, size, scheme) as page:
        for path in READ:
            await page.goto(f"{world.url}/{language}{path}")
            found += await barriers(page)
        await sent(page, world.url, language)
        assert await page.locator(".error-summary").count() == 1
        found += await barriers(page)
        await sent(page, world.url, language, "PK")
        assert await page.locator("input[name=advised]").count() == 1
        found += await barriers(page)
        await sent(page, world.url, language, "DE")
        assert f"/{language}/receipts/" in page.url
        await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        found += await barriers(page)
        receipt = page.url.rsplit("/", 1)[-1]
        action = (await (await page.request.get(f"{world.url}/api/v1/receipts/{receipt}")).json())["action"]["id"]
        await page.goto(f"{world.url}/{language}/unsubscribe/{stop_token(UUID(action), receipt)}")
        found += await barriers(page)
        await page.click("main button")
        found += await barriers(page)
    assert found == []


async def test_nothing_is_in_the_way_of_staff(world: EmbeddedWorld, browser: Browser) -> None:
    found: list[str] = []
    async with looked_at(browser, DESKTOP, "light") as page:
        await page.goto(f"{world.url}/ops/login#{world.staff_token}")
        await page.get_by_role("button", name="Open the console").click()
        for path in WORKED_AT:
            answer = await page.goto(f"{world.url}/ops/{path}")
            assert answer
            assert answer.status == 200
            found += await barriers(page)
    assert found == []
