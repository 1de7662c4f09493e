"""What staff change while letters go out, by the API and by the pages: with who and why, and at once."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlmodel import col, select

from services.delivery.channels import Accepted, Dead, Phase
from services.delivery.claiming import HandoverResult
from services.delivery.standing import SHOWN_MAX
from services.delivery.states import LetterState
from services.delivery.suppressing import DEAD_FOR
from services.delivery.tables import Outbox
from shared.messages.cases import Target
from shared.messages.delivery import FailureReason, LetterFailedV1, TargetForecastV1, TargetRunsLateV1
from shared.messages.envelope import Event, derived_id
from shared.messages.registry import read
from tests.support.delivery_service import SITE, STAFF_TOKEN, DeliveryService, delivery_service, many_actions
from tests.support.events import CASE_ID, MINISTRY, NOW, an_accepted_action
from tests.support.staff_sessions import log_in

API = "/api/v1/delivery"
BEARER = {"Authorization": f"Bearer {STAFF_TOKEN}", "Staff-Name": "Amina"}
OWN_FORM = {"Origin": SITE}
NOBODY = UUID(int=0)
E = TypeVar("E", bound=Event)
SLOW = {"mode": "throttled", "per_hour": 60, "time_zone": "Asia/Karachi"}


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url) as service:
        yield service


async def ask(delivery: DeliveryService, method: str, path: str, expected: int = 200, **json: Any) -> Any:
    answer = await delivery.http.request(method, API + path, json=json or None, headers=BEARER)
    assert answer.status_code == expected, answer.text
    return answer.json() if answer.content else None


async def audit(delivery: DeliveryService) -> list[tuple[str, str, str]]:
    return [(line["who"], line["did"], line["why"]) for line in await ask(delivery, "GET", "/audit")]


@pytest.mark.parametrize(
    ("scope", "subject"),
    [
        ("everything", ""),
        ("channel", "email"),
        ("destination", "ministry.example"),
        ("target", str(MINISTRY.id)),
        ("case", str(CASE_ID)),
    ],
)
async def test_a_pause_holds_from_the_next_claim_on_and_ends_as_it_began(
    delivery: DeliveryService, scope: str, subject: str
) -> None:
    await delivery.tell(*many_actions(3))
    for _ in range(2):
        await ask(delivery, "POST", "/pauses", 204, scope=scope, subject=subject, why="they asked")
    assert await delivery.claims().claim(10) == []
    assert [pause["who"] for pause in (await ask(delivery, "GET", "/overview"))["pauses"]] == ["Amina"]
    await ask(delivery, "POST", "/pauses/resume", 204, scope=scope, subject=subject, why="they are back")
    assert len(await delivery.claims().claim(10)) == 3
    await ask(delivery, "POST", "/pauses/resume", 404, scope=scope, subject=subject, why="again")
    told = [("Amina", "paused", "they asked")] * 2 + [("Amina", "resumed", "they are back")]
    assert sorted(await audit(delivery)) == told


@pytest.mark.parametrize(
    ("scope", "subject"),
    [
        ("target", str(NOBODY)),
        ("target", "a name"),
        ("case", "a-slug"),
        ("channel", "pigeon"),
        ("destination", "no.example"),
    ],
)
async def test_what_is_not_there_is_not_paused(delivery: DeliveryService, scope: str, subject: str) -> None:
    await ask(delivery, "POST", "/pauses", 404, scope=scope, subject=subject, why="a mistake")


async def test_a_policy_holds_for_what_is_queued_and_tells_when_the_last_is_out(delivery: DeliveryService) -> None:
    closes_at = NOW + timedelta(hours=1)
    await delivery.tell(*many_actions(100, closes_at=closes_at))
    path = f"/targets/{MINISTRY.id}"
    assert (await ask(delivery, "GET", path))["is_late"] is False
    target = await ask(delivery, "PUT", f"{path}/policy", policy=SLOW, why="their spam filter")
    assert (target["source"], target["queued"], target["is_late"]) == ("operator", 100, True)
    assert target["suggestion"].endswith("an hour would be in time.")
    assert len(await delivery.claims().claim(50)) == 5
    assert (await ask(delivery, "POST", f"{path}/policy/drop", why="not needed"))["source"] == "default"
    assert len(await delivery.claims().claim(50)) == 50


async def test_a_target_that_runs_late_is_told_of_once_and_again_after_it_was_in_time(
    delivery: DeliveryService,
) -> None:
    await delivery.tell(*many_actions(100, closes_at=NOW + timedelta(hours=1)))
    path, lateness = f"/targets/{MINISTRY.id}/policy", delivery.wiring.lateness
    await lateness.look()
    assert await late_events(delivery) == []
    for times in (1, 2):
        await ask(delivery, "PUT", path, policy=SLOW, why="slower")
        await lateness.look()
        await lateness.look()
        events = await late_events(delivery)
        assert len(events) == times
        assert (events[-1].target_id, events[-1].queued) == (MINISTRY.id, 100)
        await ask(delivery, "POST", f"{path}/drop", why="quicker")
        await lateness.look()
        delivery.clock.advance(timedelta(minutes=1))


async def test_others_are_told_when_a_long_line_will_be_out_and_nothing_of_a_quick_one(
    delivery: DeliveryService,
) -> None:
    """Said when it begins, hardly more often than once a day while it lasts, and when it is over."""
    await delivery.tell(*many_actions(100))
    path, look = f"/targets/{MINISTRY.id}/policy", delivery.wiring.lateness.look
    await look()
    assert await told(delivery, TargetForecastV1) == []
    a_few = {"mode": "throttled", "per_hour": 10, "per_day": 20, "per_day_max": 20}
    await ask(delivery, "PUT", path, policy=a_few, why="slower")
    for hours in (0, 1, 6, 18):
        delivery.clock.advance(timedelta(hours=hours))
        await look()
    first, again = await told(delivery, TargetForecastV1)
    assert first.done_at is not None
    assert timedelta(days=3) < first.done_at - NOW < timedelta(days=5)
    assert again.noticed_at - first.noticed_at == timedelta(hours=25), "a day later, for who forgets what is old"
    await ask(delivery, "POST", f"{path}/drop", why="quicker")
    for hours in (1, 5):
        delivery.clock.advance(timedelta(hours=hours))
        await look()
    assert [event.done_at for event in await told(delivery, TargetForecastV1)][2:] == [None]


@pytest.mark.parametrize(
    ("scope", "subject"), [("case", str(CASE_ID)), ("channel", "email"), ("destination", "ministry.example")]
)
async def test_what_was_foretold_is_taken_back_while_staff_hold_it(
    delivery: DeliveryService, scope: str, subject: str
) -> None:
    await delivery.tell(*many_actions(3))
    await ask(delivery, "PUT", f"/targets/{MINISTRY.id}/policy", policy={"per_day_max": 1}, why="slower")
    await delivery.wiring.lateness.look()
    await ask(delivery, "POST", "/pauses", 204, scope=scope, subject=subject, why="they asked")
    delivery.clock.advance(timedelta(hours=7))
    await delivery.wiring.lateness.look()
    assert [event.done_at is None for event in await told(delivery, TargetForecastV1)] == [False, True]


async def test_a_target_is_foretold_however_many_others_have_more_waiting(delivery: DeliveryService) -> None:
    names = [f"office-{number}" for number in range(SHOWN_MAX)]
    others = [Target(id=derived_id(name), name=name, country="PK", email=f"a@{name}.example") for name in names]
    for number in range(4):
        targets = (*others, MINISTRY) if number else tuple(others)
        await delivery.tell(an_accepted_action(action_id=derived_id("action", number), targets=targets))
    await ask(delivery, "PUT", f"/targets/{MINISTRY.id}/policy", policy={"per_day_max": 1}, why="slower")
    await delivery.wiring.lateness.look()
    assert [event.target_id for event in await told(delivery, TargetForecastV1)] == [MINISTRY.id]
    assert len((await ask(delivery, "GET", "/overview"))["targets"]) == SHOWN_MAX


async def late_events(delivery: DeliveryService) -> list[TargetRunsLateV1]:
    return await told(delivery, TargetRunsLateV1)


async def told(delivery: DeliveryService, kind: type[E]) -> list[E]:
    async with delivery.wiring.database.transaction() as session:
        rows = list(await session.exec(select(Outbox).order_by(col(Outbox.created_at))))
    return [event for row in rows if isinstance(event := read(row.body).data, kind)]


async def test_a_new_policy_opens_no_new_day(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(30))
    path = f"/targets/{MINISTRY.id}/policy"
    for _ in range(3):
        await ask(delivery, "PUT", path, policy={"per_day_max": 10}, why="again")
        await delivery.claims().claim(50)
    assert sum(letter.state is LetterState.SENDING for letter in await delivery.letters()) == 10


@pytest.mark.parametrize(
    "policy", [{"mode": "by_dove"}, {"mode": "throttled", "per_hour": 0}, {"time_zone": "Nowhere"}, {"speed": 1}]
)
async def test_a_policy_that_cannot_hold_is_refused(delivery: DeliveryService, policy: dict[str, Any]) -> None:
    await delivery.tell(an_accepted_action())
    await ask(delivery, "PUT", f"/targets/{MINISTRY.id}/policy", 422, policy=policy, why="a mistake")
    await ask(delivery, "PUT", f"/targets/{NOBODY}/policy", 404, policy={}, why="a mistake")
    assert len(await delivery.claims().claim(1)) == 1


async def test_a_destination_gets_a_rate_and_is_let_go_on(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(50))
    await ask(delivery, "PUT", "/destinations/ministry.example/rate", 204, per_hour=60, why="they asked")
    assert len(await delivery.claims().claim(50)) == 5
    await ask(delivery, "PUT", "/destinations/ministry.example/rate", 204, per_hour=None, why="all is well")
    assert len(await delivery.claims().claim(50)) == 45
    await ask(delivery, "POST", "/destinations/ministry.example/lift", 204, why="we spoke")
    await ask(delivery, "POST", "/destinations/nobody.example/lift", 404, why="a mistake")


async def test_nothing_goes_to_a_suppressed_address_until_it_is_released(delivery: DeliveryService) -> None:
    before, after = many_actions(2)
    await delivery.tell(before)
    address = (MINISTRY.email or "").upper()
    assert await ask(delivery, "POST", "/suppressions", address=address, why="moved") == {"letters": 1}
    await delivery.tell(after)
    assert await delivery.states() == {LetterState.SUPPRESSED}
    assert await delivery.claims().claim(10) == []
    reports = await delivery.reports()
    assert {type(report) for report in reports} == {LetterFailedV1}
    assert {report.reason for report in reports if isinstance(report, LetterFailedV1)} == {FailureReason.NO_ADDRESS}
    letter = (await delivery.letters())[0].id
    retry = f"/api/v1/letters/{letter}/retry"
    assert (await delivery.http.post(retry, headers=BEARER, json={"why": "they asked"})).status_code == 409
    await ask(delivery, "POST", "/suppressions/release", 204, address=address, why="they are back")
    assert (await delivery.http.post(retry, headers=BEARER, json={"why": "they asked"})).status_code == 200
    assert len(await delivery.claims().claim(10)) == 1
    await ask(delivery, "POST", "/suppressions/release", 404, address=address, why="again")


async def test_a_dead_mailbox_suppresses_itself_for_a_while(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(3))
    claims = delivery.claims()
    first, second = await claims.claim(2)
    await claims.record([HandoverResult(first, Dead(Phase.RCPT, 550, "5.1.1 nobody here"), NOW, NOW)])
    states = {letter.id: letter.state for letter in await delivery.letters()}
    assert states.pop(first.id) is LetterState.BOUNCED
    assert states.pop(second.id) is LetterState.SENDING, "what is in the air lands"
    assert list(states.values()) == [LetterState.SUPPRESSED]
    await claims.record([HandoverResult(second, Accepted(Phase.DOT, 250, "taken"), NOW, NOW)])
    [suppressed] = await ask(delivery, "GET", "/suppressions")
    assert suppressed["address"] == MINISTRY.email
    delivery.clock.advance(DEAD_FOR + timedelta(seconds=1))
    await delivery.tell(an_accepted_action(action_id=derived_id("action", "later"), accepted_at=delivery.clock.now()))
    assert len(await claims.claim(10)) == 1


async def test_the_pages_show_how_it_stands_and_change_it(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(3, closes_at=NOW + timedelta(days=9)))
    log_in(delivery.http, delivery.wiring.staff)
    page = await delivery.http.get("/ops/overview")
    assert page.status_code == 200
    assert MINISTRY.name in page.text
    assert "ministry.example" in page.text

    async def post(path: str, **form: Any) -> Any:
        return await delivery.http.post(path, data=form, headers=OWN_FORM)

    no_reason = await post("/ops/overview/pause", scope="everything", subject="", why=" ")
    assert no_reason.status_code == 422
    assert "Say why" in no_reason.text
    done = await post("/ops/overview/pause", scope="everything", subject="", why="a rehearsal")
    assert (done.status_code, done.headers["location"]) == (303, "/ops/overview")
    assert "a rehearsal" in (await delivery.http.get("/ops/overview")).text

    target = f"/ops/targets/{MINISTRY.id}"
    assert (await delivery.http.get(target)).status_code == 200
    typed = {"mode": "throttled", "per_hour": "60", "per_day": "", "per_day_max": "500", "time_zone": "Asia/Karachi"}
    hours = {"at_work": "true", "days": ["mon", "tue"], "begin": "17:00", "end": "09:00", "holidays": ""}
    wrong = await post(target, **typed, **hours, why="their wish")
    assert wrong.status_code == 422
    assert 'value="Asia/Karachi"' in wrong.text
    assert "the beginning before the end" in wrong.text
    assert (
        await post(target, **typed, **(hours | {"begin": "09:00", "end": "17:00"}), why="their wish")
    ).status_code == 303
    shown = (await ask(delivery, "GET", f"/targets/{MINISTRY.id}"))["policy"]
    assert (shown["per_hour"], shown["hours"]["days"]) == (60, ["mon", "tue"])
    assert (await post(target, drop="1", why="not needed")).status_code == 303

    assert (await post("/ops/suppressions/add", address="nobody", days="", why="x")).status_code == 422
    assert (await post("/ops/suppressions/add", address="info@gone.example", days="3", why="gone")).status_code == 303
    assert "info@gone.example" in (await delivery.http.get("/ops/suppressions")).text
    assert (await post("/ops/suppressions/release", address="info@gone.example", why="back")).status_code == 303


@pytest.mark.parametrize("path", ["/ops/overview", "/ops/suppressions", f"/ops/targets/{NOBODY}"])
async def test_strangers_are_sent_to_the_login(delivery: DeliveryService, path: str) -> None:
    assert (await delivery.http.get(path)).headers["location"] == "/ops/login"
    assert (await delivery.http.get(f"{API}/overview")).status_code == 401
