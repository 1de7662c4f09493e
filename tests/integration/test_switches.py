"""Switches: turned in one process, seen by every other within seconds, and kept in mind while the database is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from deploy.local.postgres import LocalPostgres
from services.actions.tables import Audit, Row, SwitchRow
from shared.audit import Auditor, By
from shared.clock import Clock, ManualClock, SystemClock
from shared.db import Database
from shared.switches import FIRST_WAIT_SECONDS, REFRESH_SECONDS, WAIT_SECONDS, Switches, SwitchState, set_switch
from tests.support.events import NOW
from tests.support.tcp_proxy import TcpProxy
from tests.support.until import until

BY = By("Amina", "the mail server is moving")
SPARE_SECONDS = 0.5
SEEN_SECONDS_MAX = 3.0


class FailingAuditor(Auditor):
    """Cannot write."""

    async def note(self, session: AsyncSession, by: By, did: str, **details: Any) -> None:
        raise ZeroDivisionError


@asynccontextmanager
async def opened(url: str, clock: Clock | None = None) -> AsyncIterator[tuple[Database, Switches]]:
    """A process of its own, as far as the database can tell."""
    database = Database(url)
    switches = Switches(database, SwitchRow, clock or SystemClock())
    async with database.engine.begin() as connection:
        await connection.run_sync(Row.metadata.create_all)
    try:
        yield database, switches
    finally:
        await switches.close()
        await database.close()


async def turn(database: Database, state: SwitchState, by: By = BY, audit: Auditor | None = None) -> None:
    clock = ManualClock(NOW)
    async with database.transaction() as session:
        await set_switch(session, SwitchRow, "search", state, by, audit or Auditor(Audit, clock), clock)


async def audited(database: Database) -> list[tuple[str, str, str, dict[str, Any]]]:
    async with database.transaction() as session:
        rows = list(await session.exec(select(Audit)))
    return [(row.who, row.did, row.why, row.details) for row in rows]


async def test_a_switch_nobody_turned_says_nothing(database_url: str) -> None:
    async with opened(database_url) as (_, switches):
        await switches.refresh()
        assert switches.turned("search") is None
        assert not switches.is_off("search")


async def test_every_process_sees_it_within_seconds(database_url: str) -> None:
    async with opened(database_url) as (database, first), opened(database_url) as (_, second):
        for process in (first, second):
            await process.refresh()
        await turn(database, SwitchState.OFF)

        async def both_see_it() -> bool:
            for process in (first, second):
                await process.refresh()
            return first.is_off("search") and second.is_off("search")

        await until(both_see_it, SEEN_SECONDS_MAX)


async def test_a_look_is_not_older_than_a_second_nor_made_before(database_url: str) -> None:
    clock = ManualClock(NOW)
    async with opened(database_url, clock) as (database, switches):
        await switches.refresh()
        await turn(database, SwitchState.OFF)
        await switches.refresh()
        assert not switches.is_off("search"), "no query was made for it"
        clock.advance(timedelta(seconds=REFRESH_SECONDS))
        await switches.refresh()
        assert switches.is_off("search")


async def test_the_last_to_turn_it_wins_and_both_are_on_record(database_url: str) -> None:
    async with opened(database_url) as (database, switches):
        await turn(database, SwitchState.OFF)
        await turn(database, SwitchState.AUTO, By("Bo", "it is quiet again"))
        await switches.refresh()
        turned = switches.turned("search")
        assert turned is not None
        assert (turned.state, turned.who, turned.why, turned.changed_at) == ("auto", "Bo", "it is quiet again", NOW)
        assert sorted(await audited(database)) == [
            ("Amina", "switch_set", "the mail server is moving", {"switch": "search", "state": "off"}),
            ("Bo", "switch_set", "it is quiet again", {"switch": "search", "state": "auto"}),
        ]


async def test_many_may_turn_it_at_once(database_url: str) -> None:
    async with opened(database_url) as (database, switches):
        await asyncio.gather(*(turn(database, SwitchState.OFF) for _ in range(8)))
        await switches.refresh()
        assert switches.names() == ["search"]
        assert len(await audited(database)) == 8


async def test_what_cannot_be_put_on_record_is_not_turned(database_url: str) -> None:
    async with opened(database_url) as (database, switches):
        with pytest.raises(ZeroDivisionError):
            await turn(database, SwitchState.OFF, audit=FailingAuditor(Audit, ManualClock(NOW)))
        await switches.refresh()
        assert switches.turned("search") is None


async def test_a_state_of_a_later_version_is_as_good_as_never_turned(database_url: str) -> None:
    async with opened(database_url) as (database, switches):
        async with database.transaction() as session:
            session.add(SwitchRow(name="search", state="dimmed", who="Amina", why="", changed_at=NOW))
        await switches.refresh()
        assert switches.turned("search") is None


async def test_what_was_seen_last_serves_while_the_database_is_stopped(own_postgres: LocalPostgres) -> None:
    async with opened(own_postgres.create_database("actions")) as (database, switches):
        await turn(database, SwitchState.OFF)
        await switches.refresh()
        own_postgres.kill()
        for _ in range(3):
            switches.forget()
            async with asyncio.timeout(FIRST_WAIT_SECONDS + SPARE_SECONDS):
                await switches.refresh()
            assert switches.is_off("search")


async def test_a_process_that_never_saw_the_database_takes_all_as_untouched(own_postgres: LocalPostgres) -> None:
    url = own_postgres.create_database("actions")
    own_postgres.kill()
    database = Database(url)
    switches = Switches(database, SwitchRow, SystemClock())
    async with asyncio.timeout(FIRST_WAIT_SECONDS + SPARE_SECONDS):
        await switches.refresh()
    assert not switches.is_off("search")
    await switches.close()
    await database.close()


async def test_a_frozen_database_holds_up_those_who_come_first_and_nobody_after(postgres: Any) -> None:
    url = postgres.create_database()
    clock = ManualClock(NOW)
    host, _, port = url.partition("@")[2].partition("/")[0].partition(":")
    proxy = TcpProxy(host, int(port or 5432))
    await proxy.mend()
    async with opened(url.replace(f"{host}:{port}", f"{proxy.host}:{proxy.port}"), clock) as (database, switches):
        await turn(database, SwitchState.OFF)
        await switches.refresh()
        proxy.freeze()
        clock.advance(timedelta(seconds=REFRESH_SECONDS))
        async with asyncio.timeout(WAIT_SECONDS + SPARE_SECONDS):
            await asyncio.gather(*(switches.refresh() for _ in range(20)))
        began = asyncio.get_running_loop().time()
        for _ in range(1_000):
            await switches.refresh()
        assert asyncio.get_running_loop().time() - began < WAIT_SECONDS
        assert switches.is_off("search")
        proxy.thaw()
        await proxy.cut()
