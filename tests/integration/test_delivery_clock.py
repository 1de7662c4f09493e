"""Machines disagree on the time, by hours: letters go by the database's clock, whoever plans, sends and sweeps."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlmodel import select

from services.delivery.handlers import subscriptions
from services.delivery.settings import DeliverySettings
from services.delivery.states import LetterState
from services.delivery.sweeping import Sweep
from services.delivery.tables import Letter, Row
from services.delivery.wiring import Wiring, build
from shared.clock import FollowingClock
from tests.support.delivery_service import FakeChannel, opened
from tests.support.events import an_accepted_action
from tests.support.servers import Databases
from tests.support.until import until

HOURS = timedelta(hours=3)


class WrongClock:
    """A machine's own, that is off by so much."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return datetime.now(UTC) + self._by


@pytest.fixture
async def machines(postgres: Databases) -> AsyncIterator[list[Wiring]]:
    """One that is right, one ahead, one behind."""
    settings = DeliverySettings(database_url=postgres.create_database(), sweep_seconds=0.1)
    wirings = [build(settings, clock=FollowingClock(WrongClock(by))) for by in (timedelta(0), HOURS, -HOURS)]
    async with wirings[0].database.engine.begin() as connection:
        await connection.run_sync(Row.metadata.create_all)
    yield wirings
    for wiring in wirings:
        await wiring.close()


async def plan(wiring: Wiring) -> None:
    now = datetime.now(UTC)
    action = an_accepted_action(accepted_at=now, closes_at=now + timedelta(hours=1))
    await subscriptions(wiring)[0].handle([opened(action)])


async def the_letter(wiring: Wiring) -> Letter:
    async with wiring.database.transaction() as session:
        return (await session.exec(select(Letter))).one()


async def is_in(wiring: Wiring, state: LetterState) -> bool:
    return (await the_letter(wiring)).state is state


@pytest.mark.parametrize("planner", [1, 2], ids=["ahead", "behind"])
async def test_a_letter_is_due_at_once_whatever_clock_its_planner_has(machines: list[Wiring], planner: int) -> None:
    await plan(machines[planner])
    assert abs((await the_letter(machines[0])).next_at - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("sweeper", [1, 2], ids=["ahead", "behind"])
async def test_a_machine_with_a_wrong_clock_takes_nobody_for_dead_and_nothing_for_expired(
    machines: list[Wiring], sweeper: int
) -> None:
    """Also before its first claim, at which it would have heard the time."""
    right, wrong = machines[0], machines[sweeper]
    await plan(right)
    sweep = Sweep(wrong.database, wrong.outbox, wrong.clock, wrong.settings.send_policy())
    assert await sweep.sweep() == 0
    channel, stop = FakeChannel(), asyncio.Event()
    channel.open.clear()
    sending = asyncio.create_task(replace(right, channel=channel).run_sender(stop))
    await until(lambda: channel.waiting)
    fresh = FollowingClock(WrongClock(HOURS))
    assert await Sweep(wrong.database, wrong.outbox, fresh, wrong.settings.send_policy()).sweep() == 0
    channel.open.set()
    await until(partial(is_in, right, LetterState.SENT))
    stop.set()
    await sending
