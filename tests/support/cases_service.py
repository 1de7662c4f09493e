"""The cases service as tests run it: its real tables, which its migrations are held to, and a clock turned by hand."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from sqlmodel import col, select

from services.cases.app import create_app
from services.cases.settings import CasesSettings
from services.cases.tables import LedgerCount, LedgerKind, Outbox, Row
from services.cases.wiring import Wiring, build
from shared.clock import ManualClock
from shared.messages.cases import UpdatePublishedV1
from shared.messages.envelope import Event
from shared.messages.registry import read
from tests.support.events import NOW


@asynccontextmanager
async def cases_service(database_url: str, **settings: Any) -> AsyncIterator[Wiring]:
    """With its tables, and built. Its clock is a `ManualClock` at `tests.support.events.NOW`."""
    given = CasesSettings(database_url=database_url, public_url="https://letters.example", **settings)
    wiring = build(given, clock=ManualClock(NOW))
    async with wiring.database.engine.begin() as connection:
        await connection.run_sync(Row.metadata.create_all)
    try:
        yield wiring
    finally:
        await wiring.close()


def reader_of(wiring: Wiring) -> httpx.AsyncClient:
    """A browser, as far as headers go."""
    transport = httpx.ASGITransport(create_app(wiring))
    return httpx.AsyncClient(transport=transport, base_url="https://letters.example", headers={"Accept": "text/html"})


async def published_events(wiring: Wiring) -> Sequence[Event]:
    """What the outbox holds of cases, in the order of revisions."""
    events = [event for event in await _told(wiring) if not isinstance(event, UpdatePublishedV1)]
    return sorted(events, key=lambda event: (event.slug, event.revision))


async def published_updates(wiring: Wiring) -> list[UpdatePublishedV1]:
    """What the outbox holds of updates that people are to be told of."""
    return [event for event in await _told(wiring) if isinstance(event, UpdatePublishedV1)]


async def _told(wiring: Wiring) -> list[Any]:
    async with wiring.database.transaction() as session:
        rows = (await session.exec(select(Outbox))).all()
    return [read(row.body).data for row in rows]


async def total(wiring: Wiring, kind: LedgerKind, slug: str = "a-test-case") -> int:
    """The sum of the ledger's totals of one kind."""
    counted = select(LedgerCount).where(col(LedgerCount.case_slug) == slug, col(LedgerCount.kind) == kind)
    async with wiring.database.transaction() as session:
        return sum(row.count for row in await session.exec(counted))
