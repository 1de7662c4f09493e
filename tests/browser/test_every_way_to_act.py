"""Every way to act but the letter by mail, in a real browser and from the first click to the last: paper, a post in
public, a message of solidarity, letters from an event; second thoughts; and the whole of it in Arabic.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.journeys.worlds import EmbeddedWorld, act, an_action, until_all
from tests.support.browsers import open_browser
from tests.support.until import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE = {"width": 390, "height": 844}
CASE = "/en/cases/idris-khattak"
WAIT_MS = 60_000
EASTERN_DIGITS = re.compile(r"[\u0660-\u0669\u06f0-\u06f9]")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One for all: to start a browser costs more than most of what is done with it here."""
    async with open_browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, world: EmbeddedWorld) -> AsyncIterator[Page]:
    """A supporter's phone."""
    context = await browser.new_context(base_url=world.url, viewport=PHONE)  # type: ignore[arg-type]  # same shape
    context.set_default_timeout(WAIT_MS)
    yield await context.new_page()
    await context.close()


@asynccontextmanager
async def at_the_desk(browser: Browser, world: EmbeddedWorld, path: str) -> AsyncIterator[Page]:
    """A page of the console, in a browser of staff's own."""
    context = await browser.new_context(base_url=world.url)
    page = await context.new_page()
    await page.goto(f"/ops/login#{world.staff_token}")
    await page.get_by_role("button", name="Open the console").click()
    await page.wait_for_url("**/ops/letters")
    await page.goto(path)
    yield page
    await context.close()


def staff_api(world: EmbeddedWorld) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=world.url, headers={"Authorization": f"Bearer {world.staff_token}"}, timeout=30)


async def sign(page: Page) -> None:
    """Who writes: nobody who wrote before, since of one person's letters only the first goes out."""
    await page.fill("#field-name", "A Supporter")
    await page.fill("#field-email", f"supporter-{uuid4().hex}@mail.example")
    await page.select_option("#field-country", "DE")


async def write_letter(page: Page, words: str, path: str = CASE, channel: str = "email") -> None:
    await page.goto(path)
    await page.check(f"#field-channel-{channel}")
    await page.fill("#field-body", f"{words}\n\n{await page.input_value('#field-body')}")
    await sign(page)
    await page.click("#write button[type=submit]")
    await page.wait_for_url("**/receipts/*")


async def until_it_says(page: Page, words: str, *, gone: bool = False) -> None:
    """Until the page's address answers with these words, or no longer does: asked without a cache, then looked at."""

    async def says() -> bool:
        return (words in await (await page.request.get(page.url)).text()) is not gone

    await until(says, timeout_seconds=30)
    await page.reload()


async def test_a_letter_on_paper(page: Page) -> None:
    await write_letter(page, "From my own printer.", channel="post")
    await expect(page.locator("h1")).to_contain_text("ready to print")
    letters = page.locator("article[data-letter]")
    await expect(letters).to_have_count(2)
    printed = await page.request.get(
        str(await letters.first.get_by_role("link", name="PDF").get_attribute("href")), max_redirects=0
    )
    assert (printed.status, (await printed.body())[:5]) == (200, b"%PDF-")
    posted = str(await letters.first.get_attribute("data-letter"))
    await letters.first.get_by_role("button", name="I posted it").click()
    mine = page.locator(f"article[data-letter='{posted}']")
    await expect(mine.locator(".badge")).to_have_text("printed")
    await expect(mine.get_by_role("button")).to_have_count(0)
    await expect(page.get_by_role("button", name="I posted it")).to_have_count(1)


async def test_a_post_in_public(page: Page, world: EmbeddedWorld) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if not request.url.startswith(world.url) else None)
    await page.goto(f"{CASE}#post")
    await page.fill("#field-text", "Where is he & why?")
    await page.get_by_role("button", name="Post on Bluesky").click()
    await page.wait_for_url("**/receipts/*")
    first = page.locator("[data-network]").first
    link = unquote(str(await first.get_by_role("link").get_attribute("href")))
    assert link.startswith("https://bsky.app/intent/compose?text=Where is he & why?")
    assert f"{world.url}/cases/idris-khattak" in link
    await page.locator("summary", has_text="Post it elsewhere too").click()
    await page.fill("#field-server", "@somebody@social.example")
    await page.get_by_role("button", name="Go on to my server").click()
    mastodon = page.locator("[data-network=mastodon]").get_by_role("link")
    assert str(await mastodon.get_attribute("href")).startswith("https://social.example/share?text=Where%20is")
    assert asked == [], "no network hears of it before its link is followed"


