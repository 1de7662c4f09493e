"""How often one may write: refused in time, told when to come back, shared by processes, and silent on who wrote."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import httpx
import pytest
from sqlmodel import select

from deploy.local.postgres import LocalPostgres
from services.actions.rate_store import RateStore
from services.actions.rate_table import FORGET_AFTER_SECONDS, Addition, RateTable
from services.actions.tables import Action, RateCount
from shared.clock import ManualClock
from tests.support.actions_app import SITE, ActionsService, actions_service
from tests.support.actions_requests import a_form, a_supporter, an_action
from tests.support.events import NOW, a_published_case

PERSON = {"Accept": "text/html,application/xhtml+xml"}
HOUR_SECONDS = 3600
keys = (f"key-{number}" for number in count())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW + timedelta(minutes=30))


@pytest.fixture
async def service(database_url: str, clock: ManualClock) -> AsyncIterator[ActionsService]:
    """Three letters a minute and four an hour from a mailbox, five an hour from a network."""
    limits: dict[str, Any] = {"rate_per_mailbox": "3/minute;4/hour", "rate_per_network": "5/hour"}
    async with actions_service(database_url, clock=clock, **limits) as service:
        yield service


@asynccontextmanager
async def from_address(service: ActionsService, address: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(service.app, client=(address, 4711))
    async with httpx.AsyncClient(transport=transport, base_url=SITE) as http:
        yield http


async def act(http: httpx.AsyncClient, email: str, key: str | None = None, **changes: Any) -> httpx.Response:
    body = an_action(supporter=a_supporter(email=email), **changes)
    return await http.post("/api/v1/actions", json=body, headers={"Idempotency-Key": key or next(keys)})


async def statuses(http: httpx.AsyncClient, *emails: str) -> list[int]:
    return [(await act(http, email)).status_code for email in emails]


async def test_a_mailbox_that_writes_too_often_is_told_when_to_come_back(
    service: ActionsService, clock: ManualClock
) -> None:
    spelt = ["ana@mail.example", "ana+a@mail.example", "Ana@mail.example", "ana+b@Mail.example"]
    assert await statuses(service.http, *spelt) == [202, 202, 202, 429]
    answer = await act(service.http, "ana@mail.example")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].endswith("/too-many-from-here")
    assert answer.headers["ratelimit-policy"] == '"mailbox-1-minute";q=3;w=60, "mailbox-1-hour";q=4;w=3600'
    wait_seconds = int(answer.headers["retry-after"])
    assert answer.headers["ratelimit"] == f'"mailbox-1-minute";r=0;t={wait_seconds}'
    assert 0 < wait_seconds <= 60
    assert await statuses(service.http, "another@mail.example") == [202]
    clock.advance(timedelta(seconds=wait_seconds))
    assert await statuses(service.http, "ana@mail.example", "ana@mail.example") == [202, 429]
    answer = await act(service.http, "ana@mail.example")
    assert answer.headers["ratelimit"].startswith('"mailbox-1-hour";r=0;t=')
    assert len(await service.rows(select(Action.id))) == 5


async def test_a_network_is_limited_whoever_writes_in_it_and_no_other(service: ActionsService) -> None:
    emails = [f"person-{number}@mail.example" for number in range(6)]
    async with from_address(service, "203.0.113.7") as one, from_address(service, "203.0.113.200") as neighbour:
        assert await statuses(one, *emails[:3]) == [202] * 3
        assert await statuses(neighbour, *emails[3:]) == [202, 202, 429]
    async with from_address(service, "198.51.100.7") as elsewhere:
        assert await statuses(elsewhere, emails[0]) == [202]
    assert await statuses(service.http, emails[1]) == [202], "what our own proxies ask has no network"


async def test_a_case_is_limited_only_where_a_limit_is_set(database_url: str) -> None:
    async with actions_service(database_url, rate_per_case="1/day") as service:
        await service.tell(a_published_case(revision=2))
        assert await statuses(service.http, "a@mail.example", "b@mail.example") == [202, 429]


async def test_a_repeat_still_gets_its_receipt_and_a_new_action_does_not(service: ActionsService) -> None:
    first = await act(service.http, "ana@mail.example", "first")
    assert await statuses(service.http, *["ana@mail.example"] * 3) == [202, 202, 429]
    repeat = await act(service.http, "ana@mail.example", "first")
    assert (repeat.status_code, repeat.json()) == (202, first.json())
    other_words = await act(service.http, "ana@mail.example", "first", hide_email=True)
    assert other_words.status_code == 422


async def test_attempts_count_whether_or_not_they_were_new(service: ActionsService) -> None:
    """Otherwise an answer would tell whether a mailbox had acted before."""
    for _ in range(3):
        assert (await act(service.http, "ana@mail.example", "the-same")).status_code == 202
    assert await statuses(service.http, "ana@mail.example") == [429]


async def test_a_form_over_a_limit_comes_back_with_every_word_and_the_time_to_try_again(
    service: ActionsService,
) -> None:
    assert await statuses(service.http, *["supporter@mail.example"] * 3) == [202] * 3
    soon = await service.http.post("/actions", data=a_form(body="Every word."), headers=PERSON)
    assert (soon.status_code, soon.headers["cache-control"]) == (429, "no-store")
    assert "Every word." in soon.text
    assert f'data-wait="{soon.headers["retry-after"]}"' in soon.text


async def test_where_the_wait_is_long_the_page_does_not_promise_to_send_by_itself(
    service: ActionsService, clock: ManualClock
) -> None:
    for number in range(5):
        await statuses(service.http, "supporter@mail.example")
        clock.advance(timedelta(minutes=number % 2))
    page = await service.http.post("/actions", data=a_form(body="Every word."), headers=PERSON)
    minutes = -(-int(page.headers["retry-after"]) // 60)
    assert page.status_code == 429
    assert minutes > 2
    assert f"send it again in about {minutes} minutes" in page.text
    assert "resend" not in page.text
    assert "Every word." in page.text


async def test_limits_are_counted_by_kind_and_name_nobody(service: ActionsService) -> None:
    await statuses(service.http, *["ana@mail.example"] * 4)
    metrics = (await service.http.get("/metrics")).text
    assert re.search(r'actions_limited_total\{by="mailbox"\} 1.0', metrics)
    await service.wiring.limits.beat()
    kept = str([row.key for row in await service.rows(select(RateCount))])
    assert "mailbox" in kept
    assert "ana" not in kept


async def test_two_processes_share_a_limit(database_url: str, clock: ManualClock) -> None:
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(actions_service(database_url, clock=clock, rate_per_mailbox="4/hour"))
            for _ in range(2)
        ]
        assert await statuses(one.http, *["ana@mail.example"] * 3) == [202] * 3
        assert await statuses(other.http, *["ana@mail.example"] * 2) == [202] * 2, "it cannot know yet"
        await one.wiring.limits.beat()
        await other.wiring.limits.beat()
        assert await statuses(other.http, "ana@mail.example") == [429]


async def test_stores_on_one_database_add_up_though_they_share_at_once(database_url: str, clock: ManualClock) -> None:
    async with actions_service(database_url, clock=clock) as service:
        stores = [RateStore(RateTable(service.wiring.database), clock, shared_from=1) for _ in range(4)]
        for _ in range(5):
            for store in stores:
                for number in range(50):
                    store.incr(f"key-{number}", HOUR_SECONDS)
            await asyncio.gather(*(store.share() for store in stores))
        for store in stores:
            store.incr("key-7", HOUR_SECONDS)
            await store.share()
        assert stores[-1].get("key-7") == 5 * 4 + 4
        counted = await service.rows(select(RateCount.count))
        assert sum(counted) == 5 * 4 * 50 + 4


async def test_counts_of_windows_that_are_over_are_forgotten(database_url: str, clock: ManualClock) -> None:
    async with actions_service(database_url, clock=clock) as service:
        now = int(clock.now().timestamp())
        await service.wiring.rate_table.add(
            [Addition(now - FORGET_AFTER_SECONDS - 1, "over", 1), Addition(now + 60, "present", 1)]
        )
        await service.wiring.forget_counts()
        assert await service.rows(select(RateCount.key)) == ["present"]


async def test_with_the_database_away_the_limit_holds_in_each_process(own_postgres: LocalPostgres) -> None:
    url = own_postgres.create_database("actions")
    async with actions_service(url, rate_per_mailbox="2/day", stop_seconds_max=5) as service:
        assert await statuses(service.http, "ana@mail.example") == [202]
        own_postgres.kill()
        refused = await statuses(service.http, *["ana@mail.example"] * 3)
        assert set(refused) == {503}, "nothing can be kept or looked up, and nothing breaks"
        own_postgres.start()
        await service.wiring.limits.beat()
        assert await statuses(service.http, "ana@mail.example", "bo@mail.example") == [429, 202]
