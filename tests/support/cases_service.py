"""The cases service as tests run it: real tables made by the real migrations, and a clock turned by hand."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from sqlmodel import col, select

from services.cases.app import create_app
from services.cases.settings import CasesSettings
from services.cases.tables import LedgerCount, LedgerKind, Outbox
from services.cases.wiring import MIGRATIONS, Wiring, build
from shared.clock import ManualClock
from shared.messages.cases import UpdatePublishedV1
from shared.messages.envelope import Event
from shared.messages.registry import read
from shared.migrations import migrate
from tests.support.events import NOW


@asynccontextmanager
async def cases_service(database_url: str, **settings: Any) -> AsyncIterator[Wiring]:
    """Migrated and built. Its clock is a `ManualClock` at `tests.support.events.NOW`."""
    await asyncio.to_thread(migrate, database_url, MIGRATIONS)
    given = CasesSettings(database_url=database_url, public_url="https://letters.example", **settings)
    wiring = build(given, clock=ManualClock(NOW))
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
