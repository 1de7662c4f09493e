"""Posts from the campaign's account on Bluesky. Source: the AT protocol's lexicons and the guide to creating a post.

A post's key follows from its letter, and it is put, not created: put again, the same record stands where it stood.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx

from services.delivery.channels import Answer, HostFault, Phase, Throttled
from services.delivery.channels.accounts import Post, ask, open_client, read_json, read_status, shorten
from shared.posts.lengths import links

POST = "app.bsky.feed.post"
SESSION = "/xrpc/com.atproto.server.createSession"
PUT = "/xrpc/com.atproto.repo.putRecord"
EXPIRED = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing"})

_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
_KEY_DIGITS = 13
_CLOCK_BITS = 10


@dataclass(frozen=True)
class Session:
    did: str
    token: str


class NoSession(Exception):
    """Logging in failed; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


class BlueskyAccount:
    """Logs in when first needed, and again when its session has run out. `password` is an app password."""

    def __init__(self, url: str, handle: str, password: str) -> None:
        self._http = open_client(url)
        self._handle, self._password = handle, password
        self._session: Session | None = None
        self._logging_in = asyncio.Lock()

    async def publish(self, post: Post) -> Answer:
        try:
            session = await self._logged_in()
            answer = await self._put(post, session)
            if answer.text in EXPIRED:
                answer = await self._put(post, await self._logged_in(instead_of=session))
        except NoSession as fault:
            return fault.answer
        return answer

    async def ping(self) -> None:
        """Raises `NoSession` when the server is away or does not let us in."""
        await self._logged_in()

    async def close(self) -> None:
        await self._http.aclose()

    async def _put(self, post: Post, session: Session) -> Answer:
        body = {"repo": session.did, "collection": POST, "rkey": record_key(post), "record": record_of(post)}
        headers = {"Authorization": f"Bearer {session.token}"}
        return await ask(lambda: self._http.post(PUT, json=body, headers=headers), _read)

    async def _logged_in(self, instead_of: Session | None = None) -> Session:
        """One login for all who wait for it. Raises `NoSession`."""
        async with self._logging_in:
            if self._session is None or self._session is instead_of:
                self._session = await self._log_in()
            return self._session

    async def _log_in(self) -> Session:
        try:
            who = {"identifier": self._handle, "password": self._password}
            response = await self._http.post(SESSION, json=who)
        except httpx.HTTPError as fault:
            raise NoSession(HostFault(Phase.CONNECT, text=type(fault).__name__)) from fault
        found = read_json(response)
        if response.status_code == 200 and found.get("did") and found.get("accessJwt"):
            return Session(found["did"], found["accessJwt"])
        answer = Throttled if response.status_code == 429 else HostFault
        raise NoSession(answer(Phase.CONNECT, response.status_code, shorten(found.get("error", ""))))


def record_of(post: Post) -> dict[str, Any]:
    """The record, with its links marked: unlike other networks, this one does not look for them itself."""
    return {
        "$type": POST,
        "text": post.text,
        "createdAt": post.written_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "langs": [post.language],
        "facets": [_link(post.text, begin, end) for begin, end in links(post.text)],
    }


def record_key(post: Post) -> str:
    """A timestamp identifier (`tid`): when it was written, in microseconds, and ten bits of its letter's id."""
    moment = int(post.written_at.timestamp() * 1_000_000)
    number = moment << _CLOCK_BITS | post.letter_id.int & ((1 << _CLOCK_BITS) - 1)
    return "".join(_DIGITS[number >> 5 * place & 31] for place in reversed(range(_KEY_DIGITS)))


def _link(text: str, begin: int, end: int) -> dict[str, Any]:
    """Places are in bytes of UTF-8."""
    first, last = len(text[:begin].encode()), len(text[:end].encode())
    kind = {"$type": "app.bsky.richtext.facet#link", "uri": text[begin:end]}
    return {"index": {"byteStart": first, "byteEnd": last}, "features": [kind]}


def _read(response: httpx.Response) -> Answer:
    found = read_json(response)
    said = shorten(found.get("uri") or found.get("error") or "")
    if found.get("error") in EXPIRED:
        return HostFault(Phase.STORE, response.status_code, said)
    return read_status(response.status_code, said)
