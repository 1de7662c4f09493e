"""Too many at once: API clients hear when to come back, and people keep every word, which sends itself again."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from services.actions.tables import Action
from tests.support.actions_app import ActionsService, actions_service
from tests.support.actions_requests import a_form, an_action
from tests.support.events import EMBASSY, MINISTRY
from tests.support.page_fields import sent_by
from tests.support.until import until

PERSON = {"Accept": "text/html,application/xhtml+xml"}
SCRIPT = {"Accept": "application/json"}
PAGE_BYTES_MAX = 4096
TYPED: dict[str, Any] = {
    "name": 'Ana "Nita" <b>',
    "subject": "50% & <more>",
    "body": "\r\n</textarea><script>alert(1)</script>\r\n\r\nجناب وزیر صاحب",
    "targets": [str(MINISTRY.id), str(EMBASSY.id)],
    "hide_email": "true",
}


async def slow_post(service: ActionsService) -> tuple[asyncio.Task[httpx.Response], asyncio.Event]:
    """A request that is under way, and whose body does not come before the event is set."""
    let_go, is_under_way = asyncio.Event(), asyncio.Event()

    async def slow_body() -> AsyncIterator[bytes]:
        is_under_way.set()
        await let_go.wait()
        yield b"{}"

    headers = {"Idempotency-Key": "slow", "Content-Type": "application/json"}
    slow = asyncio.create_task(service.http.post("/api/v1/actions", content=slow_body(), headers=headers))
    await is_under_way.wait()
    return slow, let_go


@asynccontextmanager
async def overloaded(folder: Path, **settings: Any) -> AsyncIterator[tuple[ActionsService, asyncio.Event]]:
    """A web process that may answer one request at once, and has one under way until the event is set."""
    url = f"sqlite+aiosqlite:///{folder / 'test.db'}"
    async with actions_service(url, requests_in_flight_max=1, **settings) as service:
        slow, let_go = await slow_post(service)
        try:
            yield service, let_go
        finally:
            let_go.set()
            await slow


async def calm_again(service: ActionsService, let_go: asyncio.Event) -> None:
    let_go.set()

    async def is_calm() -> bool:
        return (await service.http.get("/receipts/none")).status_code == 404

    await until(is_calm)


async def sent(service: ActionsService, headers: dict[str, str] = PERSON, **changes: Any) -> httpx.Response:
    return await service.http.post("/actions", data=a_form(**changes), headers=headers)


async def test_an_api_client_is_told_when_to_come_back_and_the_same_key_then_works(tmp_path: Path) -> None:
    async with overloaded(tmp_path) as (service, let_go):
        answer = await service.post(an_action())
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert int(answer.headers["retry-after"]) > 0
        assert (await service.http.get("/health/ready")).status_code == 200
        await calm_again(service, let_go)
        assert (await service.post(an_action())).status_code == 202


async def test_a_person_keeps_every_word_and_sending_it_again_counts_once(tmp_path: Path) -> None:
    async with overloaded(tmp_path) as (service, let_go):
        page = await sent(service, **TYPED)
        assert (page.status_code, page.headers["cache-control"]) == (503, "no-store")
        assert int(page.headers["retry-after"]) > 0
        assert "More people are writing" in page.text
        back = sent_by(page.text)
        assert back == a_form(**TYPED) | {"body": TYPED["body"].replace("\r\n", "\n")}
        assert await service.rows(select(Action)) == []

        await calm_again(service, let_go)
        receipts = [await service.http.post("/actions", data=back, headers=PERSON) for _ in range(2)]
        assert [answer.status_code for answer in receipts] == [303, 303]
        assert len({answer.headers["location"] for answer in receipts}) == 1
        assert (await sent(service, **TYPED)).headers["location"] == receipts[0].headers["location"]
        [action] = await service.rows(select(Action))
        assert (action.supporter_name, action.hide_email) == (TYPED["name"], True)


async def test_the_page_is_light_and_shows_words_without_running_them(tmp_path: Path) -> None:
    async with overloaded(tmp_path) as (service, _):
        page = (await sent(service, **TYPED)).text
        assert len(page.encode()) < PAGE_BYTES_MAX
        assert re.findall(r'(?:src|href)="/static/([\w.-]+)', page) == ["icon.svg", "w4r.css", "resend.js"]
        assert "<script>alert(1)" not in page
        assert "Scripts are off, so nothing is sent by itself" in page
        script = await service.http.get("/static/resend.js")
        assert script.status_code == 200, "its script comes through the same crowd"


async def test_beyond_the_second_bound_a_person_gets_a_plain_page(tmp_path: Path) -> None:
    async with overloaded(tmp_path, forms_given_back_in_flight_max=0) as (service, _):
        page = await sent(service)
        assert (page.status_code, page.headers["retry-after"]) == (503, "2")
        assert "go back: what you wrote is still in the form" in page.text
        assert "please act." not in page.text
        assert page.headers["content-security-policy"]
        receipt = await service.http.get("/receipts/any", headers=PERSON)
        assert "load this page again" in receipt.text


async def test_the_pages_own_script_hears_it_in_short(tmp_path: Path) -> None:
    async with overloaded(tmp_path) as (service, _):
        answer = await sent(service, SCRIPT)
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert answer.headers["retry-after"]


async def test_a_form_of_another_kind_is_refused_in_a_crowd_too(tmp_path: Path) -> None:
    async with overloaded(tmp_path) as (service, _):
        assert (await service.http.post("/actions", json=a_form(), headers=PERSON)).status_code == 415


async def test_a_large_form_is_refused_in_a_crowd_too(tmp_path: Path) -> None:
    async with overloaded(tmp_path) as (service, _):
        assert (await sent(service, body="x" * 300_000)).status_code == 413


async def test_a_full_queue_gives_each_letter_back_and_all_count_once_in_the_end(tmp_path: Path) -> None:
    file = tmp_path / "test.db"
    limits: dict[str, Any] = {
        "intake_queue_max": 1,
        "intake_batch_max": 1,
        "intake_writers": 1,
        "accept_seconds_max": 0.5,
    }
    async with actions_service(f"sqlite+aiosqlite:///{file}", **limits) as service:
        assert (await sent(service, email="warm@mail.example")).status_code == 303
        lock = sqlite3.connect(file, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        people = [f"supporter{number}@mail.example" for number in range(4)]
        pages = await asyncio.gather(*(sent(service, email=email) for email in people))
        lock.execute("ROLLBACK")
        lock.close()
        assert {page.status_code for page in pages} == {503}
        assert sum("More people are writing" in page.text for page in pages) >= 2
        assert all("please act." in page.text for page in pages)

        async def is_taken(page: httpx.Response) -> bool:
            again = await service.http.post("/actions", data=sent_by(page.text), headers=PERSON)
            return again.status_code == 303

        for page in pages:
            await until(lambda page=page: is_taken(page), timeout_seconds=20)  # type: ignore[misc]
        kept = await service.rows(select(Action.supporter_email))
        assert sorted(kept) == [*people, "warm@mail.example"]


@pytest.mark.parametrize("scripts", ["api", "form"])
async def test_one_network_that_sends_too_much_is_told_so(tmp_path: Path, scripts: str) -> None:
    async with actions_service(
        f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", client_requests_in_flight_max=1, trusted_proxies="10.0.0.1"
    ) as service:
        slow, let_go = await slow_post(service)
        refused = await (service.post(an_action()) if scripts == "api" else sent(service))
        let_go.set()
        await slow
        words = "problems/too-many-at-once" if scripts == "api" else "Many letters are coming from your network"
        assert refused.status_code == 429
        assert words in refused.text
        assert refused.headers["retry-after"]
