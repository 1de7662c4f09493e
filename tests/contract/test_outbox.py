"""What the outbox and its relay promise, on both databases."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from shared.bus import BusAway, Unroutable
from shared.clock import ManualClock, SystemClock
from shared.db import Database
from shared.outbox import BATCH_MAX, CHANNEL, LEASE_SECONDS, Outbox, Relay
from shared.wake import Wake, listen
from tests.support.buses import RecordingBus
from tests.support.events import NOW, many_closed_cases
from tests.support.rows import OutboxRow, database_with_rows
from tests.support.until import until


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with database_with_rows(database_url) as database:
        yield database


class Post:
    """An outbox, a relay and the bus it publishes to, on one clock."""

    def __init__(self, database: Database, bus: RecordingBus | None = None) -> None:
        self.database, self.bus = database, bus or RecordingBus()
        self.clock, self.wake = ManualClock(NOW), Wake()
        self.outbox = Outbox(OutboxRow, self.clock, self.wake)
        self.relay = self.another_relay()

    def another_relay(self) -> Relay:
        bus: Any = self.bus
        return Relay(self.database, OutboxRow, bus, self.clock, self.wake)

    async def write(self, count: int) -> None:
        async with self.database.transaction() as session:
            await self.outbox.add(session, *many_closed_cases(count))


async def test_what_was_committed_is_published_once(database: Database) -> None:
    post = Post(database)
    await post.write(3)
    assert await post.relay.depth() == 3
    assert await post.relay.publish_due() == 3
    assert await post.relay.publish_due() == 0
    assert len({message.event_id for message in post.bus.published}) == 3
    assert await post.relay.depth() == 0


async def test_what_was_rolled_back_is_never_published(database: Database) -> None:
    post = Post(database)

    async def fail() -> None:
        async with database.transaction() as session:
            await post.outbox.add(session, *many_closed_cases(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await post.relay.publish_due() == 0


async def test_the_same_event_twice_is_kept_once(database: Database) -> None:
    post = Post(database)
    await post.write(1)
    await post.write(1)
    assert await post.relay.depth() == 1


async def test_only_confirmed_rows_are_marked_and_the_rest_goes_out_later(database: Database) -> None:
    refused = many_closed_cases(3)[1].subject().encode()
    post = Post(database, RecordingBus(lambda message: Unroutable() if refused in message.body else None))
    await post.write(3)
    await post.relay.publish_due()
    assert len(post.bus.published) == 2
    assert await post.relay.depth() == 1
    post.bus.refuse = lambda _: None
    assert await post.relay.publish_due() == 0, "a row that was not taken waits"
    post.clock.advance(timedelta(seconds=LEASE_SECONDS))
    await post.relay.publish_due()
    assert len(post.bus.published) == 3


async def test_the_bus_away_leaves_everything_due_at_once(database: Database) -> None:
    post = Post(database, RecordingBus(lambda _: BusAway()))
    await post.write(3)
    with pytest.raises(BusAway):
        await post.relay.publish_due()
    post.bus.refuse = lambda _: None
    assert await post.relay.publish_due() == 3


async def test_a_relay_that_died_holds_its_rows_no_longer_than_its_lease(database: Database) -> None:
    post = Post(database, RecordingBus(lambda _: asyncio.CancelledError()))  # type: ignore[arg-type,return-value]
    await post.write(2)
    with pytest.raises(asyncio.CancelledError):
        await post.relay.publish_due()
    post.bus.refuse = lambda _: None
    assert await post.relay.publish_due() == 0
    post.clock.advance(timedelta(seconds=LEASE_SECONDS + 1))
    assert await post.relay.publish_due() == 2


async def test_relays_side_by_side_share_the_rows(database: Database) -> None:
    post = Post(database)
    await post.write(BATCH_MAX)
    relays = [post.relay, post.another_relay(), post.another_relay()]
    taken = await asyncio.gather(*(relay.publish_due() for relay in relays))
    assert sum(taken) == BATCH_MAX
    counts = Counter(message.event_id for message in post.bus.published)
    assert len(counts) == BATCH_MAX
    assert set(counts.values()) == {1}


async def test_one_relay_publishes_many_batches_each_row_once(database: Database) -> None:
    post, stop = Post(database), asyncio.Event()
    await post.write(BATCH_MAX * 5 + 1)
    running = asyncio.create_task(post.relay.run(stop))
    await until(lambda: len(post.bus.published) == BATCH_MAX * 5 + 1)
    stop.set()
    await running
    assert len({message.event_id for message in post.bus.published}) == BATCH_MAX * 5 + 1
    assert await post.relay.depth() == 0


async def test_a_row_that_commits_late_is_not_skipped(database: Database) -> None:
    """Fact 9: a cursor over ids would pass over the first row here, for the second became visible before it."""
    if not database.is_postgresql:
        pytest.skip("SQLite has one writer at a time, so no row can commit late")
    post = Post(database)
    early, late = many_closed_cases(2)
    async with database.transaction() as slow:
        await post.outbox.add(slow, early)
        async with database.transaction() as quick:
            await post.outbox.add(quick, late)
        await post.relay.publish_due()
    await post.relay.publish_due()
    assert len(post.bus.published) == 2


async def test_the_relay_wakes_on_commit(database: Database) -> None:
    """A writer's own wake is rung by its commit; a relay in another process hears of it through the database."""
    post, stop = Post(database), asyncio.Event()
    elsewhere = Wake()
    relay = Relay(database, OutboxRow, post.bus, post.clock, elsewhere if database.is_postgresql else post.wake)  # type: ignore[arg-type]
    tasks = [asyncio.create_task(relay.run(stop))]
    tasks.append(asyncio.create_task(listen(database.url, CHANNEL, elsewhere, stop)))
    await post.write(1)
    await until(lambda: len(post.bus.published) == 1)
    stop.set()
    await asyncio.gather(*tasks)


async def test_the_relay_goes_on_after_the_bus_was_away(database: Database) -> None:
    post, stop = Post(database, RecordingBus(lambda _: BusAway())), asyncio.Event()
    await post.write(2)
    running = asyncio.create_task(post.relay.run(stop))
    await until(lambda: running.done() or post.bus.refuse)
    post.bus.refuse = lambda _: None
    await until(lambda: len(post.bus.published) == 2)
    stop.set()
    await running


async def test_published_rows_are_forgotten_after_a_while_and_waiting_ones_never(database: Database) -> None:
    post = Post(database)
    await post.write(2)
    await post.relay.publish_due()
    async with database.transaction() as session:
        await post.outbox.add(session, *many_closed_cases(3)[2:])
    post.clock.advance(timedelta(days=8))
    await post.relay.forget_published()
    async with database.transaction() as session:
        rows = (await session.exec(select(OutboxRow))).all()
    assert [row.published_at for row in rows] == [None]


async def test_times_come_back_aware_and_in_utc(database: Database) -> None:
    post = Post(database)
    await post.write(1)
    async with database.transaction() as session:
        row = (await session.exec(select(OutboxRow))).one()
    assert row.created_at == NOW
    assert row.created_at.utcoffset() == timedelta(0)


def test_the_system_clock_is_aware() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)
