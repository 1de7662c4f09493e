"""Proof of work in a real browser: done while people write, by keyboard alone, unseen, and never at a word's cost."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Response, Route, expect
from sqlmodel import select

from deploy.embedded import Embedded, build
from deploy.local.ports import free_port
from services.actions.tables import Action, UsedProof
from tests.support.cases_folders import CAMPAIGN, write_campaign
from tests.support.until import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
CHALLENGE = "**/api/v1/actions/challenge"
DONE = "The calculation is done."
TABS_MAX = 40
TURNS_MIN = 20
CASE_BYTES_MAX = 60_000  # compressed, as the gateway sends it


@dataclass
class Site:
    """The platform with one case, in a campaign that asks for proof of work."""

    url: str
    embedded: Embedded

    @property
    def case(self) -> str:
        return f"{self.url}/cases/a-test-case"

    async def rows(self, what: Any) -> list[Any]:
        async with self.embedded.actions.database.transaction() as session:
            return list(await session.exec(select(what)))


@dataclass
class Reader:
    """A person's page, and whatever the browser complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    @property
    def said(self) -> Any:
        return self.page.locator("[data-proof-said]")

    async def fill_in(self) -> None:
        await self.page.fill("#field-name", "A Supporter")
        await self.page.fill("#field-email", "supporter@mail.example")
        await self.page.select_option("#field-country", "DE")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def tab_to(self, selector: str) -> list[str]:
        """Press Tab until that element has the focus. Returns the names of the fields on the way."""
        passed = []
        for _ in range(TABS_MAX):
            await self.press("Tab")
            passed.append(await self.page.evaluate("document.activeElement.name ?? ''"))
            if await self.page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
                return passed
        raise AssertionError(f"no Tab leads to {selector}")


@pytest_asyncio.fixture(loop_scope="module")
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    port = free_port()
    url = f"http://localhost:{port}"
    embedded = build(tmp_path / "demo", public_url=url, staff_token="a-staff-token-for-tests")
    await asyncio.to_thread(embedded.prepare)
    await embedded.cases.publishing.import_folder(
        write_campaign(tmp_path / "campaign", CAMPAIGN + "proof_of_work: true\n")
    )
    stop = asyncio.Event()
    jobs = [asyncio.create_task(job(stop)) for job in embedded.jobs("127.0.0.1", port)]

    async def is_known() -> bool:
        return await embedded.actions.cases.find("a-test-case") is not None

    await until(is_known)
    yield Site(url, embedded)
    stop.set()
    await asyncio.gather(*jobs)


@asynccontextmanager
async def reading(browser: Browser, **options: Any) -> AsyncIterator[Reader]:
    context = await browser.new_context(**options)
    reader = Reader(await context.new_page())

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            reader.complaints.append(message.text)

    reader.page.on("console", note)
    reader.page.on("pageerror", lambda error: reader.complaints.append(str(error)))
    try:
        yield reader
    finally:
        await context.close()


async def test_a_letter_is_sent_by_keyboard_alone(browser: Browser, site: Site) -> None:
    async with reading(browser, viewport=PHONE) as reader:
        await reader.page.goto(f"{site.case}#write")
        passed = await reader.tab_to("#field-name")
        await reader.page.keyboard.type("A Supporter")
        await reader.press("Tab")
        await reader.page.keyboard.type("supporter@mail.example")
        await reader.press("Tab")
        await reader.page.keyboard.type("Germany")
        passed += await reader.tab_to("button[type=submit]")
        await expect(reader.said).to_have_text(DONE)
        await reader.press("Enter")
        await reader.page.wait_for_url("**/receipts/*")
        assert "website" not in passed
        assert reader.complaints == [], "nothing breaks the content security policy"
    [action] = await site.rows(Action)
    [used] = await site.rows(UsedProof)
    assert (action.supporter_country, used.action_id) == ("DE", action.id)


