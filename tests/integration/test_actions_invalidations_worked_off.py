"""An invalidation is worked off once, whole, and in the end: with workers side by side, and after one was killed."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from services.actions.forgetting import FORGOTTEN
from services.actions.invalidating import ACTIONS_AT_ONCE_MAX
from services.actions.tables import Invalidation
from shared.clock import ManualClock
from shared.messages.actions import ActionInvalidatedV1, ActionReinstatedV1
from tests.support.actions_app import ActionsService, actions_service
from tests.support.actions_invalidations import BY, begin, count_invalid, criteria, decisions, keep_many
from tests.support.actions_staff import STAFF_TOKEN
from tests.support.events import NOW
from tests.support.until import until

ROOT = Path(__file__).parents[2]
STEPS = 6
LOOKS = 5
# It looks at the clock once or twice in every step, says so and takes its time: so it is killed in the middle of one.
WORKER = """
import asyncio, sys, time
from services.actions.settings import ActionsSettings
from services.actions.wiring import build
from shared.clock import SystemClock

class SlowClock(SystemClock):
    def now(self):
        print("a look", flush=True)
        time.sleep(0.1)
        return super().now()

asyncio.run(build(ActionsSettings(database_url=sys.argv[1]), clock=SlowClock()).invalidations.work_off())
"""


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[ActionsService]:
    async with actions_service(database_url, clock=ManualClock(NOW), staff_token=STAFF_TOKEN) as service:
        yield service


async def work_off(*services: ActionsService) -> None:
    await asyncio.gather(*(service.wiring.invalidations.work_off() for service in services))


async def test_what_came_in_at_the_same_instant_is_all_hit(service: ActionsService) -> None:
    count = 2 * ACTIONS_AT_ONCE_MAX + 1
    await keep_many(service, count)
    row = await begin(service)
    await work_off(service)
    assert await count_invalid(service) == count
    assert (await service.wiring.invalidations.find(row.id)).state == "done"


async def test_one_that_is_killed_leaves_the_rest_to_the_next(service: ActionsService) -> None:
    count = STEPS * ACTIONS_AT_ONCE_MAX
    await keep_many(service, count, apart=timedelta(milliseconds=1))
    row = await begin(service)
    url = service.wiring.settings.database_url
    worker = subprocess.Popen([sys.executable, "-c", WORKER, url], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert worker.stdout
    try:
        for _ in range(LOOKS):
            assert await asyncio.to_thread(worker.stdout.readline)
    finally:
        worker.kill()
        worker.communicate()
    done = await count_invalid(service)
    assert 0 < done < count
    assert done % ACTIONS_AT_ONCE_MAX == 0, "a step is done whole or not at all"
    assert (await service.wiring.invalidations.find(row.id)).actions == done
    await work_off(service)
    events = await decisions(service)
    assert len(events) == len({event.action_id for event in events}) == count
    assert {event.number for event in events} == {1}


async def test_workers_side_by_side_do_each_action_once(service: ActionsService, database_url: str) -> None:
    count = 3 * ACTIONS_AT_ONCE_MAX
    await keep_many(service, count, apart=timedelta(milliseconds=1))
    async with actions_service(database_url, clock=ManualClock(NOW), knows_case=False) as other:
        row = await begin(service)
        await work_off(service, other, service, other)
        assert [(type(event), event.number) for event in await decisions(service)] == [(ActionInvalidatedV1, 1)] * count
        await service.wiring.invalidations.undo(row.id, BY)
        await work_off(service, other, service, other)
        assert await count_invalid(service) == 0
        kinds = Counter((type(event), event.number) for event in await decisions(service))
        assert kinds == {(ActionInvalidatedV1, 1): count, (ActionReinstatedV1, 2): count}


async def test_two_that_overlap_hit_each_action_once(service: ActionsService, database_url: str) -> None:
    count = 2 * ACTIONS_AT_ONCE_MAX
    await keep_many(service, count, apart=timedelta(milliseconds=1))
    async with actions_service(database_url, clock=ManualClock(NOW), knows_case=False) as other:
        rows = [await begin(service), await begin(service, pattern=None, network="203.0.113.0/24")]
        await work_off(service, other)
        assert {event.number for event in await decisions(service)} == {1}
        found = [await service.wiring.invalidations.find(row.id) for row in rows]
        assert sum(row.actions for row in found) == count
        assert {row.state for row in found} == {"done"}


async def test_taken_back_while_it_is_worked_off_all_count_again(service: ActionsService) -> None:
    await keep_many(service, 3 * ACTIONS_AT_ONCE_MAX)
    row = await begin(service)
    working = asyncio.create_task(work_off(service))
    await until(lambda: count_invalid(service))
    await service.wiring.invalidations.undo(row.id, BY)
    await working
    await work_off(service)
    assert await count_invalid(service) == 0
    assert (await service.wiring.invalidations.find(row.id)).actions == 0
    latest = {event.action_id: event for event in sorted(await decisions(service), key=lambda event: event.number)}
    assert latest
    assert {type(event) for event in latest.values()} == {ActionReinstatedV1}


PATTERNS = [
    ("Привет", "Привет, министр", 1),
    ("привет", "привет, министр", 1),
    ("ÇOK önemli", "bu ÇOK önemli", 1),
    ("100%_sure", "I am 100%_sure of it", 1),
    ("100%_sure", "I am 100 and unsure of it", 0),
    (r"back\slash", r"a back\slash here", 1),
    ("'; drop table", "x'; drop table action;--", 1),
]


@pytest.mark.parametrize(("pattern", "body", "count"), PATTERNS)
async def test_a_pattern_finds_itself_in_any_script(
    service: ActionsService, pattern: str, body: str, count: int
) -> None:
    await keep_many(service, 1, letter_body=body)
    assert (await service.wiring.invalidations.preview(criteria(pattern=pattern))).count == count


async def test_of_too_many_the_earliest_are_told(postgres: Any) -> None:
    url, clock = postgres.create_database(), ManualClock(NOW)
    async with actions_service(url, clock=clock, staff_token=STAFF_TOKEN) as service:
        for part in range(21):
            at = NOW - timedelta(hours=2) + part * timedelta(seconds=10)
            await keep_many(service, 5_000, start=5_000 * part, at=at, apart=timedelta(milliseconds=1))
        preview = await service.wiring.invalidations.preview(criteria())
        assert (preview.count, preview.is_too_many) == (100_001, True)
        assert preview.last_at is not None
        narrowed = await service.wiring.invalidations.preview(criteria(accepted_to=preview.last_at))
        assert narrowed.count == 100_000


async def test_an_invalidation_does_not_keep_the_network_its_actions_came_from(service: ActionsService) -> None:
    await keep_many(service, 2)
    await begin(service, pattern=None, network="203.0.113.0/24")
    await begin(service)
    await work_off(service)
    clock: ManualClock = service.wiring.clock  # type: ignore[assignment]
    clock.advance(timedelta(hours=71))
    await service.wiring.forgetting.forget_networks()
    assert await networks_told(service) == {"203.0.113.0/24", None}
    clock.advance(timedelta(hours=2))
    for _ in range(2):
        await service.wiring.forgetting.forget_networks()
        assert await networks_told(service) == {FORGOTTEN, None}


async def networks_told(service: ActionsService) -> set[str | None]:
    return {row.criteria.get("network") for row in await service.rows(select(Invalidation))}
