"""A backlog, and how fast a process works it off: rows counted in its database while it does."""

import asyncio
import time
from datetime import datetime

from sqlalchemy import text

import services.actions.wiring
from services.actions.settings import ActionsSettings
from shared.db import Database
from shared.messages.actions import ActionAcceptedV1, Supporter
from shared.messages.envelope import derived_id, seal
from tests.support.events import EMBASSY, MINISTRY, an_accepted_action

PUBLISHED = "SELECT count(*) FROM outbox WHERE published_at IS NOT NULL"
LETTERS = "SELECT count(*) FROM letter"
TARGETS = (MINISTRY, EMBASSY)
BATCH, POLL_SECONDS, DRAIN_SECONDS_MAX = 500, 0.1, 120.0


async def fill_outbox(url: str, count: int) -> int:
    """Leave so many accepted actions in the outbox. Returns how many letters each will be."""
    wiring = services.actions.wiring.build(ActionsSettings(database_url=url))
    for at in range(0, count, BATCH):
        now = wiring.clock.now()
        events = [seal(accepted_action_of(number, now)) for number in range(at, min(at + BATCH, count))]
        async with wiring.database.transaction() as session:
            await wiring.outbox.add_sealed(session, events)
    await wiring.close()
    return len(TARGETS)


def accepted_action_of(number: int, accepted_at: datetime) -> ActionAcceptedV1:
    """An action on two targets by a supporter of its own."""
    supporter = Supporter(name=f"Supporter {number}", email=f"supporter-{number}@mail.example", country="PK")
    action_id = derived_id("backlog", number)
    return an_accepted_action(action_id=action_id, supporter=supporter, targets=TARGETS, accepted_at=accepted_at)


async def measure_growth(url: str, counting: str, end: int) -> float:
    """Rows a second, from the first look that finds some to the one that finds all."""
    database, first = Database(url), None
    deadline = time.monotonic() + DRAIN_SECONDS_MAX
    try:
        while (now := time.monotonic()) < deadline:
            count = await _count(database, counting)
            if count and first is None:
                first = now, count
            if count >= end and first is not None:
                return (count - first[1]) / (now - first[0])
            await asyncio.sleep(POLL_SECONDS)
        raise TimeoutError(f"{count} of {end} after {DRAIN_SECONDS_MAX} s")
    finally:
        await database.close()


async def _count(database: Database, counting: str) -> int:
    async with database.transaction() as session:
        return int((await (await session.connection()).execute(text(counting))).scalar_one())
