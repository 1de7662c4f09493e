"""The port to the campaign's own accounts on public networks. What came of a post is an `Answer`, as for letters.

Every account passes `tests/contract/test_delivery_accounts.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import httpx

from services.delivery.channels import (
    TEXT_LENGTH_MAX,
    Accepted,
    Answer,
    Blocked,
    Deferred,
    HostFault,
    Phase,
    Refused,
    Throttled,
    Unknown,
)
from shared.posts.networks import Network

REQUEST_SECONDS_MAX = 20.0
ANSWER_BYTES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Post:
    """A short public text. The same `letter_id` again is the same post, and must not appear twice."""

    letter_id: UUID
    network: Network
    text: str
    language: str
    written_at: datetime


class Account(Protocol):
    """One account on one network. As many posts at once as callers like; the other side says when it is too much."""

    async def publish(self, post: Post) -> Answer:
        """Try once. Whatever the outside does is an `Answer`, never an exception. Harmless again after `Unknown`."""

    async def ping(self) -> None:
        """Raises when the account cannot be used."""

    async def close(self) -> None: ...


def open_client(url: str) -> httpx.AsyncClient:
    """To one server and nowhere else: no redirects, no proxies from the environment, nothing waits for ever."""
    return httpx.AsyncClient(base_url=url, timeout=REQUEST_SECONDS_MAX, follow_redirects=False, trust_env=False)


async def ask(request: Callable[[], Any], read: Callable[[httpx.Response], Answer]) -> Answer:
    """Make a request that publishes, and read its answer. Broken off once it may have arrived, nobody knows."""
    try:
        return read(await request())
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as fault:
        return HostFault(Phase.CONNECT, text=type(fault).__name__)
    except httpx.HTTPError as fault:
        return Unknown(Phase.STORE, text=type(fault).__name__)


def read_status(status: int, said: str) -> Answer:
    """What an HTTP status means for a post; each network knows exceptions."""
    match status:
        case 200 | 201 | 202:
            return Accepted(Phase.STORE, status, said)
        case 429:
            return Throttled(Phase.STORE, status, said)
        case 401:
            # The account is ours to mend; the post is not at fault.
            return HostFault(Phase.STORE, status, said)
        case 403:
            return Blocked(Phase.STORE, status, said)
        case 408 | 409 | 425:
            return Deferred(Phase.STORE, status, said)
        case _ if 400 <= status < 500:
            return Refused(Phase.STORE, status, said)
    return HostFault(Phase.STORE, status, said) if status in (502, 503) else Unknown(Phase.STORE, status, said)


def read_json(response: httpx.Response) -> Mapping[str, Any]:
    """The answer's object, or an empty one when it is none."""
    if len(response.content) > ANSWER_BYTES_MAX:
        return {}
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def shorten(text: object) -> str:
    return "".join(one if one.isprintable() else " " for one in str(text))[:TEXT_LENGTH_MAX]


class Accounts:
    """The campaign's accounts, by network."""

    def __init__(self, by_network: Mapping[Network, Account]) -> None:
        self._by_network = by_network

    @property
    def networks(self) -> list[Network]:
        return [network for network in Network if network in self._by_network]

    async def publish(self, post: Post) -> Answer:
        account = self._by_network.get(post.network)
        if account is None:
            return Deferred(Phase.CONNECT, text="the campaign has no account there")
        return await account.publish(post)

    async def close(self) -> None:
        for account in self._by_network.values():
            await account.close()
