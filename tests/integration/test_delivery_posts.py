"""The campaign's own posts: written by staff, sent like letters, to local servers that speak as the real ones do."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlmodel import select

from services.delivery.kinds import LetterKind
from services.delivery.pauses import Scope
from services.delivery.states import LetterState
from services.delivery.tables import Audit
from shared.audit import By
from tests.support.delivery_service import SITE, STAFF_TOKEN, DeliveryService, delivery_service
from tests.support.social_servers import (
    HANDLE,
    PASSWORD,
    TOKEN,
    Fault,
    SocialServer,
    bluesky_app,
    mastodon_app,
    social_server,
)
from tests.support.staff_sessions import log_in
from tests.support.until import until

API = "/api/v1/letters/posts"
BEARER = {"Authorization": f"Bearer {STAFF_TOKEN}", "Staff-Name": "A colleague"}
LINK = f"{SITE}/cases/a-test-case"
WISH = {"text": "They are free!", "link": LINK, "networks": ["mastodon", "bluesky"], "why": "good news"}


@pytest.fixture
async def mastodon() -> AsyncIterator[SocialServer]:
    async with social_server(mastodon_app) as server:
        yield server


@pytest.fixture
async def bluesky() -> AsyncIterator[SocialServer]:
    async with social_server(bluesky_app) as server:
        yield server


@pytest.fixture
async def delivery(database_url: str, mastodon: SocialServer, bluesky: SocialServer) -> AsyncIterator[DeliveryService]:
    accounts = {
        "mastodon_url": mastodon.url,
        "mastodon_token": TOKEN,
        "bluesky_url": bluesky.url,
        "bluesky_handle": HANDLE,
        "bluesky_password": PASSWORD,
    }
    async with delivery_service(database_url, **accounts) as delivery:
        yield delivery


async def all_sent(delivery: DeliveryService) -> bool:
    return await delivery.states() == {LetterState.SENT}


async def test_one_post_goes_to_each_network_and_is_no_letter(
    delivery: DeliveryService, mastodon: SocialServer, bluesky: SocialServer
) -> None:
    answer = await delivery.http.post(API, json=WISH, headers=BEARER)
    assert answer.status_code == 202
    async with delivery.sending():
        await until(lambda: all_sent(delivery))
    assert mastodon.texts() == bluesky.texts() == [f"They are free!\n\n{LINK}"]
    assert {str(letter.id) for letter in await delivery.letters()} == set(answer.json()["letters"].values())
    assert {letter.kind for letter in await delivery.letters()} == {LetterKind.ANNOUNCEMENT}
    assert await delivery.reports() == []
    async with delivery.wiring.database.transaction() as session:
        [line] = await session.exec(select(Audit))
    assert (line.who, line.did, line.why) == ("A colleague", "post_announced", "good news")


async def test_what_a_network_puts_off_comes_again_and_stands_there_once(
    delivery: DeliveryService, mastodon: SocialServer, bluesky: SocialServer
) -> None:
    mastodon.faults, bluesky.faults = [Fault.RATE_LIMIT], [Fault.HANGS_UP]
    await delivery.http.post(API, json=WISH, headers=BEARER)
    async with delivery.sending():
        await until(lambda: states_are(delivery, LetterState.QUEUED, LetterState.UNCERTAIN))
        delivery.clock.advance(timedelta(hours=1))
        await until(lambda: all_sent(delivery), 20)
    assert len(mastodon.posts) == len(bluesky.posts) == 1


async def states_are(delivery: DeliveryService, *states: LetterState) -> bool:
    letters = await delivery.letters()
    return {letter.state for letter in letters} == set(states) and all(letter.fence for letter in letters)


async def test_a_paused_network_gets_no_post_and_the_other_does(
    delivery: DeliveryService, mastodon: SocialServer, bluesky: SocialServer
) -> None:
    await delivery.http.post(API, json=WISH, headers=BEARER)
    await delivery.wiring.steering.pause(Scope.DESTINATION, "mastodon", By("A colleague", "it is being moved"))
    async with delivery.sending():
        await until(lambda: len(bluesky.texts()) == 1)
    assert mastodon.texts() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"text": " "}, "text"),
        ({"text": "w" * 290}, "text"),
        ({"networks": ["x"]}, "networks"),
        ({"networks": []}, "networks"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"why": ""}, "why"),
    ],
)
async def test_what_cannot_be_posted_is_said_and_nothing_is_queued(
    delivery: DeliveryService, changes: dict[str, object], field: str
) -> None:
    answer = await delivery.http.post(API, json=WISH | changes, headers=BEARER)
    assert answer.status_code == 422
    assert field in {error["field"].split(".")[0] for error in answer.json()["errors"]}
    log_in(delivery.http, delivery.wiring.staff)
    page = await delivery.http.post("/ops/posts", data=WISH | changes, headers={"Origin": SITE})
    assert page.status_code == 422
    assert f'href="#field-{field}"' in page.text
    assert str((WISH | changes)["text"]).strip() in page.text
    assert await delivery.letters() == []


async def test_strangers_post_nothing(delivery: DeliveryService) -> None:
    assert (await delivery.http.post(API, json=WISH)).status_code == 401
    assert (await delivery.http.get("/ops/posts")).status_code == 303
    assert await delivery.letters() == []
