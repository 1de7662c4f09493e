"""What writing many rows by one statement promises, on both databases."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from shared.db import Database
from shared.insert_many import insert_many, insert_many_once
from shared.messages.envelope import derived_id
from shared.update_many import update_many
from tests.support.events import NOW
from tests.support.rows import OutboxRow, database_with_rows

LATER = NOW + timedelta(hours=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with database_with_rows(database_url) as database:
        yield database


def a_row(name: str, **changes: Any) -> dict[str, Any]:
    row = {"event_id": derived_id("row", name), "type": name, "body": b"\x00'", "created_at": NOW, "next_at": NOW}
    return row | {"traceparent": None, "attempts": 0, "published_at": None} | changes


async def kept(database: Database) -> Sequence[OutboxRow]:
    async with database.transaction() as session:
        return (await session.exec(select(OutboxRow).order_by(col(OutboxRow.type)))).all()


async def insert(database: Database, *rows: dict[str, Any]) -> None:
    async with database.transaction() as session:
        await insert_many(session, OutboxRow, rows)


@pytest.mark.parametrize("count", [0, 1, 2, 50])
async def test_rows_are_kept_as_they_are_told(database: Database, count: int) -> None:
    rows = [a_row(f"{number:02}", traceparent="t" if number % 3 else None) for number in range(count)]
    await insert(database, *rows)
    assert [row.model_dump() for row in await kept(database)] == rows


async def test_a_key_that_is_there_makes_the_whole_insert_fail(database: Database) -> None:
    await insert(database, a_row("a"))
    with pytest.raises(IntegrityError):
        await insert(database, a_row("b"), a_row("a"))
    assert [row.type for row in await kept(database)] == ["a"]


async def test_what_is_there_is_passed_over_and_the_new_keys_are_told(database: Database) -> None:
    await insert(database, a_row("a"))
    async with database.transaction() as session:
        new = await insert_many_once(session, OutboxRow, [a_row("a", attempts=9), a_row("b"), a_row("b")])
    assert new == {derived_id("row", "b")}
    assert [(row.type, row.attempts) for row in await kept(database)] == [("a", 0), ("b", 0)]


async def test_only_rows_that_are_still_as_they_were_are_written(database: Database) -> None:
    await insert(database, a_row("a"), a_row("b", attempts=1), a_row("c", traceparent="t"))
    old = [{"event_id": derived_id("row", name), "attempts": 0} for name in ("a", "b", "c", "none")]
    new = [{"attempts": number, "traceparent": None, "next_at": LATER, "body": b"new"} for number in (3, 4, 5, 6)]
    async with database.transaction() as session:
        await update_many(session, OutboxRow, old, new)
    a, b, c = await kept(database)
    assert (a.attempts, a.next_at, a.body, a.created_at) == (3, LATER, b"new", NOW)
    assert b.model_dump() == a_row("b", attempts=1)
    assert (c.attempts, c.traceparent) == (5, None)


async def test_one_row_or_none_is_written_too(database: Database) -> None:
    await insert(database, a_row("a"), a_row("b"))
    async with database.transaction() as session:
        await update_many(session, OutboxRow, [], [])
        await update_many(session, OutboxRow, [{"event_id": derived_id("row", "a")}], [{"published_at": LATER}])
    assert [row.published_at for row in await kept(database)] == [LATER, None]
