"""A small web app whose answers a test holds back, to see what happens while requests are under way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.web.in_flight import refused_for_now
from tests.support.until import until


class HeldApp:
    """Answers when `let_go` is set; what it was asked to give back, at once."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.under_way = 0
        self.most = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        problem = refused_for_now(scope)
        if scope["path"] == "/held" or scope["query_string"] == b"held":
            await self.let_go.wait()
        self.under_way -= 1
        answer = PlainTextResponse(problem.kind, problem.status) if problem else PlainTextResponse("taken")
        await answer(scope, receive, send)


def asking(app: ASGIApp, client: str = "203.0.113.1") -> httpx.AsyncClient:
    """Requests that come from `client`."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(client, 1)), base_url="http://test")


@asynccontextmanager
async def held(app: HeldApp, ask: Callable[[], Awaitable[httpx.Response]], count: int) -> AsyncIterator[None]:
    """`count` requests are under way inside; all are answered after it."""
    before = app.under_way
    tasks = [asyncio.ensure_future(ask()) for _ in range(count)]
    await until(lambda: app.under_way == before + count)
    try:
        yield
    finally:
        app.let_go.set()
        answers = await asyncio.gather(*tasks)
        assert {answer.status_code for answer in answers} <= {200, 429, 503}
