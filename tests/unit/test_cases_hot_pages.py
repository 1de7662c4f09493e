"""Who comes while a page is being made for another gets that one; and is not harmed when it cannot be made."""

import asyncio
from contextlib import suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from services.cases.hot_pages import PAGES_MAX, HotPages
from shared.clock import ManualClock
from tests.support.events import NOW


class SlowApp:
    """Counts what it is asked for, and answers with `status` once it is let go."""

    def __init__(self, status: int = 200) -> None:
        self.asked, self.status, self.let_go = 0, status, asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await self.let_go.wait()
        await Response("a page", self.status, {"ETag": '"one"'})(scope, receive, send)


def hot(app: SlowApp, seconds: float = 1) -> HotPages:
    return HotPages(app, ManualClock(NOW), seconds, lambda: None)


async def ask(pages: HotPages, path: str = "/cases/a") -> int:
    """The status of the answer."""
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        said.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    await pages(scope | {"client": ("127.0.0.1", 1)}, receive, send)
    return int(said[0]["status"])


async def begun(app: SlowApp, pages: HotPages, count: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(ask(pages)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_who_comes_meanwhile_gets_what_is_made_for_the_first() -> None:
    app = SlowApp()
    tasks = await begun(app, hot(app, 0), 5)
    app.let_go.set()
    assert await asyncio.gather(*tasks) == [200] * 5
    assert app.asked == 1


async def test_what_cannot_be_made_is_told_to_each_by_the_app() -> None:
    app = SlowApp(404)
    tasks = await begun(app, hot(app), 3)
    app.let_go.set()
    assert await asyncio.gather(*tasks) == [404] * 3
    assert app.asked == 3


async def test_a_first_one_who_leaves_takes_nobody_along() -> None:
    app = SlowApp()
    first, *others = await begun(app, hot(app), 3)
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    app.let_go.set()
    assert await asyncio.gather(*others) == [200] * 2


async def test_it_keeps_so_many_and_no_more() -> None:
    app = SlowApp()
    app.let_go.set()
    pages = hot(app)
    for number in range(PAGES_MAX + 1):
        await ask(pages, f"/cases/a{number}")
    assert app.asked == PAGES_MAX + 1
    await ask(pages, f"/cases/a{PAGES_MAX}")
    assert app.asked == PAGES_MAX + 1
    await ask(pages, "/cases/a0")
    assert app.asked == PAGES_MAX + 2
