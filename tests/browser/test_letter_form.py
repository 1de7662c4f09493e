"""What scripts add to the form of a letter, in a real browser; and that without them it is what it was."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from services.actions.schemas import SupporterFields
from services.cases.wiring import Wiring
from tests.browser.test_cases_page import served
from tests.support.cases_folders import CASE, ONE_BODY, POINTS, change, write_campaign
from tests.support.cases_service import cases_service
from tests.support.until import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/cases/a-test-case"
FIRST, SECOND = {"X-Letter-Variant": "0"}, {"X-Letter-Variant": "1"}
OWN = "I am a teacher in Leeds, and my class asks after them every week since we have read what happened."


@pytest_asyncio.fixture(loop_scope="module")
async def cases(tmp_path: Path) -> AsyncIterator[Wiring]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}"
    async with cases_service(url, page_cache_seconds=0, http_cache_seconds=0) as wiring:
        case = change(CASE, (ONE_BODY, POINTS))
        risky = change(case, ("slug: a-test-case", "slug: risky\nrisky_countries: [PK]"))
        await wiring.publishing.import_folder(write_campaign(tmp_path / "campaign", a_test_case=case, risky=risky))
        yield wiring


@pytest_asyncio.fixture(loop_scope="module")
async def address(cases: Wiring) -> AsyncIterator[str]:
    async with served(cases) as address:
        yield address


async def opened(browser: Browser, address: str, *, scripts: bool = True) -> tuple[Page, list[str]]:
    """The page of the case, and the letters that it sends, which nobody answers."""
    context = await browser.new_context(java_script_enabled=scripts, extra_http_headers=FIRST)
    page, sent = await context.new_page(), list[str]()

    async def take(route: Route) -> None:
        sent.append(route.request.post_data or "")
        await route.fulfill(status=204)

    await page.route("**/actions", take)
    await page.goto(address)
    return page, sent


async def test_the_meter_says_calmly_how_much_is_the_writers_own(browser: Browser, address: str) -> None:
    page, _ = await opened(browser, address + PATH)
    meter, body = page.locator("[data-meter]"), page.locator("#field-body")
    start = await body.input_value()
    await expect(meter).to_have_text("The words are as they came.")
    for letter, said in (
        (f"{start} Please!", "A few words are yours."),
        (f"{start}\n\n{OWN}", "It is yours."),
        (start.replace("\n", "  \n").upper(), "The words are as they came."),
    ):
        await body.fill(letter)
        await expect(meter).to_have_text(said)
    await body.fill(f"{start}\n\n{OWN}")
    await page.get_by_role("button", name="Forget what I typed").click()
    await expect(meter).to_contain_text("Forgotten")
    await expect(body).to_have_value(start)
    assert await page.evaluate("sessionStorage.length") == 0


async def test_a_draft_outlives_another_variant_but_not_its_day(browser: Browser, address: str) -> None:
    page, _ = await opened(browser, address + PATH)
    first = await page.input_value("#field-body")
    await page.fill("#field-body", f"{first} Please!")
    await page.context.set_extra_http_headers(SECOND)
    await page.goto(address + PATH)
    await expect(page.locator("#field-body")).to_have_value(f"{first} Please!")
    await expect(page.locator("[data-meter]")).to_have_text("A few words are yours.")
    await page.evaluate(
        "for (const key of Object.keys(sessionStorage)) {"
        "  sessionStorage[key] = JSON.stringify({...JSON.parse(sessionStorage[key]), at: Date.now() - 25 * 3600e3}); }"
    )
    await page.goto(address + PATH)
    second = await page.input_value("#field-body")
    assert second not in {first, f"{first} Please!"}
    assert await page.evaluate("sessionStorage.length") == 0


async def test_where_writing_is_dangerous_nothing_is_kept(browser: Browser, address: str) -> None:
    page, _ = await opened(browser, f"{address}/cases/risky")
    await page.fill("#field-body", OWN)
    await expect(page.locator("[data-meter]")).to_have_text("It is yours.")
    assert await page.evaluate("sessionStorage.length") == 0


async def test_what_is_missing_is_said_beside_its_field_and_first_of_all(browser: Browser, address: str) -> None:
    page, sent = await opened(browser, address + PATH)
    await page.fill("#field-subject", " ")
    await page.fill("#field-email", "supporter@nowhere")
    await page.click("#write button[type=submit]")
    summary = page.locator("#write .error-summary")
    await expect(summary).to_be_focused()
    assert await summary.locator("a").all_inner_texts() == [
        "The subject is missing.",
        "Your name is missing.",
        "This is not an email address. One looks like name@example.org.",
        "Please choose your country.",
    ]
    name = page.locator("#field-name")
    await expect(name).to_have_attribute("aria-invalid", "true")
    await expect(name).to_have_attribute("aria-describedby", "hint-name error-name")
    await expect(page.locator("#error-name")).to_have_text("Your name is missing.")
    await summary.get_by_role("link", name="Your name").click()
    await expect(name).to_be_focused()
    await name.fill("Somebody")
    await expect(page.locator("#error-name")).to_have_count(0)
    await expect(name).to_have_attribute("aria-describedby", "hint-name")
    await name.fill("")
    await page.locator("#field-body").focus()
    await expect(page.locator("#error-name")).to_have_text("Your name is missing.")
    assert sent == []


@pytest.mark.parametrize(
    "mail", ["supporter@mail.example", " Supporter@Mail.Example ", "ü@bücher.example", "o'neill+x@a.b.example"]
)
async def test_what_the_server_takes_is_sent(browser: Browser, address: str, mail: str) -> None:
    assert SupporterFields(name="Somebody", email=mail.strip(), country="PK")
    page, sent = await opened(browser, address + PATH)
    await page.fill("#field-name", "Somebody")
    await page.fill("#field-email", mail)
    await page.select_option("#field-country", "PK")
    await page.click("#write button[type=submit]", no_wait_after=True)
    assert await until(lambda: bool(sent))
    assert await page.locator(".error-summary").count() == 0


async def test_characters_are_counted_near_the_end_alone(browser: Browser, address: str) -> None:
    page, _ = await opened(browser, address + PATH)
    counter = page.locator("#field-subject + .count")
    await page.fill("#field-subject", "x" * 100)
    await expect(counter).to_be_empty()
    await page.fill("#field-subject", "x" * 190)
    await expect(counter).to_have_text("Characters left: 10")


async def test_without_scripts_the_form_is_a_plain_one(browser: Browser, address: str) -> None:
    page, sent = await opened(browser, address + PATH, scripts=False)
    for absent in ("[data-meter]", "[data-forget]", "#write .error-summary", ".count"):
        assert await page.locator(absent).filter(visible=True).count() == 0, absent
    assert await page.locator("form[novalidate]").count() == 0
    await page.click("#write button[type=submit]")
    assert sent == [], "the browser's own check of what is required still stands"
    await page.fill("#field-name", "Somebody")
    await page.fill("#field-email", "somebody@mail.example")
    await page.select_option("#field-country", "PK")
    await page.click("#write button[type=submit]", no_wait_after=True)
    assert await until(lambda: bool(sent))
