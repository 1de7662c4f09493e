"""The watch at work: alarms that open once, last, and end; what they are compared with; what staff see."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from services.actions.crowd_tables import DominanceAlarm
from services.actions.wiring import build
from shared.clock import ManualClock
from tests.support.actions_app import ActionsService, actions_service
from tests.support.actions_rows import an_action_row, put_actions
from tests.support.actions_staff import BEARER, STAFF_TOKEN, log_in
from tests.support.events import CASE_ID, NOW, uuid_of

API, PAGE = "/api/v1/intake/likeness", "/ops/intake/likeness"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FLOOD = "192.0.2.0/24"
OTHER_CASE = {"case_id": uuid_of(7), "case_slug": "another-case"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def actions(database_url: str, clock: ManualClock) -> AsyncIterator[ActionsService]:
    async with actions_service(database_url, clock=clock, staff_token=STAFF_TOKEN) as service:
        yield service


def crowd(count: int, at: datetime, **changes: Any) -> list[dict[str, Any]]:
    """`count` people, each from a network and a mailbox domain of their own unless told otherwise."""
    return [
        an_action_row(
            at,
            **{
                "network": f"2001:db8:{number:x}::/48",
                "supporter_email": f"a@mail{number}.example",
            }
            | changes,
        )
        for number in range(count)
    ]


async def usual_day(actions: ActionsService, **changes: Any) -> None:
    """Ten an hour for a day, up to the last ten minutes."""
    hours = [NOW - HOUR * number - 20 * MINUTE for number in range(24)]
    await put_actions(actions.wiring, [row for hour in hours for row in crowd(10, hour, **changes)])


async def alarms(actions: ActionsService) -> list[DominanceAlarm]:
    return list(await actions.rows(select(DominanceAlarm)))


async def test_a_sudden_network_rings(actions: ActionsService) -> None:
    await usual_day(actions)
    flood = crowd(60, NOW - MINUTE, network=FLOOD)
    await put_actions(actions.wiring, flood + crowd(40, NOW - MINUTE))
    with capture_logs() as logs:
        await actions.wiring.dominance.look()
    (alarm,) = await alarms(actions)
    assert (alarm.case_id, alarm.case_slug, alarm.kind, alarm.value) == (CASE_ID, "a-test-case", "network", FLOOD)
    assert (alarm.share, alarm.count, alarm.earlier_share, alarm.ended_at) == (0.6, 60, 0.0, None)
    (line,) = logs
    assert line["log_level"] == "warning"
    assert {line[name] for name in ("case", "kind", "value")} == {"a-test-case", "network", FLOOD}
    assert "/ops/intake/likeness" in line["next"]
    assert actions.wiring.registry.get_sample_value("actions_dominance_alarms") == 1
    assert actions.wiring.registry.get_sample_value("actions_dominance_share", {"kind": "network"}) == 0.6


async def test_a_sudden_mailbox_domain_rings_and_no_mailbox_is_told(actions: ActionsService) -> None:
    await usual_day(actions)
    flood = [
        an_action_row(NOW - MINUTE, network=None, supporter_email=f"Person{number}@Throwaway.example")
        for number in range(60)
    ]
    await put_actions(actions.wiring, flood + crowd(60, NOW - MINUTE))
    with capture_logs() as logs:
        await actions.wiring.dominance.look()
    (alarm,) = await alarms(actions)
    assert (alarm.kind, alarm.value, alarm.share) == ("domain", "throwaway.example", 0.5)
    assert "person1" not in str(logs).lower()


async def test_what_everybody_has_does_not_ring(actions: ActionsService) -> None:
    await usual_day(actions, supporter_email="a@everybody.example")
    await put_actions(actions.wiring, crowd(100, NOW - MINUTE, supporter_email="b@everybody.example"))
    await actions.wiring.dominance.look()
    assert await alarms(actions) == []


async def test_what_came_before_the_window_does_not_ring(actions: ActionsService) -> None:
    await put_actions(actions.wiring, crowd(100, NOW - 11 * MINUTE, network=FLOOD))
    await actions.wiring.dominance.look()
    assert await alarms(actions) == []


async def test_a_new_case_is_measured_by_the_others(actions: ActionsService) -> None:
    await usual_day(actions, supporter_email="a@everybody.example")
    everybody = OTHER_CASE | {"supporter_email": "b@everybody.example"}
    await put_actions(
        actions.wiring, crowd(100, NOW - MINUTE, **everybody) + crowd(60, NOW - MINUTE, network=FLOOD, **everybody)
    )
    await actions.wiring.dominance.look()
    (alarm,) = await alarms(actions)
    assert (alarm.case_slug, alarm.value, alarm.share, alarm.earlier_share) == ("another-case", FLOOD, 0.375, 0.0)


async def test_the_first_case_of_all_takes_half(actions: ActionsService) -> None:
    await put_actions(actions.wiring, crowd(50, NOW - MINUTE, network=FLOOD) + crowd(51, NOW - MINUTE))
    await actions.wiring.dominance.look()
    assert await alarms(actions) == []
    await put_actions(actions.wiring, crowd(1, NOW - MINUTE, network=FLOOD))
    await actions.wiring.dominance.look()
    (alarm,) = await alarms(actions)
    assert (alarm.share, alarm.earlier_share) == (0.5, None)


async def test_an_alarm_lasts_as_long_as_the_flood_however_usual_it_becomes(
    actions: ActionsService, clock: ManualClock
) -> None:
    await usual_day(actions)
    with capture_logs() as logs:
        for _ in range(30):
            await put_actions(actions.wiring, crowd(300, clock.now(), network=FLOOD) + crowd(20, clock.now()))
            await actions.wiring.dominance.look()
            clock.advance(HOUR)
    (alarm,) = await alarms(actions)
    assert (alarm.began_at, alarm.ended_at, alarm.earlier_share) == (NOW, None, 0.0)
    assert len(logs) == 1


async def test_an_alarm_ends_when_the_flood_was_not_seen_for_a_window(
    actions: ActionsService, clock: ManualClock
) -> None:
    await usual_day(actions)
    await put_actions(actions.wiring, crowd(60, NOW - MINUTE, network=FLOOD))
    looks = []
    for _ in range(25):
        await actions.wiring.dominance.look()
        looks.append([alarm.ended_at for alarm in await alarms(actions)])
        clock.advance(MINUTE)
    (alarm,) = await alarms(actions)
    assert (alarm.began_at, alarm.last_seen_at, alarm.ended_at) == (NOW, NOW + 9 * MINUTE, NOW + 19 * MINUTE)
    assert looks[18] == [None]
    assert actions.wiring.registry.get_sample_value("actions_dominance_alarms") == 0


async def test_who_comes_again_rings_again(actions: ActionsService, clock: ManualClock) -> None:
    await usual_day(actions)
    for _ in range(2):
        await put_actions(actions.wiring, crowd(60, clock.now() - MINUTE, network=FLOOD))
        for _ in range(3):
            await actions.wiring.dominance.look()
            clock.advance(11 * MINUTE)
    assert [alarm.ended_at is None for alarm in await alarms(actions)] == [False, False]


async def test_old_alarms_are_forgotten(actions: ActionsService, clock: ManualClock) -> None:
    await usual_day(actions)
    await put_actions(actions.wiring, crowd(60, NOW - MINUTE, network=FLOOD))
    for days in (0, 1, 31):
        clock.advance(timedelta(days=days))
        await actions.wiring.dominance.look()
    assert await alarms(actions) == []


async def test_two_workers_write_one_alarm_and_one_line(actions: ActionsService, clock: ManualClock) -> None:
    await usual_day(actions)
    await put_actions(actions.wiring, crowd(60, NOW - MINUTE, network=FLOOD))
    other = build(actions.wiring.settings, clock=clock)
    with capture_logs() as logs:
        await asyncio.gather(*(wiring.dominance.look() for wiring in (actions.wiring, other) * 3))
    await other.close()
    assert len(await alarms(actions)) == 1
    assert [line["action"] for line in logs] == ["alarm_opened"]


async def test_staff_see_who_dominates_and_where_to_go(actions: ActionsService, clock: ManualClock) -> None:
    await usual_day(actions)
    await put_actions(actions.wiring, crowd(60, NOW - MINUTE, network=FLOOD) + crowd(40, NOW - MINUTE))
    await actions.wiring.dominance.look()
    (alarm,) = (await actions.http.get(API, headers=BEARER)).json()["alarms"]
    assert (alarm["case"], alarm["kind"], alarm["value"], alarm["share"]) == ("a-test-case", "network", FLOOD, 0.6)
    log_in(actions)
    page = (await actions.http.get(PAGE)).text
    for shown in (FLOOD, "60&nbsp;%", 'href="/ops/intake/invalidations"', 'href="/ops/intake/rules"'):
        assert shown in page
    clock.advance(11 * MINUTE)
    await actions.wiring.dominance.look()
    page = (await actions.http.get(PAGE)).text
    assert "No network and no mailbox domain dominates a case now" in page
    assert FLOOD in page
