"""Staff take actions for invalid in bulk, look before they do, and take it back, on both databases."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlmodel import col, select

from services.actions.tables import Action, Audit, Outbox
from shared.clock import ManualClock
from shared.messages.actions import ActionInvalidatedV1, ActionReinstatedV1, ActionValidity
from shared.messages.registry import read
from tests.support.actions_app import SITE, ActionsService, actions_service
from tests.support.actions_requests import a_letter, a_supporter, an_action, an_action_by
from tests.support.actions_staff import BEARER, STAFF_TOKEN, log_in
from tests.support.events import NOW

API, PAGE = "/api/v1/intake/invalidations", "/ops/intake/invalidations"
BOT = "203.0.113.7"
DAY = {"accepted_from": (NOW - timedelta(days=1)).isoformat(), "accepted_to": (NOW + timedelta(days=1)).isoformat()}
FORM_DAY = {"accepted_from": "2026-11-22T00:00", "accepted_to": "2026-11-24T00:00"}
OWN_FORM = {"Origin": SITE}


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[ActionsService]:
    async with actions_service(database_url, clock=ManualClock(NOW), staff_token=STAFF_TOKEN) as service:
        yield service


async def write(service: ActionsService, count: int, client: str = BOT, start: int = 0, **changes: Any) -> None:
    """So many people, all from one address."""
    transport = httpx.ASGITransport(service.app, client=(client, 1))
    async with httpx.AsyncClient(transport=transport, base_url=SITE) as http:
        for number in range(start, start + count):
            body = an_action_by(number, **changes)
            answer = await http.post("/api/v1/actions", json=body, headers={"Idempotency-Key": f"{client}-{number}"})
            assert answer.status_code == 202
    clock: ManualClock = service.wiring.clock  # type: ignore[assignment]
    clock.advance(timedelta(seconds=1))


async def ask(service: ActionsService, **wish: Any) -> httpx.Response:
    return await service.http.post(API, json=wish, headers=BEARER | {"Staff-Name": "Amina"})


async def apply(service: ActionsService, count_seen: int, **criteria: Any) -> Any:
    wish = {"dry_run": False, "count_seen": count_seen, "why": "a script from one network"}
    answer = await ask(service, criteria=DAY | criteria, **wish)
    assert answer.status_code == 200, answer.text
    await service.wiring.invalidations.work_off()
    return answer.json()


async def decisions(service: ActionsService) -> list[ActionValidity]:
    rows = await service.rows(select(Outbox).order_by(col(Outbox.created_at)))
    return [data for row in rows if isinstance(data := read(row.body).data, ActionValidity)]


async def count_invalid(service: ActionsService) -> int:
    return len(await service.rows(select(Action.id).where(col(Action.invalidation_id).is_not(None))))


async def test_a_dry_run_tells_what_would_be_hit_and_changes_nothing(service: ActionsService) -> None:
    await write(service, 3)
    await write(service, 2, client="198.51.100.1", start=10)
    seen = (await ask(service, dry_run=True, criteria=DAY | {"network": "203.0.113.0/24"})).json()
    assert (seen["count"], seen["by_case"], seen["by_country"]) == (3, {"a-test-case": 3}, {"DE": 3})
    assert {sample["network"] for sample in seen["samples"]} == {"203.0.113.0/24"}
    assert "supporter-1@" not in str(seen)
    assert await count_invalid(service) == 0
    assert await decisions(service) == []


CRITERIA = [
    ({"network": "203.0.113.7"}, 3),
    ({"network": "203.0.0.0/16"}, 3),
    ({"network": "192.0.2.0/24"}, 0),
    ({"mailbox_domain": "@Mail.example"}, 3),
    ({"mailbox_domain": "ail.example"}, 0),
    ({"pattern": "DEAR minister"}, 3),
    ({"pattern": "d%r"}, 0),
    ({"pattern": "d__r"}, 0),
    ({"pattern": "please", "case": "another-case"}, 0),
    ({"pattern": "please", "accepted_to": NOW.isoformat()}, 0),
]


@pytest.mark.parametrize(("criteria", "count"), CRITERIA)
async def test_what_fits_is_hit_and_nothing_else(service: ActionsService, criteria: Any, count: int) -> None:
    await write(service, 3)
    seen = await ask(service, dry_run=True, criteria=DAY | criteria)
    assert seen.json()["count"] == count


BAD = [
    {},
    {"case": "a-test-case"},
    {"network": "10.0.0.0/8"},
    {"network": "nowhere"},
    {"pattern": "ab"},
    {"mailbox_domain": "no at all"},
    {"pattern": "please", "accepted_to": DAY["accepted_from"]},
]


@pytest.mark.parametrize("criteria", BAD)
async def test_what_would_hit_everybody_or_nobody_is_refused(service: ActionsService, criteria: Any) -> None:
    answer = await ask(service, dry_run=True, criteria=DAY | criteria)
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_what_is_invalid_is_told_once_and_its_receipt_says_so(service: ActionsService) -> None:
    await write(service, 3)
    row = await apply(service, 3, network="203.0.113.0/24")
    await service.wiring.invalidations.work_off()
    events = await decisions(service)
    assert [type(event) for event in events] == [ActionInvalidatedV1] * 3
    assert {(event.number, str(event.invalidation_id), event.country) for event in events} == {(1, row["id"], "DE")}
    [action] = await service.rows(select(Action).limit(1))
    receipt = await service.http.get(f"/api/v1/receipts/{action.token}")
    assert receipt.json()["action"]["status"] == "invalidated"
    assert "was set aside" in (await service.http.get(f"/receipts/{action.token}")).text
    listed = (await service.http.get(API, headers=BEARER)).json()["invalidations"]
    assert [(one["state"], one["actions"], one["who"]) for one in listed] == [("done", 3, "Amina")]


async def test_taken_back_it_counts_again(service: ActionsService) -> None:
    await write(service, 3)
    row = await apply(service, 3, pattern="please act")
    answer = await service.http.post(f"{API}/{row['id']}/undo", json={"why": "a school"}, headers=BEARER)
    assert answer.json()["state"] == "undoing"
    await service.wiring.invalidations.work_off()
    assert await count_invalid(service) == 0
    assert [(type(event), event.number) for event in (await decisions(service))[3:]] == [(ActionReinstatedV1, 2)] * 3
    again = await service.http.post(f"{API}/{row['id']}/undo", json={"why": "a school"}, headers=BEARER)
    assert again.status_code == 409
    did = await service.rows(select(Audit.did).order_by(col(Audit.at), col(Audit.did)))
    assert sorted(did) == ["invalidation_begun", "invalidation_undone"]


async def test_another_number_than_was_seen_is_refused(service: ActionsService) -> None:
    await write(service, 3)
    answer = await ask(service, dry_run=False, count_seen=30, why="x", criteria=DAY | {"pattern": "please"})
    assert answer.status_code == 409
    assert await count_invalid(service) == 0


async def test_what_comes_in_afterwards_is_not_meant(service: ActionsService) -> None:
    await write(service, 2)
    wish = {"dry_run": False, "count_seen": 2, "why": "x"}
    await ask(service, criteria=DAY | {"pattern": "please"}, **wish)
    await write(service, 2, start=50)
    await service.wiring.invalidations.work_off()
    assert await count_invalid(service) == 2


async def test_whoever_was_impersonated_may_write_themselves(service: ActionsService) -> None:
    await service.post(an_action(letter=a_letter(body="Not her words.")), key="forged")
    clock: ManualClock = service.wiring.clock  # type: ignore[assignment]
    clock.advance(timedelta(seconds=1))
    row = await apply(service, 1, pattern="Not her words")
    mine = await service.post(an_action(supporter=a_supporter()), key="mine")
    receipt = await service.http.get("/api/v1/receipts/" + mine.json()["receipt"].rsplit("/", 1)[1])
    [mine_row] = await service.rows(select(Action).where(col(Action.id) == UUID(mine.json()["id"])))
    assert mine_row.repeat_of is None
    assert receipt.json()["action"]["status"] == "accepted"
    await service.http.post(f"{API}/{row['id']}/undo", json={"why": "no"}, headers=BEARER)
    await service.wiring.invalidations.work_off()
    keys = await service.rows(select(Action.sender_key))
    assert sorted(key is None for key in keys) == [False, True], "hers stays hers"


async def test_two_workers_do_it_once(database_url: str) -> None:
    clock = ManualClock(NOW)
    async with (
        actions_service(database_url, clock=clock, staff_token=STAFF_TOKEN) as one,
        actions_service(database_url, clock=clock) as two,
    ):
        await write(one, 5)
        await ask(one, dry_run=False, count_seen=5, why="x", criteria=DAY | {"pattern": "please"})
        await two.wiring.invalidations.work_off()
        await one.wiring.invalidations.work_off()
        assert len(await decisions(one)) == 5


async def test_the_page_looks_applies_and_takes_back(service: ActionsService) -> None:
    await write(service, 2)
    log_in(service)
    look = await service.http.post(PAGE, data=FORM_DAY | {"pattern": "please"}, headers=OWN_FORM)
    assert "2 actions would be hit" in look.text
    applying = FORM_DAY | {"pattern": "please", "count_seen": "2", "why": "a script", "apply": "yes"}
    assert (await service.http.post(PAGE, data=applying, headers=OWN_FORM)).status_code == 303
    await service.wiring.invalidations.work_off()
    page = (await service.http.get(PAGE)).text
    assert "a script" in page
    assert "Amina" in page
    row = (await service.http.get(API, headers=BEARER)).json()["invalidations"][0]
    undone = await service.http.post(f"{PAGE}/{row['id']}/undo", data={"why": "a school"}, headers=OWN_FORM)
    assert undone.status_code == 303
    await service.wiring.invalidations.work_off()
    assert await count_invalid(service) == 0


async def test_a_form_that_cannot_be_taken_keeps_what_was_typed(service: ActionsService) -> None:
    log_in(service)
    answer = await service.http.post(PAGE, data=FORM_DAY | {"network": "nowhere"}, headers=OWN_FORM)
    assert answer.status_code == 422
    assert 'value="nowhere"' in answer.text


async def test_strangers_see_and_do_nothing(service: ActionsService) -> None:
    assert (await service.http.get(API)).status_code == 401
    assert (await service.http.post(API, json={})).status_code == 401
    assert (await service.http.get(PAGE)).status_code == 303
    log_in(service)
    assert (await service.http.post(PAGE, data=FORM_DAY, headers={"Origin": "https://evil.example"})).status_code == 403


async def test_networks_are_forgotten_in_time(service: ActionsService) -> None:
    await write(service, 2)
    clock: ManualClock = service.wiring.clock  # type: ignore[assignment]
    clock.advance(timedelta(hours=71))
    await service.wiring.forgetting.forget_networks()
    assert set(await service.rows(select(Action.network))) == {"203.0.113.0/24"}
    clock.advance(timedelta(hours=2))
    await service.wiring.forgetting.forget_networks()
    assert set(await service.rows(select(Action.network))) == {None}
