"""The supporter's minute in a real browser: read, edit, send, see the receipt turn to sent; scripts on and off."""

from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page, expect

from tests.journeys.worlds import EmbeddedWorld
from tests.support.until import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
SENT_MS_MAX = 20_000


def someone_else() -> str:
    """A mailbox that nobody wrote from yet: of one person's letters only the first goes out."""
    return f"supporter-{uuid4().hex}@mail.example"


async def write_for_idris(page: Page, address: str, words: str) -> None:
    """Three clicks: the case, into the letter, send."""
    await page.goto(address)
    await page.get_by_role("link", name="Idris Khattak").first.click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Idris Khattak")
    letter = page.locator("textarea[name=body]")
    await letter.fill(words + "\n\n" + await letter.input_value())
    await page.locator("input[name=name]").fill("A Supporter")
    await page.locator("input[name=email]").fill(someone_else())
    await page.locator("select[name=country]").select_option("DE")
    await page.get_by_role("button", name="Send").click()


async def until_sent(page: Page, scripts: bool) -> None:
    """With scripts the page turns by itself. Without, its refresh sits in a `noscript`, which Chromium's switch for
    scripts does not open, so the test reloads in its place."""
    badge = page.locator("main article .badge").first
    if scripts:
        await expect(badge).to_have_text("sent", timeout=SENT_MS_MAX)
        return
    assert 'http-equiv="refresh"' in await page.content()

    async def told() -> bool:
        await page.reload()
        return await badge.inner_text() == "sent"

    await until(told, SENT_MS_MAX / 1000)


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_read_edit_send_and_see_it_sent(
    browser: Browser, world: EmbeddedWorld, tmp_path: Path, scripts: bool, viewport: dict[str, int]
) -> None:
    words = f"My own words, {'with' if scripts else 'without'} scripts, {viewport['width']} wide."
    context = await browser.new_context(java_script_enabled=scripts, viewport=viewport)  # type: ignore[arg-type]
    page = await context.new_page()
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url) if not request.url.startswith(world.url) else None)
    await write_for_idris(page, world.url, words)
    await expect(page).to_have_url(f"{world.url}/receipts/{page.url.rsplit('/', 1)[1]}")
    await until_sent(page, scripts)
    await expect(page.locator("main")).to_contain_text(words)
    assert sum(words in arrived.text for arrived in world.arrived()) == 2
    assert outside == [], "nobody else hears of it"
    assert await context.cookies() == []
    width = await page.evaluate("document.documentElement.scrollWidth") if scripts else viewport["width"]
    assert width <= viewport["width"], "nothing is wider than the window"
    await context.close()


async def test_a_mistake_comes_back_with_every_word_and_can_be_sent(browser: Browser, world: EmbeddedWorld) -> None:
    context = await browser.new_context(java_script_enabled=False, viewport=PHONE)  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(f"{world.url}/cases/idris-khattak")
    await page.locator("textarea[name=body]").fill('My "own" <words> & more')
    await page.locator("input[name=name]").fill("A Supporter")
    await page.locator("input[name=email]").fill("supporter@nowhere")
    await page.locator("select[name=country]").select_option("DE")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("textarea[name=body]")).to_have_value('My "own" <words> & more')
    await page.locator("input[name=email]").fill(someone_else())
    await page.get_by_role("button", name="Send").click()
    await until_sent(page, scripts=False)
    await context.close()


async def test_an_operator_logs_in_by_the_printed_link_and_reads_a_letter(
    browser: Browser, world: EmbeddedWorld
) -> None:
    context = await browser.new_context(viewport=DESKTOP)  # type: ignore[arg-type]
    page = await context.new_page()
    await write_for_idris(page, world.url, "For the operator to read.")
    await until_sent(page, scripts=True)
    await page.goto(f"{world.url}/ops/login#{world.staff_token}")
    await page.get_by_role("button", name="Open the console").click()
    await expect(page).to_have_url(f"{world.url}/ops/letters")
    await page.locator("main table a, main li a").first.click()
    await expect(page.locator("main")).to_contain_text("For the operator to read.")
    await context.close()
