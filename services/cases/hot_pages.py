"""The pages that everybody reads at a launch, sent again as they were just made, past routing and framework.

It stands inside all guards, so that a page from here is counted, logged and bounded as any other. What is kept is kept
for a moment: pages may be that much older than `W4R_PAGE_CACHE_SECONDS` says.
"""

import asyncio
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.cases.answers import has_it
from services.cases.visitors import variant_for
from shared.clock import Clock
from shared.web.tongues import tongue_of

FRONT = "/"
HOT = re.compile(r"/(?:cases/[a-z0-9-]{1,80})?")
SECONDS_MAX = 1.0
PAGES_MAX = 256
# Of a 304, beside what it does not send. RFC 9110, section 15.4.5.
OF_A_BODY = frozenset([b"content-type", b"content-length"])

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Page:
    made_at: datetime
    headers: list[tuple[bytes, bytes]]
    etag: str
    body: bytes
    route: Any


class HotPages:
    """Answers a page without a query that was answered a moment ago, or is just being made for somebody else. All else
    goes on to the app."""

    def __init__(self, app: ASGIApp, clock: Clock, seconds: float, shed: Callable[[], Hashable]) -> None:
        """`shed` tells what pages do without at this moment: what they did with is then not sent any more."""
        self._app, self._clock, self._shed = app, clock, shed
        self._lasts = timedelta(seconds=min(seconds, SECONDS_MAX))
        self._pages: dict[Key, Page] = {}
        self._making: dict[Key, asyncio.Future[Page | None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_hot(scope):
            return await self._app(scope, receive, send)
        key = _key_of(scope), self._shed()
        page = self._pages.get(key)
        if page and self._clock.now() - page.made_at >= self._lasts:
            page = None
        if page is None and (making := self._making.get(key)):
            page = await asyncio.shield(making)
        elif page is None:
            return await self._make(key, scope, receive, send)
        if page is None:  # it could not be made for the other one: let the app tell this one why
            return await self._app(scope, receive, send)
        scope["route"] = page.route
        return await _answer(page, scope, send)

    async def _make(self, key: Key, scope: Scope, receive: Receive, send: Send) -> None:
        """As the app does, and let others have what it made."""
        making = self._making[key] = asyncio.get_running_loop().create_future()
        began, headers = self._clock.now(), list[tuple[bytes, bytes]]()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                headers.extend(message["headers"])
            elif headers and not message.get("more_body", False):
                etag = next((value for name, value in headers if name == b"etag"), b"")
                page = Page(began, headers, etag.decode(), message["body"], scope.get("route"))
                self._keep(key, page)
                self._made(key, making, page)
            await send(message)

        try:
            await self._app(scope, receive, keep)
        finally:
            self._made(key, making, None)

    def _made(self, key: Key, making: asyncio.Future[Page | None], page: Page | None) -> None:
        """Before it is sent: that can take long, and who comes then is to get a newer one."""
        if not making.done():
            del self._making[key]
            making.set_result(page)

    def _keep(self, key: Key, page: Page) -> None:
        if key not in self._pages and len(self._pages) >= PAGES_MAX:
            self._pages.pop(next(iter(self._pages)))  # the oldest: hot ones are soon made again
        self._pages[key] = page


def _is_hot(scope: Scope) -> bool:
    plain = scope["type"] == "http" and scope["method"] == "GET" and not scope["query_string"]
    return plain and HOT.fullmatch(scope["path"]) is not None


def _key_of(scope: Scope) -> Key:
    """All that such a page depends on. The front page has no letter."""
    request = Request(scope)
    return scope["path"], tongue_of(request), variant_for(request) if scope["path"] != FRONT else None


async def _answer(page: Page, scope: Scope, send: Send) -> None:
    known = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"").decode("latin-1")
    if page.etag and known and has_it(known, page.etag):
        headers = [pair for pair in page.headers if pair[0] not in OF_A_BODY]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
    else:
        # A list of its own: those further out add their headers to it.
        await send({"type": "http.response.start", "status": 200, "headers": [*page.headers]})
        await send({"type": "http.response.body", "body": page.body})
