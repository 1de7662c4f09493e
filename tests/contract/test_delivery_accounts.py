"""What every account on a public network promises, against local servers that speak as the real ones do."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from deploy.local.ports import free_port
from services.delivery.channels import (
    Accepted,
    Answer,
    Blocked,
    HostFault,
    Phase,
    Refused,
    Throttled,
    Unknown,
)
from services.delivery.channels.accounts import Account, Post
from services.delivery.channels.bluesky import BlueskyAccount, NoSession, record_of
from services.delivery.channels.mastodon import MastodonAccount
from shared.posts.networks import Network
from tests.support.events import NOW
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
from tests.support.until import until

POST = Post(UUID(int=7), Network.BLUESKY, "Please act. https://letters.example/cases/a-test-case", "en", NOW)


@dataclass
class Place:
    """An account, its server, and accounts that cannot get in or get through."""

    account: Account
    server: SocialServer
    stranger: Account
    unreachable: Account


@pytest.fixture(params=["mastodon", "bluesky"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    nowhere = f"http://127.0.0.1:{free_port()}"
    async with social_server(mastodon_app if request.param == "mastodon" else bluesky_app) as server:
        accounts: list[Account]
        if request.param == "mastodon":
            accounts = [MastodonAccount(*at) for at in [(server.url, TOKEN), (server.url, "wrong"), (nowhere, TOKEN)]]
        else:
            ways = [(server.url, PASSWORD), (server.url, "wrong"), (nowhere, PASSWORD)]
            accounts = [BlueskyAccount(url, HANDLE, password) for url, password in ways]
        place = Place(accounts[0], server, *accounts[1:])
        await until(lambda: is_up(place.account), 10)
        yield place
        await asyncio.gather(*(account.close() for account in accounts))


async def is_up(account: Account) -> bool:
    try:
        await account.ping()
    except Exception:
        return False
    return True


async def test_a_post_appears_and_its_place_is_told(place: Place) -> None:
    answer = await place.account.publish(POST)
    assert isinstance(answer, Accepted)
    assert answer.text
    assert place.server.texts() == [POST.text]


async def test_the_same_post_again_appears_once(place: Place) -> None:
    answers = [await place.account.publish(POST), await place.account.publish(POST)]
    assert [type(answer) for answer in answers] == [Accepted, Accepted]
    assert len(place.server.posts) == 1
    await place.account.publish(replace(POST, letter_id=UUID(int=8)))
    assert len(place.server.posts) == 2


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.RATE_LIMIT, Throttled),
        (Fault.AWAY, HostFault),
        (Fault.BROKEN, Unknown),
        (Fault.NOT_ALLOWED, Blocked),
        (Fault.HANGS_UP, Unknown),
    ],
)
async def test_each_fault_has_its_answer_and_the_next_try_gets_through(
    place: Place, fault: Fault, expected: type[Answer]
) -> None:
    place.server.faults = [fault]
    assert type(await place.account.publish(POST)) is expected
    assert isinstance(await place.account.publish(POST), Accepted)
    assert len(place.server.posts) == 1


async def test_what_is_too_long_is_refused_for_good(place: Place) -> None:
    answer = await place.account.publish(replace(POST, text="word " * 200))
    assert isinstance(answer, Refused)
    assert place.server.posts == {}


async def test_a_wrong_key_is_our_fault_and_not_the_posts(place: Place) -> None:
    assert isinstance(await place.stranger.publish(POST), HostFault)
    assert not await is_up(place.stranger)


async def test_a_server_that_is_not_there_has_not_taken_it(place: Place) -> None:
    answer = await place.unreachable.publish(POST)
    assert isinstance(answer, HostFault)
    assert answer.phase is Phase.CONNECT


async def test_a_session_that_is_over_is_opened_again() -> None:
    async with social_server(bluesky_app) as server:
        account = BlueskyAccount(server.url, HANDLE, PASSWORD)
        await until(lambda: is_up(account), 10)
        server.faults = [Fault.SESSION_OVER]
        assert isinstance(await account.publish(POST), Accepted)
        assert server.logins == 2
        await account.close()


async def test_many_who_post_log_in_once() -> None:
    async with social_server(bluesky_app) as server:
        account = BlueskyAccount(server.url, HANDLE, PASSWORD)
        await until(lambda: is_up(account), 10)
        answers = await asyncio.gather(*(account.publish(replace(POST, letter_id=UUID(int=id))) for id in range(10)))
        assert {type(answer) for answer in answers} == {Accepted}
        assert (server.logins, len(server.posts)) == (1, 10)
        await account.close()


def test_links_are_marked_in_bytes() -> None:
    record = record_of(replace(POST, text="آزادی https://letters.example/x"))
    begin, end = record["facets"][0]["index"].values()
    assert record["text"].encode()[begin:end] == b"https://letters.example/x"


async def test_a_login_that_fails_says_so() -> None:
    account = BlueskyAccount(f"http://127.0.0.1:{free_port()}", HANDLE, PASSWORD)
    with pytest.raises(NoSession):
        await account.ping()
    await account.close()
