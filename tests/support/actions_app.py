"""The actions service for tests: its real wiring on a real database, its app spoken to without a socket."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from services.actions.app import create_app
from services.actions.handlers import subscriptions
from services.actions.settings import ActionsSettings
from services.actions.tables import Row
from services.actions.wiring import Wiring, build
from shared.clock import Clock
from shared.messages.envelope import Envelope, Event, seal
from shared.messages.registry import read
from tests.support.events import a_published_case

SITE = "https://site.example"


class ActionsService:
    """What a test holds: `http` speaks to the web process, `tell` is the worker hearing events."""

    def __init__(self, wiring: Wiring, app: FastAPI, http: httpx.AsyncClient) -> None:
        self.wiring, self.app, self.http = wiring, app, http

    async def tell(self, *events: Event) -> None:
        """Hand events to the handlers of the queues that want them, each queue's as one batch."""
        for subscription in subscriptions(self.wiring):
            wanted = [opened(event) for event in events if type(event) in subscription.queue.events]
            if wanted:
                await subscription.handle(wanted)

    async def post(self, body: Any, key: str | None = "a-key", **headers: str) -> httpx.Response:
        keyed = {"Idempotency-Key": key} if key is not None else {}
        return await self.http.post("/api/v1/actions", json=body, headers=keyed | headers)

    async def rows(self, statement: Any) -> Sequence[Any]:
        async with self.wiring.database.transaction() as session:
            return list(await session.exec(statement))


def opened(event: Event) -> Envelope[Any]:
    """The event as a consumer gets it: sealed and read again."""
    return read(seal(event).body)


@asynccontextmanager
async def actions_service(
    database_url: str, *, clock: Clock | None = None, knows_case: bool = True, **settings: Any
) -> AsyncIterator[ActionsService]:
    """The service up and running on a fresh database; it knows the test case unless told otherwise.

    One supporter writes again and again in most tests, so there is no limit on a mailbox unless `settings` set one."""
    settings = {"rate_per_mailbox": ""} | settings
    wiring = build(ActionsSettings(database_url=database_url, public_url=SITE, **settings), clock=clock)
    async with wiring.database.engine.begin() as connection:
        await connection.run_sync(Row.metadata.create_all)
    app = create_app(wiring)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=SITE) as http:
        service = ActionsService(wiring, app, http)
        if knows_case:
            await service.tell(a_published_case())
        try:
            yield service
        finally:
            await wiring.close()