async def test_a_message_of_solidarity(browser: Browser, page: Page, world: EmbeddedWorld) -> None:
    words = "I think of you when I open my window."
    await page.goto(CASE)
    await page.get_by_role("link", name="Write a message of solidarity").first.click()
    await page.fill("#field-body", words)
    await page.fill("#field-name", "Ana")
    await page.select_option("#field-country", "DE")
    await page.check("#field-may_be_shown")
    await page.get_by_role("button", name="Send my message").click()
    await page.wait_for_url("**/receipts/*")
    receipt, judged = page.url, page.locator("[data-judgement] .badge")
    await expect(judged).to_have_text("waits to be read")
    async with at_the_desk(browser, world, "/ops/intake/solidarity") as desk:
        message = desk.locator("[data-message]").filter(has_text=words)
        await message.get_by_label("Everybody, and the family").check()
        await desk.get_by_role("button", name="Decide").click()
        await expect(message).to_have_count(0)
    await page.goto(CASE)
    await until_it_says(page, words)
    await expect(page.locator("#solidarity .message")).to_contain_text("Ana, Germany")
    await page.goto(receipt)
    await expect(judged).to_have_text("read, and let through")
    await page.locator("summary", has_text="Take back what I wrote").click()
    await page.get_by_role("button", name="Yes, take it back").click()
    await expect(page.locator("h1")).to_have_text("You took back what you wrote")
    await page.goto(CASE)
    await until_it_says(page, words, gone=True)
    await expect(page.locator("#solidarity .message")).to_have_count(0)
    assert not any(words in arrived.text for arrived in world.arrived()), "never to officials"


async def test_a_letter_that_waits_is_hidden_and_taken_back(page: Page, world: EmbeddedWorld) -> None:
    words, mail = "I should not have written this.", {"scope": "channel", "subject": "email", "why": "A journey"}
    async with staff_api(world) as staff:
        (await staff.post("/api/v1/delivery/pauses", json=mail)).raise_for_status()
        await write_letter(page, words)
        badges = page.locator("article[data-letter] .badge")
        await expect(badges).to_have_text(["waiting in line"] * 2)
        await page.get_by_role("button", name="Hide my address from the officials").click()
        await expect(page.get_by_text("Your address is hidden from the officials.")).to_be_visible()
        await page.locator("summary", has_text="Take back what I wrote").click()
        await page.get_by_role("button", name="Yes, take it back").click()
        await expect(page.locator("h1")).to_have_text("You took back what you wrote")
        await expect(badges).to_have_text(["stopped"] * 2)
        (await staff.post("/api/v1/delivery/pauses/resume", json=mail)).raise_for_status()
        later = await act(staff, an_action())
        await until_all(staff, later.json()["receipt"], "sent")
    assert not any(words in arrived.text for arrived in world.arrived()), "a later one is out, and it never is"


async def test_letters_from_an_event(browser: Browser, page: Page, world: EmbeddedWorld) -> None:
    place = f"Town library {uuid4().hex}"
    typed = {"count": "37", "place": place, "organiser": "A Group", "contact": "group@nowhere", "note": "Two\n<hours>"}
    ledger = f"{world.url}/api/v1/cases/idris-khattak/ledger"
    before = await (await page.request.get(ledger)).json()
    await page.goto("/en/report")
    await page.select_option("#field-case", "idris-khattak")
    await page.fill("#field-held_on", str(await page.get_attribute("#field-held_on", "max")))
    await page.select_option("#field-country", "CA")
    for field, value in typed.items():
        await page.fill(f"#field-{field}", value)
    await page.get_by_role("button", name="Send the report").click()
    await expect(page.locator(".error-summary")).to_contain_text("This is not an email address.")
    kept = {field: await page.input_value(f"#field-{field}") for field in typed | {"case": "", "country": ""}}
    assert kept == typed | {"case": "idris-khattak", "country": "CA"}
    await page.fill("#field-contact", "group@mail.example")
    await page.get_by_role("button", name="Send the report").click()
    await expect(page.locator("h1")).to_have_text("Thank you for the report")
    async with at_the_desk(browser, world, "/ops/site/reports") as desk:
        report = desk.locator("[data-report]").filter(has_text=place)
        await report.get_by_label("Why").fill("They sent photos")
        await report.get_by_role("button", name="Confirm").click()
        await expect(report).to_have_count(0)

    async def counted() -> Any:
        now = await (await page.request.get(ledger)).json()
        return now if now["offline_reported"] != before["offline_reported"] else None

    now = await until(counted)
    assert now["offline_reported"] == before["offline_reported"] + 37
    assert now["collected"] == before["collected"], "told apart from what was written here"


async def test_in_arabic_from_the_front_page_to_the_receipt(page: Page) -> None:
    async def looked_at() -> str:
        """What stands there; the page reads from right to left, fits the phone, and counts in Latin digits."""
        assert await page.evaluate("getComputedStyle(document.body).direction") == "rtl"
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url
        seen = await page.locator("main").inner_text()
        assert re.search(r"\d", seen)
        assert not EASTERN_DIGITS.search(seen), page.url
        return seen

    await page.goto("/ar/")
    await looked_at()
    await page.locator("a[href='/ar/cases/idris-khattak']").first.click()
    await expect(page.locator("h1")).to_have_text("إدريس ختك")
    await looked_at()
    await page.locator(".languages a[lang=ar]").first.click()
    await expect(page.locator("#field-body")).to_have_attribute("dir", "rtl")
    await sign(page)
    await page.click("#write button[type=submit]")
    await page.wait_for_url("**/ar/receipts/*")
    await expect(page.locator("article[data-letter][data-state=sent]")).to_have_count(2)
    assert "إدريس ختك" in await looked_at()
    assert await page.locator(".quote").evaluate("quote => getComputedStyle(quote).direction") == "rtl"
