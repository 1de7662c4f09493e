"""What `Database` promises when its server misbehaves."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from deploy.local import databases
from deploy.local.postgres import LocalPostgres
from shared.db import Database, DatabaseAway
from tests.support.servers import Databases


async def test_a_database_that_lets_nobody_in_is_away_and_comes_back(postgres: Databases) -> None:
    url = await asyncio.to_thread(postgres.create_database)
    name = url.rsplit("/", 1)[1]
    database = Database(url)
    await database.ping()
    await asyncio.to_thread(databases.close_database, postgres.admin_url, name)
    for _ in range(3):
        with pytest.raises(DatabaseAway):
            await database.ping()
    await asyncio.to_thread(databases.open_database, postgres.admin_url, name)
    await database.ping()
    await database.close()


async def test_a_server_that_is_killed_is_away_and_comes_back(own_postgres: LocalPostgres) -> None:
    database = Database(own_postgres.url)
    await database.ping()
    await asyncio.to_thread(own_postgres.kill)
    with pytest.raises(DatabaseAway):
        await database.ping()
    await asyncio.to_thread(own_postgres.start)
    await database.ping()
    await database.close()


async def test_what_the_server_closed_while_it_lay_idle_is_replaced_unnoticed(postgres: Databases) -> None:
    url = await asyncio.to_thread(postgres.create_database)
    database, staff = Database(url), Database(url)
    own = await _backend_of(database)
    async with staff.transaction() as session:
        connection = await session.connection()
        await connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": own})
    assert await _backend_of(database) != own
    await database.close()
    await staff.close()


async def test_a_wrong_statement_is_our_fault_and_tells_no_values(database_url: str) -> None:
    database = Database(database_url)

    async def fail() -> None:
        async with database.transaction() as session:
            statement = text("INSERT INTO nowhere VALUES (:words)")
            await (await session.connection()).execute(statement, {"words": "secret words"})

    with pytest.raises((DBAPIError, DatabaseAway)) as caught:
        await fail()
    assert "secret words" not in str(caught.value)
    await database.close()


async def _backend_of(database: Database) -> int:
    async with database.transaction() as session:
        return int((await (await session.connection()).execute(text("SELECT pg_backend_pid()"))).scalar_one())
