"""A post in public: counted without a name, and opened in the composer of whichever network the supporter likes."""

import re
from collections.abc import AsyncIterator
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import select

from services.actions.tables import Action, Outbox
from shared.messages.actions import ActionAcceptedV1
from shared.messages.cases import Channel, Protection
from shared.messages.registry import read
from shared.posts.lengths import fits
from shared.posts.networks import Network
from tests.support.actions_app import ActionsService, actions_service
from tests.support.events import MINISTRY, a_published_case

FORM = {"case": "a-test-case", "network": "x", "language": "en", "text": "Please release them now."}
POST = {"case": "a-test-case", "network": "bluesky", "language": "en", "text": "Please release them now."}
HANDLED = MINISTRY.model_copy(update={"handle": "@ministry_example"})


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[ActionsService]:
    async with actions_service(database_url) as service:
        await service.tell(a_published_case(revision=2, channels=("email", "social"), targets=(HANDLED,)))
        yield service


def links(page: str) -> dict[str, str]:
    """By host, the post that each link of the page opens; the links to share the case are left out."""
    page = page.split("data-sharing")[0]
    found = [urlsplit(unescape(href)) for href in re.findall(r'href="(https://[^"]+)"', page)]
    return {url.hostname or "": parse_qs(url.query)["text"][0] for url in found if "text" in parse_qs(url.query)}


async def test_a_post_is_counted_without_a_name_and_opens_in_every_network(service: ActionsService) -> None:
    answer = await service.http.post("/posts", data=FORM)
    assert answer.status_code == 303
    receipt = await service.http.get(answer.headers["location"])
    for host, network in {"x.com": Network.X, "bsky.app": Network.BLUESKY, "www.threads.com": Network.THREADS}.items():
        post = links(receipt.text)[host]
        assert post.startswith("Please release them now. @ministry_example https://")
        assert fits(network, post)
    assert "waiting in line" not in receipt.text
    [row] = await service.rows(select(Outbox))
    event = read(row.body).data
    assert isinstance(event, ActionAcceptedV1)
    assert (event.channel, event.supporter.name, event.supporter.email) == (Channel.SOCIAL, "", None)


async def test_the_network_asked_for_comes_first(service: ActionsService) -> None:
    answer = await service.http.post("/posts", data=FORM | {"network": "threads"})
    page = (await service.http.get(answer.headers["location"])).text
    assert re.findall(r'data-network="(\w+)"', page) == ["threads", "x", "bluesky", "mastodon"]


async def test_mastodon_opens_on_the_readers_own_server(service: ActionsService) -> None:
    answer = await service.http.post("/posts", data=FORM | {"network": "mastodon"})
    where = answer.headers["location"]
    assert "mastodon" not in " ".join(links((await service.http.get(where)).text))
    page = (await service.http.get(where, params={"server": "@me@social.example"})).text
    assert links(page)["social.example"].startswith("Please release them now.")
    page = (await service.http.get(where, params={"server": 'evil"><script>'})).text
    assert "does not look like the name of a server" in page
    assert "<script>" not in page.split("<main")[1]


async def test_everybody_who_posts_the_same_words_counts(service: ActionsService) -> None:
    answers = [await service.http.post("/posts", data=FORM) for _ in range(3)]
    assert len({answer.headers["location"] for answer in answers}) == 3


async def test_by_the_api_one_key_is_one_post(service: ActionsService) -> None:
    answers = [
        await service.http.post("/api/v1/posts", json=POST, headers={"Idempotency-Key": "one"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    other = await service.http.post("/api/v1/posts", json=POST | {"text": "Else"}, headers={"Idempotency-Key": "one"})
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"text": ""}, "text"), ({"network": "elsewhere"}, "network"), ({"text": "w" * 1_001}, "text")],
)
async def test_a_mistake_comes_back_with_every_word(
    service: ActionsService, changes: dict[str, str], field: str
) -> None:
    answer = await service.http.post("/posts", data=FORM | changes, headers={"Accept": "text/html"})
    assert answer.status_code == 422
    assert f'href="#field-{field}"' in answer.text
    assert (FORM | changes)["text"] in answer.text
    by_api = await service.http.post("/api/v1/posts", json=POST | changes, headers={"Idempotency-Key": "k"})
    assert [error["field"] for error in by_api.json()["errors"]] == [field]


async def test_the_field_for_robots_counts_nothing(service: ActionsService) -> None:
    assert (await service.http.post("/posts", data=FORM | {"website": "buy"})).status_code == 422
    assert await service.rows(select(Action)) == []


async def test_where_a_proof_is_asked_for_a_post_without_one_is_not_counted(service: ActionsService) -> None:
    case = a_published_case(
        revision=3, channels=("social",), targets=(HANDLED,), protection=Protection(proof_of_work=True)
    )
    await service.tell(case)
    answer = await service.http.post("/posts", data=FORM)
    assert answer.status_code == 422
    assert FORM["text"] in answer.text
    assert "scripts" in answer.text


async def test_a_case_that_offers_no_posts_takes_none(service: ActionsService) -> None:
    await service.tell(a_published_case(revision=3, channels=("email",), targets=(HANDLED,)))
    assert (await service.http.post("/posts", data=FORM)).status_code == 422