async def test_the_hidden_field_is_neither_seen_nor_heard(browser: Browser, site: Site) -> None:
    async with reading(browser, viewport=PHONE) as reader:
        await reader.page.goto(site.case)
        heard = await reader.page.locator("body").aria_snapshot()
        assert "Your email address" in heard
        assert "ebsite" not in heard
        seen = await reader.page.locator("[name=website]").evaluate(
            "field => { const box = field.parentElement.getBoundingClientRect(); return box.width * box.height; }"
        )
        assert seen <= 1
        live = reader.page.locator("form[data-proof] [role=status][data-proof-said]")
        assert await live.count() == 1, "words about the proof are read out, politely"


async def test_it_begins_with_the_writing_and_asks_once(browser: Browser, site: Site) -> None:
    async with reading(browser) as reader:
        asked: list[str] = []
        reader.page.on("request", lambda request: asked.append(request.url) if "challenge" in request.url else None)
        await reader.page.goto(site.case)
        await expect(reader.said).to_have_text("")
        assert asked == []
        await reader.page.focus("#field-subject")
        await expect(reader.said).to_have_text(DONE)
        await reader.page.focus("#field-body")
        await reader.fill_in()
        assert len(asked) == 1


async def test_sent_before_it_is_done_the_letter_waits_and_goes_by_itself(browser: Browser, site: Site) -> None:
    async with reading(browser) as reader:
        let_go = asyncio.Event()

        async def hold(route: Route) -> None:
            await let_go.wait()
            await route.continue_()

        await reader.page.route(CHALLENGE, hold)
        await reader.page.goto(site.case)
        await reader.fill_in()
        await reader.page.click("button[type=submit]")
        button = reader.page.locator("button[type=submit]")
        await expect(button).to_have_text("One moment …")
        await expect(button).to_be_disabled()
        await expect(reader.said).to_contain_text("your letter goes as soon as")
        let_go.set()
        await reader.page.wait_for_url("**/receipts/*")
    assert len(await site.rows(Action)) == 1


async def test_a_proof_that_failed_brings_every_word_back_and_a_fresh_one(browser: Browser, site: Site) -> None:
    async with reading(browser, viewport=DESKTOP) as reader:
        await reader.page.goto(site.case)
        await reader.fill_in()
        await reader.page.fill("#field-body", "My own words.")
        await expect(reader.said).to_have_text(DONE)
        await reader.page.evaluate("document.querySelector('[name=proof]').value = 'nonsense'")
        await reader.page.click("button[type=submit]")
        await expect(reader.page.locator(".error-summary")).to_contain_text("did not come out right")
        await expect(reader.page.locator("#field-body")).to_have_value("My own words.")
        await reader.page.click("button[type=submit]")
        await reader.page.wait_for_url("**/receipts/*")
    assert [action.letter_body for action in await site.rows(Action)] == ["My own words."]


async def test_a_proof_grown_old_while_somebody_wrote_is_made_anew(browser: Browser, site: Site) -> None:
    async with reading(browser) as reader:
        await reader.page.clock.install()
        await reader.page.goto(site.case)
        await reader.fill_in()
        await expect(reader.said).to_have_text(DONE)
        old = await reader.page.input_value("[name=proof]")
        await reader.page.clock.fast_forward("11:00")
        await reader.page.focus("#field-subject")
        await expect(reader.page.locator("[name=proof]")).not_to_have_value(old)
        await expect(reader.said).to_have_text(DONE)


async def test_whoever_comes_back_writes_another_letter_with_another_proof(browser: Browser, site: Site) -> None:
    async with reading(browser) as reader:
        await reader.page.goto(site.case)
        for words in ("My first letter.", "My second letter."):
            await reader.fill_in()
            await reader.page.fill("#field-body", words)
            await reader.page.click("button[type=submit]")
            await reader.page.wait_for_url("**/receipts/*")
            await reader.page.go_back()
            await expect(reader.page.locator("button[type=submit]")).to_have_text("Send my letter")
    assert len(await site.rows(Action)) == 2


