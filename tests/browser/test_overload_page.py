"""The page of a letter that has to wait, in a real browser: it sends itself, stops in time, and never loses a word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Route, expect
from sqlmodel import select
from starlette.types import Receive, Scope, Send

from deploy.local.ports import free_port
from services.actions.errors import TooManyFromHere
from services.actions.tables import Action
from shared.processes import serve
from shared.web.in_flight import REFUSED_FOR_NOW
from shared.web.problems import Problem
from shared.web.refusals import PROBLEMS, Reason
from tests.support.actions_app import ActionsService, actions_service
from tests.support.actions_requests import a_form
from tests.support.events import a_closed_case
from tests.support.until import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRIES_MAX = 8
FIRST_WAIT_MS = 4_000
WAIT_SECONDS_MAX = 90
WRITTEN = 'Dear Minister,\n\nجناب وزیر, please "act" & <answer>.'


@dataclass
class Door:
    """The service with a guard before it that finds every form one too many, while `is_full`."""

    service: ActionsService
    is_full: bool = True
    problem: Problem = field(default_factory=lambda: PROBLEMS[Reason.CROWDED])
    posts: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            self.posts += 1
            if self.is_full:
                scope[REFUSED_FOR_NOW] = self.problem
        await self.service.app(scope, receive, send)


@dataclass
class Opened:
    """What a test holds: the page that waits, and the door it waits at."""

    door: Door
    page: Page

    @property
    def countdown(self) -> str:
        return "[data-countdown]"

    async def seconds_left(self) -> int:
        await expect(self.page.locator(self.countdown)).to_contain_text(" s (")
        words = await self.page.inner_text(self.countdown)
        return int(words.split()[0])

    async def actions(self) -> list[str]:
        return list(await self.door.service.rows(select(Action.letter_body)))


@pytest_asyncio.fixture(loop_scope="module")
async def door(tmp_path: Path) -> AsyncIterator[tuple[Door, str]]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    async with actions_service(url, known_cases_seconds=0) as service:
        door, port, stop = Door(service), free_port(), asyncio.Event()
        serving = asyncio.create_task(serve(door, "127.0.0.1", port)(stop))
        yield door, f"http://127.0.0.1:{port}"
        stop.set()
        await serving


@asynccontextmanager
async def written(browser: Browser, door: tuple[Door, str], **options: object) -> AsyncIterator[Opened]:
    """A person has written, pressed the button, and is asked to wait."""
    context: BrowserContext = await browser.new_context(**options)  # type: ignore[arg-type]
    page = await context.new_page()
    await page.clock.install()
    inputs = "".join(
        f'<input type="hidden" name="{name}" value="{escape(item)}">'
        for name, value in a_form(body=WRITTEN).items()
        for item in (value if isinstance(value, list) else [value])
    )

    async def case_page(route: Route) -> None:
        body = f'<form method="post" action="/actions">{inputs}<button>Send</button></form>'
        await route.fulfill(body=f"<!doctype html><meta charset=utf-8>{body}", content_type="text/html")

    await page.route("**/a-case", case_page)
    await page.goto(f"{door[1]}/a-case")
    await page.click("button")
    await expect(page.locator("h1")).to_have_text("Your letter is not sent yet")
    try:
        yield Opened(door[0], page)
    finally:
        await context.close()


async def test_it_sends_itself_and_leads_to_the_receipt(browser: Browser, door: tuple[Door, str]) -> None:
    async with written(browser, door) as opened:
        await expect(opened.page.locator(opened.countdown)).to_contain_text(f"(1 / {TRIES_MAX})")
        opened.door.is_full = False
        await opened.page.clock.run_for(FIRST_WAIT_MS)
        await opened.page.wait_for_url("**/receipts/*")
        assert await opened.actions() == [WRITTEN]


async def test_it_waits_longer_each_time_and_stops_in_time(browser: Browser, door: tuple[Door, str]) -> None:
    async with written(browser, door) as opened:
        waits = []
        for number in range(1, TRIES_MAX + 1):
            await expect(opened.page.locator(opened.countdown)).to_contain_text(f"({number} / {TRIES_MAX})")
            waits.append(await opened.seconds_left())
            await opened.page.clock.run_for((waits[-1] + 1) * 1000)
            await until(lambda number=number: opened.door.posts == 1 + number)  # type: ignore[misc]
        await expect(opened.page.locator("[data-said]")).to_contain_text("stopped trying")
        assert waits[0] < waits[2] < waits[4]
        assert max(waits) <= WAIT_SECONDS_MAX
        await opened.page.clock.run_for(WAIT_SECONDS_MAX * 10_000)
        assert opened.door.posts == 1 + TRIES_MAX
        assert await opened.page.input_value("textarea") == WRITTEN
        opened.door.is_full = False
        await opened.page.click("button")
        await opened.page.wait_for_url("**/receipts/*")
        assert await opened.actions() == [WRITTEN]


async def test_asked_to_come_back_much_later_it_stops_and_says_when(browser: Browser, door: tuple[Door, str]) -> None:
    async with written(browser, door) as opened:
        opened.door.problem = TooManyFromHere("mailbox", 3000, {})
        await opened.page.clock.run_for(FIRST_WAIT_MS)
        await expect(opened.page.locator("[data-said]")).to_contain_text("press the button later")
        await expect(opened.page.locator(opened.countdown)).to_have_text("in 50 minutes")
        posts = opened.door.posts
        await opened.page.clock.run_for(WAIT_SECONDS_MAX * 10_000)
        assert opened.door.posts == posts
        await opened.page.reload()
        await expect(opened.page.locator("strong").first).to_have_text("Please send it again in about 50 minutes.")
        opened.door.is_full = False
        await opened.page.click("button")
        await opened.page.wait_for_url("**/receipts/*")
        assert await opened.actions() == [WRITTEN]


async def test_the_line_may_break_and_the_page_stays(browser: Browser, door: tuple[Door, str]) -> None:
    async with written(browser, door) as opened:
        await opened.page.context.set_offline(True)
        await opened.page.click("button")
        await expect(opened.page.locator(opened.countdown)).to_contain_text(f"(2 / {TRIES_MAX})")
        assert await opened.page.input_value("textarea") == WRITTEN
        await opened.page.context.set_offline(False)
        opened.door.is_full = False
        await opened.page.click("button")
        await opened.page.wait_for_url("**/receipts/*")


async def test_what_a_person_must_decide_is_shown_with_every_word(browser: Browser, door: tuple[Door, str]) -> None:
    async with written(browser, door) as opened:
        await opened.door.service.tell(a_closed_case())
        opened.door.is_full = False
        await opened.page.click("button")
        await expect(opened.page.locator(".error-summary")).to_contain_text("withdrawn")
        assert await opened.page.input_value("#field-body") == WRITTEN
        assert await opened.actions() == []


async def test_without_scripts_the_button_sends_it_and_the_page_says_so(
    browser: Browser, door: tuple[Door, str]
) -> None:
    async with written(browser, door, java_script_enabled=False) as opened:
        await expect(opened.page.locator("[data-said]")).to_contain_text("press the button")
        await opened.page.click("button")
        await expect(opened.page.locator("h1")).to_have_text("Your letter is not sent yet")
        opened.door.is_full = False
        await opened.page.click("button")
        await opened.page.wait_for_url("**/receipts/*")
        assert await opened.actions() == [WRITTEN]


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_it_is_not_wider_than_its_window(browser: Browser, door: tuple[Door, str], width: int) -> None:
    async with written(browser, door, viewport={"width": width, "height": 800}) as opened:
        assert await opened.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
