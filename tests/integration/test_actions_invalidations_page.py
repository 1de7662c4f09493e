"""The page where staff invalidate: what is applied is what was seen, and nothing that was typed is lost."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import col, select

from services.actions.app import create_app
from services.actions.settings import ActionsSettings
from services.actions.tables import Audit
from services.actions.wiring import build
from shared.clock import ManualClock
from tests.support.actions_app import SITE, ActionsService, actions_service
from tests.support.actions_invalidations import BY, begin, count_invalid, keep_many
from tests.support.actions_requests import an_action
from tests.support.actions_staff import BEARER, STAFF_TOKEN, log_in
from tests.support.events import NOW, uuid_of
from tests.support.page_fields import sent_by

API, PAGE = "/api/v1/intake/invalidations", "/ops/intake/invalidations"
FORM = {"accepted_from": "2026-11-22T00:00", "accepted_to": "2026-11-24T00:00", "pattern": "please"}
OWN_FORM = {"Origin": SITE}


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[ActionsService]:
    async with actions_service(database_url, clock=ManualClock(NOW), staff_token=STAFF_TOKEN) as service:
        log_in(service)
        yield service


async def send(service: ActionsService, **form: str) -> httpx.Response:
    return await service.http.post(PAGE, data=form, headers=OWN_FORM)


def pass_time(service: ActionsService, **time: float) -> None:
    clock: ManualClock = service.wiring.clock  # type: ignore[assignment]
    clock.advance(timedelta(**time))


async def test_what_came_in_after_the_look_is_not_hit(service: ActionsService) -> None:
    await keep_many(service, 3)
    look = await send(service, **FORM)
    pass_time(service, minutes=5)
    await keep_many(service, 1, start=10, at=NOW + timedelta(minutes=1))
    applied = await send(service, **sent_by(look.text), why="a script", apply="yes")
    assert applied.status_code == 303
    await service.wiring.invalidations.work_off()
    assert await count_invalid(service) == 3


async def test_what_would_hit_more_than_was_seen_is_shown_anew(service: ActionsService) -> None:
    await keep_many(service, 3)
    look = await send(service, **FORM)
    await keep_many(service, 1, start=10)
    refused = await send(service, **sent_by(look.text), why="a <script>", apply="yes")
    assert refused.status_code == 409
    assert "3 actions were seen, and now it would be 4" in refused.text
    assert "4 actions would be hit" in refused.text
    assert 'value="a &lt;script&gt;"' in refused.text, "the reason need not be typed again"
    again = await send(service, **sent_by(refused.text), why="a script", apply="yes")
    assert again.status_code == 303


async def test_without_a_reason_nothing_is_applied(service: ActionsService) -> None:
    await keep_many(service, 3)
    refused = await send(service, **sent_by((await send(service, **FORM)).text), why=" ", apply="yes")
    assert refused.status_code == 422
    assert "3 actions would be hit" in refused.text
    assert await service.rows(select(Audit)) == []


async def test_what_is_typed_comes_back_as_it_was(service: ActionsService) -> None:
    page = (await send(service, **FORM, mailbox_domain="mail.example")).text
    for value in ("2026-11-22T00:00", "mail.example", "please"):
        assert f'value="{value}"' in page


async def test_a_form_without_any_criterion_says_what_to_add(service: ActionsService) -> None:
    answer = await send(service, accepted_from=FORM["accepted_from"], accepted_to=FORM["accepted_to"])
    assert answer.status_code == 422
    assert "Give a network, a mailbox domain or a pattern" in answer.text
    assert "Value error" not in answer.text
    assert 'href="#field-network"' in answer.text


@pytest.mark.parametrize("typed", [{}, {"accepted_from": "x"}, {"accepted_from": "", "accepted_to": ""}])
async def test_a_form_that_says_nothing_is_no_fault_of_ours(service: ActionsService, typed: dict[str, str]) -> None:
    assert (await send(service, **typed)).status_code == 422


async def test_undone_twice_says_how_things_are(service: ActionsService) -> None:
    await keep_many(service, 1)
    row = await begin(service)
    await service.wiring.invalidations.undo(row.id, BY)
    answer = await service.http.post(f"{PAGE}/{row.id}/undo", data={"why": "a school"}, headers=OWN_FORM)
    assert answer.status_code == 409
    assert "This cannot be taken back" in answer.text
    assert "What was invalidated" in answer.text


async def test_who_and_why_are_kept_for_both_ways(service: ActionsService) -> None:
    await keep_many(service, 2)
    await send(service, **sent_by((await send(service, **FORM)).text), why="a script", apply="yes")
    [row] = (await service.http.get(API, headers=BEARER)).json()["invalidations"]
    await service.http.post(f"{PAGE}/{row['id']}/undo", data={"why": "a school"}, headers=OWN_FORM)
    kept = await service.rows(select(Audit).order_by(col(Audit.did)))
    assert [(line.who, line.did, line.why) for line in kept] == [
        ("Amina", "invalidation_begun", "a script"),
        ("Amina", "invalidation_undone", "a school"),
    ]
    assert {line.details["invalidation"] for line in kept} == {row["id"]}
    assert kept[0].details["actions"] == 2
    assert "please" not in str([line.details for line in kept]), "words of letters stay out of the audit"


async def test_one_invalidation_can_be_looked_up(service: ActionsService) -> None:
    await keep_many(service, 2)
    row = await begin(service)
    await service.wiring.invalidations.work_off()
    one = (await service.http.get(f"{API}/{row.id}", headers=BEARER)).json()
    assert (one["id"], one["state"], one["actions"]) == (str(row.id), "done", 2)
    assert (await service.http.get(f"{API}/{uuid_of(1)}", headers=BEARER)).status_code == 404
    assert (await service.http.get(f"{API}/no-id", headers=BEARER)).status_code == 422


@pytest.mark.parametrize(("method", "path"), [("GET", f"{API}/{uuid_of(1)}"), ("POST", f"{API}/{uuid_of(1)}/undo")])
async def test_the_api_is_staffs_alone(service: ActionsService, method: str, path: str) -> None:
    assert (await service.http.request(method, path, json={"why": "x"})).status_code == 401


async def test_a_form_from_elsewhere_takes_nothing_back(service: ActionsService) -> None:
    await keep_many(service, 1)
    row = await begin(service)
    elsewhere: dict[str, Any] = {"headers": {"Origin": "https://evil.example"}, "data": {"why": "x"}}
    assert (await service.http.post(f"{PAGE}/{row.id}/undo", **elsewhere)).status_code == 403
    assert (await service.wiring.invalidations.find(row.id)).state == "running"


async def test_with_the_database_away_nothing_typed_is_lost(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/no/such/folder.db"
    wiring = build(ActionsSettings(database_url=url, public_url=SITE, staff_token=STAFF_TOKEN), clock=ManualClock(NOW))
    app = create_app(wiring)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as http:
        service = ActionsService(wiring, app, http)
        log_in(service)
        answer = await send(service, **FORM)
        assert answer.status_code == 503
        assert 'value="please"' in answer.text
        assert (await http.get(PAGE, headers={"Accept": "text/html"})).status_code == 503
    await wiring.close()


async def test_the_receipt_of_what_was_set_aside_does_not_say_that_it_waits_its_turn(service: ActionsService) -> None:
    answer = await service.post(an_action())
    path = "/receipts/" + answer.json()["receipt"].rsplit("/", 1)[-1]
    assert "keeps its place" in (await service.http.get(path)).text
    pass_time(service, minutes=1)
    await begin(service, accepted_to=NOW + timedelta(minutes=1))
    await service.wiring.invalidations.work_off()
    page = (await service.http.get(path)).text
    assert "keeps its place" not in page
    assert "held back" in page