async def test_a_page_brought_back_from_the_browsers_memory_has_forgotten_its_proof(
    browser: Browser, site: Site
) -> None:
    async with reading(browser) as reader:
        await reader.page.goto(site.case)
        await reader.fill_in()
        await expect(reader.said).to_have_text(DONE)
        await reader.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        await expect(reader.said).to_have_text("")
        await expect(reader.page.locator("[name=proof]")).to_have_value("")
        await reader.page.click("button[type=submit]")
        await reader.page.wait_for_url("**/receipts/*")


async def test_without_a_challenge_the_letter_goes_and_the_server_decides(browser: Browser, site: Site) -> None:
    async with reading(browser) as reader:
        await reader.page.route(CHALLENGE, lambda route: route.abort())
        await reader.page.goto(site.case)
        await reader.fill_in()
        await reader.page.fill("#field-body", "My own words.")
        await reader.page.click("button[type=submit]")
        await expect(reader.page.locator("h1")).to_contain_text("look at your mail")


async def test_without_scripts_the_supporter_confirms_by_mail(browser: Browser, site: Site) -> None:
    async with reading(browser, java_script_enabled=False, viewport=PHONE) as reader:
        await reader.page.goto(site.case)
        await reader.fill_in()
        await reader.page.fill("#field-body", "My own words.")
        await reader.page.click("button[type=submit]")
        await expect(reader.page.locator("h1")).to_contain_text("look at your mail")


async def test_a_browser_that_fills_everything_in_gets_through_in_the_end(browser: Browser, site: Site) -> None:
    async with reading(browser, viewport=PHONE) as reader:
        await reader.page.goto(site.case)
        await reader.fill_in()
        await reader.page.evaluate("document.querySelector('[name=website]').value = 'https://me.example'")
        await reader.page.click("button[type=submit]")
        await expect(reader.page.locator(".error-summary")).to_contain_text("press send once more")
        await reader.page.click("button[type=submit]")
        await reader.page.wait_for_url("**/receipts/*")


async def test_its_hash_is_sha256(browser: Browser, site: Site) -> None:
    """Of salts that end within a block, with it, and beyond."""
    async with reading(browser) as reader:
        await reader.page.goto(site.case)
        ours, theirs = await reader.page.evaluate(
            """async (salts) => {
              const ours = [], theirs = [];
              for (const salt of salts) {
                const hashOf = hasherAfter(salt);
                for (const number of [0, 9, 1234567, 5, 99999, 12]) {
                  ours.push(Array.from(hashOf(number), (word) => (word >>> 0).toString(16).padStart(8, "0")).join(""));
                  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(salt + number));
                  const bytes = Array.from(new Uint8Array(digest));
                  theirs.push(bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(""));
                }
              }
              return [ours, theirs];
            }""",
            ["s" * characters for characters in (0, 1, 40, 46, 47, 54, 55, 63, 64, 130)],
        )
        assert ours == theirs


async def test_a_slow_phone_stays_quick_to_type_on(browser: Browser, site: Site) -> None:
    """Six times slower than this machine: the proof takes a second of it, and the page gets its turn all the while."""
    async with reading(browser, viewport=PHONE) as reader:
        await reader.page.goto(site.case)
        session = await reader.page.context.new_cdp_session(reader.page)
        await session.send("Emulation.setCPUThrottlingRate", {"rate": 6})
        turns = await reader.page.evaluate(
            """async () => {
              let turns = 0, isOver = false;
              const turn = () => { turns += 1; if (!isOver) setTimeout(turn); };
              setTimeout(turn);
              await findNumber({ challenge: "0".repeat(64), salt: "a-salt&", maxnumber: 100000 });
              isOver = true;
              return turns;
            }"""
        )
        assert turns > TURNS_MIN


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_a_case_stays_light_and_no_wider_than_its_window(
    browser: Browser, site: Site, viewport: dict[str, int]
) -> None:
    async with reading(browser, viewport=viewport) as reader:
        answers: list[Response] = []
        reader.page.on("response", lambda answer: answers.append(answer))
        await reader.page.goto(site.case, wait_until="networkidle")
        sizes = [len(gzip.compress(await answer.body())) for answer in answers]
        assert len(sizes) > 3
        assert sum(sizes) < CASE_BYTES_MAX
        assert await reader.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
