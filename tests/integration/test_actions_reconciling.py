"""What delivery never registered is published once more; what only waits in a long line is left in peace."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from services.actions.registering import event_of
from services.actions.settings import ActionsSettings
from services.actions.tables import Outbox
from shared.messages.actions import ActionCancelledV1
from tests.support.actions_line import Line, line
from tests.support.events import CASE_ID, NOW, uuid_of
from tests.support.until import until

BATCH = 20
GRACE = timedelta(seconds=ActionsSettings.model_fields["reconcile_grace_seconds"].default)
HOURS, TURNS_AN_HOUR = 3, 6
TURN = timedelta(hours=1) / TURNS_AN_HOUR


@pytest.fixture
async def queue(database_url: str) -> AsyncIterator[Line]:
    async with line(database_url, reconcile_batch_max=BATCH) as queue:
        yield queue


async def moved_on(queue: Line) -> None:
    """Later actions were registered, and that is known for longer than the grace."""
    queue.wait(minutes=6)
    await queue.act(3)
    await queue.register()
    queue.wait(minutes=6)


async def test_a_report_marks_its_actions_and_a_second_one_changes_nothing(queue: Line) -> None:
    mine, _ = await queue.act(2)
    await queue.report(mine, mine)
    queue.wait(seconds=1)
    await queue.report(mine, uuid_of(1))
    [row] = await queue.service.rows(select(Outbox).where(col(Outbox.registered_at).is_not(None)))
    assert (row.event_id, row.registered_at) == (event_of(mine), NOW)


async def test_what_was_lost_is_published_once_more_when_later_ones_have_arrived(queue: Line) -> None:
    await queue.act(5)
    lost = queue.lose()
    await moved_on(queue)
    assert await queue.reconcile() == 5
    assert sorted(queue.waiting) == sorted(lost)
    assert queue.metric("actions_reemitted_total") == 5
    await queue.register()
    assert await queue.reconcile() == 0
    assert queue.metric("actions_unregistered") == 0


async def test_a_loss_must_be_proved_by_more_than_the_grace(queue: Line) -> None:
    """Nearly together, the later of two may well be registered first."""
    await queue.act(5)
    queue.lose()
    queue.clock.advance(GRACE)
    await queue.act(3)
    await queue.register()
    queue.wait(minutes=30)
    assert await queue.reconcile() == 0


async def test_that_later_ones_arrived_must_be_known_for_the_grace(queue: Line) -> None:
    """Two workers side by side finish their batches in any order, and reports overtake each other."""
    await queue.act(5)
    queue.wait(hours=3)
    await queue.act(3)
    late, queue.waiting = queue.waiting[:5], queue.waiting[5:]
    await queue.register()
    queue.clock.advance(GRACE - timedelta(seconds=1))
    assert await queue.reconcile() == 0
    await queue.report(*late)
    assert await queue.unregistered() == 0


async def test_a_line_that_is_merely_long_is_left_in_peace(queue: Line) -> None:
    """Delivery is down for hours while people go on writing, then works the line off: not one goes out twice."""
    await queue.act(10)
    await queue.register()
    for _ in range(HOURS * TURNS_AN_HOUR):
        queue.clock.advance(TURN)
        await queue.act(20)
        assert await queue.reconcile() == 0
    assert len(queue.waiting) == 20 * HOURS * TURNS_AN_HOUR
    while len(queue.waiting) > 1:
        await queue.register(30)
        queue.clock.advance(TURN)
        await queue.act(1)
        assert await queue.reconcile() == 0
    await queue.register()
    assert await queue.unregistered() == 0


async def test_a_long_line_that_nobody_joins_any_more_gets_a_few_an_hour(queue: Line) -> None:
    """Nothing can tell it from a lost one. Then the price of trying is bounded."""
    await queue.act(500)
    again = 0
    for _ in range(HOURS * TURNS_AN_HOUR):
        queue.clock.advance(TURN)
        again += await queue.reconcile()
    assert 0 < again <= HOURS * BATCH
    await queue.register()
    assert await queue.unregistered() == 0


async def test_what_was_lost_last_of_all_is_found_after_a_silence(queue: Line) -> None:
    """Nobody acts any more, so nothing later proves the loss: a few are tried, and their arrival proves the rest."""
    for _ in range(5):
        await queue.act(BATCH)
        queue.wait(minutes=4)
    queue.lose()
    queue.wait(minutes=50)
    assert await queue.reconcile() == 0
    queue.wait(minutes=11)
    assert await queue.reconcile() == BATCH
    for _ in range(3):
        await queue.register()
        queue.wait(minutes=6)
        assert await queue.reconcile() == BATCH
    for _ in range(HOURS * TURNS_AN_HOUR):
        await queue.register()
        queue.clock.advance(TURN)
        await queue.reconcile()
    assert await queue.unregistered() == 0


async def test_an_action_whose_report_was_lost_is_sent_and_reported_again(queue: Line) -> None:
    await queue.act(5)
    queue.waiting.clear()  # delivery has them, and the report is gone
    await moved_on(queue)
    assert await queue.reconcile() == 5
    await queue.register()
    assert await queue.unregistered() == 0


async def test_a_turn_takes_no_more_than_its_batch_and_the_oldest_first(queue: Line) -> None:
    first = await queue.act(BATCH)
    queue.wait(seconds=1)
    second = await queue.act(BATCH // 2)
    queue.lose()
    await moved_on(queue)
    assert await queue.reconcile() == BATCH
    assert set(queue.waiting) == set(first)
    assert await queue.reconcile() == BATCH // 2
    assert set(queue.waiting) == {*first, *second}


async def test_a_large_loss_is_mended_turn_by_turn(database_url: str) -> None:
    """What the first turn sent is registered last, and is old: it must not hide that later ones had passed."""
    async with line(database_url, reconcile_batch_max=600) as queue:
        await queue.act(1100)
        queue.lose()
        await moved_on(queue)
        assert await queue.reconcile() == 600
        await queue.register()
        queue.wait(minutes=6)
        assert await queue.reconcile() == 500


async def test_an_action_that_never_arrives_is_left_to_staff_after_some_tries(queue: Line) -> None:
    await queue.act(1)
    for _ in range(5):
        queue.lose()
        await moved_on(queue)
        assert await queue.reconcile() == 1
    queue.lose()
    await moved_on(queue)
    assert await queue.reconcile() == 0
    assert queue.metric("actions_unregistered") == 1


async def test_staff_who_publish_again_make_nothing_look_lost(queue: Line) -> None:
    """When old ones went out last, though registered long ago, says nothing of those in line."""
    await queue.act(10)
    await queue.register()
    await queue.act(10)
    queue.wait(hours=2)
    async with queue.wiring.database.transaction() as session:
        registered = update(Outbox).where(col(Outbox.registered_at).is_not(None))
        await session.exec(registered.values(published_at=None, next_at=queue.clock.now()))
    await queue.publish()
    await queue.act(1)
    assert await queue.reconcile() == 0


async def test_two_reconcilers_at_once_publish_each_action_once(queue: Line) -> None:
    await queue.act(BATCH)
    lost = queue.lose()
    await moved_on(queue)
    await asyncio.gather(*(queue.wiring.reconciler.reconcile() for _ in range(2)))
    await queue.publish()
    assert sorted(queue.waiting) == sorted(lost)


async def test_a_report_waits_for_nobody_who_holds_its_rows(queue: Line) -> None:
    """The relay marks what it published at the same moment: two that wait for each other would be a deadlock."""
    if not queue.wiring.database.is_postgresql:
        pytest.skip("SQLite has one writer at a time")
    held, free = await queue.act(2)
    async with queue.wiring.database.transaction() as relay:
        await relay.exec(update(Outbox).where(col(Outbox.event_id) == event_of(held)).values(attempts=2))
        reporting = asyncio.create_task(queue.report(held, free))

        async def is_free_one_marked() -> bool:
            return await queue.unregistered() == 1

        await until(is_free_one_marked)
    await reporting
    assert await queue.unregistered() == 0


async def test_what_delivery_registered_is_forgotten_after_a_week_and_the_rest_is_kept(queue: Line) -> None:
    registered, missing = await queue.act(2)
    await queue.report(registered)
    cancelled = ActionCancelledV1(action_id=registered, case_id=CASE_ID, reason="taken back", cancelled_at=NOW)
    async with queue.wiring.database.transaction() as session:
        await queue.wiring.outbox.add(session, cancelled)
    await queue.relay.publish_due()
    queue.wait(days=8)
    await queue.forget()
    assert await queue.service.rows(select(Outbox.event_id)) == [event_of(missing)]
    queue.wait(days=81)
    await queue.forget()
    assert len(await queue.service.rows(select(Outbox.event_id))) == 1
    queue.wait(days=2)
    await queue.forget()
    assert await queue.service.rows(select(Outbox.event_id)) == []
