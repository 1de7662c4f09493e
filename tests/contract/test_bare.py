"""What bare connections promise: one statement, one transaction, and a plain word when the server is away."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from deploy.local.postgres import LocalPostgres
from shared.bare import BareConnections
from shared.db import DatabaseAway
from shared.wake import Ringer, Wake, listen
from tests.support.servers import Databases
from tests.support.until import until

SLOW = "SELECT pg_sleep(60)"


@pytest.fixture
async def bare(postgres: Databases) -> AsyncIterator[BareConnections]:
    bare = BareConnections(await asyncio.to_thread(postgres.create_database))
    yield bare
    await bare.close()


async def connections(bare: BareConnections) -> int:
    statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    return int((await bare.fetch(statement))[0][0])


async def test_a_statement_is_done_when_it_returns(bare: BareConnections) -> None:
    await bare.fetch("CREATE TABLE words (word text)")
    rows = await bare.fetch("INSERT INTO words SELECT * FROM unnest($1::text[]) RETURNING word", ["one", "two"])
    assert [row[0] for row in rows] == ["one", "two"]
    assert await connections(bare) == 1, "the connection was kept and used again"


async def test_side_by_side_there_are_as_many_as_run(bare: BareConnections) -> None:
    await asyncio.gather(*(bare.fetch("SELECT pg_sleep(0.2)") for _ in range(3)))
    assert await connections(bare) == 3


async def test_a_wrong_statement_is_told_and_costs_no_connection(bare: BareConnections) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await bare.fetch("SELECT * FROM nowhere")
    assert await connections(bare) == 1


async def test_a_statement_given_up_does_not_run_on(bare: BareConnections) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(bare.fetch(SLOW), 0.2)
    await until(lambda: connections_are(bare, 1))


async def connections_are(bare: BareConnections, count: int) -> bool:
    return await connections(bare) == count


async def test_a_server_that_is_killed_is_away_and_comes_back(own_postgres: LocalPostgres) -> None:
    bare = BareConnections(own_postgres.url)
    await bare.fetch("SELECT 1")
    sleeping = asyncio.create_task(bare.fetch(SLOW))
    await until(lambda: connections_are(bare, 2))
    await asyncio.to_thread(own_postgres.kill)
    for call in (sleeping, bare.fetch("SELECT 1"), bare.fetch("SELECT 1")):
        with pytest.raises(DatabaseAway):
            await call
    await asyncio.to_thread(own_postgres.start)
    assert await bare.fetch("SELECT 1")
    await bare.close()


async def test_ringing_is_heard_here_and_elsewhere(postgres: Databases) -> None:
    url = await asyncio.to_thread(postgres.create_database)
    bare, here, there, stop = BareConnections(url), Wake(), Wake(), asyncio.Event()
    listening = asyncio.create_task(listen(url, "a_channel", there, stop))
    ringer = Ringer("a_channel", here, bare)
    await until(lambda: there.is_set)
    await there.wait(stop, 1)
    ringer.ring()
    assert here.is_set
    await until(lambda: there.is_set)
    await ringer.close()
    stop.set()
    await listening
    await bare.close()
