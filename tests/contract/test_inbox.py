"""What the inbox and the dead letter table promise, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlmodel import select

from shared.bus import Dead
from shared.clock import ManualClock
from shared.db import Database
from shared.dead_letters import keeper
from shared.inbox import Inbox
from shared.messages.envelope import seal
from shared.messages.registry import read
from tests.support.events import NOW, many_closed_cases
from tests.support.rows import DeadLetterRow, InboxRow, database_with_rows


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with database_with_rows(database_url) as database:
        yield database


ENVELOPES = [read(seal(event).body) for event in many_closed_cases(3)]


async def test_a_redelivered_event_is_not_new(database: Database) -> None:
    inbox = Inbox(InboxRow, "a.queue", ManualClock(NOW))
    async with database.transaction() as session:
        assert await inbox.take_new(session, ENVELOPES[:2]) == ENVELOPES[:2]
    async with database.transaction() as session:
        assert await inbox.take_new(session, ENVELOPES) == ENVELOPES[2:]


async def test_an_event_twice_in_one_batch_is_new_once(database: Database) -> None:
    inbox = Inbox(InboxRow, "a.queue", ManualClock(NOW))
    async with database.transaction() as session:
        assert await inbox.take_new(session, [*ENVELOPES, *ENVELOPES]) == ENVELOPES


async def test_each_queue_has_its_own_memory(database: Database) -> None:
    for queue in ("a.queue", "another.queue"):
        async with database.transaction() as session:
            assert await Inbox(InboxRow, queue, ManualClock(NOW)).take_new(session, ENVELOPES) == ENVELOPES


async def test_an_event_whose_handling_failed_is_new_again(database: Database) -> None:
    inbox = Inbox(InboxRow, "a.queue", ManualClock(NOW))

    async def fail() -> None:
        async with database.transaction() as session:
            await inbox.take_new(session, ENVELOPES)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.transaction() as session:
        assert await inbox.take_new(session, ENVELOPES) == ENVELOPES


async def test_of_two_consumers_with_one_event_only_one_finds_it_new(database: Database) -> None:
    inbox = Inbox(InboxRow, "a.queue", ManualClock(NOW))

    async def consume() -> int:
        async with database.transaction() as session:
            return len(await inbox.take_new(session, ENVELOPES))

    assert sorted(await asyncio.gather(*(consume() for _ in range(5)))) == [0, 0, 0, 0, 3]


async def test_old_marks_are_forgotten(database: Database) -> None:
    clock = ManualClock(NOW)
    inbox = Inbox(InboxRow, "a.queue", clock)
    async with database.transaction() as session:
        await inbox.take_new(session, ENVELOPES)
    clock.advance(timedelta(days=31))
    async with database.transaction() as session:
        await inbox.forget_older(session, timedelta(days=30))
        assert await inbox.take_new(session, ENVELOPES) == ENVELOPES


async def test_a_dead_letter_is_kept_once_with_its_reason(database: Database) -> None:
    dead = Dead("a.queue", "m-1", None, b"\xff garbage", "not a JSON envelope", NOW)
    keep = keeper(database, DeadLetterRow)
    await keep(dead)
    await keep(dead)
    async with database.transaction() as session:
        row = (await session.exec(select(DeadLetterRow))).one()
    assert (row.queue, row.body, row.reason, row.died_at) == (dead.queue, dead.body, dead.reason, NOW)
