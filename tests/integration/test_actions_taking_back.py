"""A supporter takes back what they wrote, or hides their address, as long as it is not out; on both databases."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlmodel import select

from services.actions.tables import Action, Outbox
from shared.messages.actions import ActionCancelledV1, AddressHiddenV1
from shared.messages.delivery import LetterCancelledV1, LetterSentV1
from shared.messages.envelope import Event
from shared.messages.registry import read
from tests.support.actions_app import ActionsService, actions_service
from tests.support.actions_receipts import acted, report
from tests.support.actions_requests import a_letter
from tests.support.events import CASE_ID, EMBASSY, MINISTRY

NOBODYS = "A" * 32


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[ActionsService]:
    async with actions_service(database_url) as service:
        yield service


async def told(service: ActionsService, kind: type[Event]) -> list[Any]:
    rows = await service.rows(select(Outbox).where(Outbox.type == kind.wire_type))
    return [read(row.body).data for row in rows]


async def test_taken_back_once_it_is_told_once_however_often_they_press(service: ActionsService) -> None:
    action_id, path = await acted(service)
    for _ in range(3):
        answer = await service.http.post(f"{path}/take-back")
        assert (answer.status_code, answer.headers["location"]) == (303, path)
    (event,) = await told(service, ActionCancelledV1)
    assert (event.action_id, event.case_id) == (action_id, CASE_ID)
    receipt = (await service.http.get(f"/api/v1{path}")).json()
    assert receipt["action"]["status"] == "cancelled"
    assert not receipt["action"]["can_be_taken_back"]
    page = (await service.http.get(path)).text
    assert "You took back what you wrote" in page
    assert "/take-back" not in page


async def test_the_receipt_tells_of_each_letter_whether_it_was_stopped_in_time(service: ActionsService) -> None:
    action_id, path = await acted(service)
    await service.http.post(f"{path}/take-back")
    await service.tell(
        report(LetterSentV1, action_id, MINISTRY), report(LetterCancelledV1, action_id, EMBASSY, reason="taken back")
    )
    receipt = (await service.http.get(f"/api/v1{path}")).json()
    assert [letter["state"] for letter in receipt["letters"]] == ["sent", "cancelled"]


async def test_what_is_out_cannot_be_taken_back(service: ActionsService) -> None:
    action_id, path = await acted(service)
    await service.tell(report(LetterSentV1, action_id, MINISTRY), report(LetterSentV1, action_id, EMBASSY))
    receipt = (await service.http.get(f"/api/v1{path}")).json()["action"]
    assert (receipt["can_be_taken_back"], receipt["address_can_be_hidden"]) == (False, False)
    assert "/take-back" not in (await service.http.get(path)).text


async def test_who_took_it_back_before_it_went_out_may_write_as_for_the_first_time(service: ActionsService) -> None:
    _, path = await acted(service)
    await service.http.post(f"{path}/take-back")
    again, _ = await acted(service, key="another", letter=a_letter(body="I thought about it."))
    (row,) = await service.rows(select(Action).where(Action.id == again))
    assert (row.sender_key is not None, row.repeat_of, row.letters_of) == (True, None, None)


async def test_who_took_it_back_too_late_writes_no_second_letter(service: ActionsService) -> None:
    first, path = await acted(service)
    await service.tell(report(LetterSentV1, first, MINISTRY))
    await service.http.post(f"{path}/take-back")
    again, _ = await acted(service, key="another", letter=a_letter(body="I thought about it."))
    (row,) = await service.rows(select(Action).where(Action.id == again))
    assert row.repeat_of == first


async def test_another_receipt_of_the_same_sender_takes_nothing_back_of_the_first(service: ActionsService) -> None:
    """Anybody can write somebody's name and address into a form."""
    await acted(service)
    _, path = await acted(service, key="another", letter=a_letter(body="I claim to be the same."))
    receipt = (await service.http.get(f"/api/v1{path}")).json()
    assert receipt["action"]["status"] == "accepted"
    assert not receipt["action"]["can_be_taken_back"]
    assert "/take-back" not in (await service.http.get(path)).text


async def test_a_hidden_address_is_told_once_and_shown_as_hidden(service: ActionsService) -> None:
    action_id, path = await acted(service, hide_email=False)
    assert (await service.http.get(f"/api/v1{path}")).json()["action"]["address_can_be_hidden"]
    for _ in range(2):
        assert (await service.http.post(f"{path}/hide-address")).status_code == 303
    (event,) = await told(service, AddressHiddenV1)
    assert event.action_id == action_id
    page = (await service.http.get(path)).text
    assert "Your address is hidden" in page
    assert "/hide-address" not in page


async def test_programs_get_the_receipt_back(service: ActionsService) -> None:
    _, path = await acted(service, hide_email=False)
    hidden = await service.http.post(f"/api/v1{path}/hide-address")
    assert (hidden.status_code, hidden.json()["action"]["address_can_be_hidden"]) == (200, False)
    taken = await service.http.post(f"/api/v1{path}/take-back")
    assert (taken.status_code, taken.json()["action"]["status"]) == (200, "cancelled")
    assert "no-store" in taken.headers["cache-control"]


@pytest.mark.parametrize("what", ["take-back", "hide-address"])
@pytest.mark.parametrize("token", [NOBODYS, "short", "x" * 32 + "'"])
async def test_without_a_receipt_nothing_is_taken_back(service: ActionsService, what: str, token: str) -> None:
    await acted(service)
    for answer in (
        await service.http.post(f"/receipts/{token}/{what}"),
        await service.http.post(f"/api/v1/receipts/{token}/{what}"),
    ):
        assert answer.status_code == 404
        assert answer.json()["type"].endswith("/unknown-receipt")
    assert await told(service, ActionCancelledV1) == []
    assert await told(service, AddressHiddenV1) == []


@pytest.mark.parametrize("language", ["es", "ar"])
async def test_the_buttons_keep_the_language_of_the_receipt(service: ActionsService, language: str) -> None:
    _, path = await acted(service)
    page = (await service.http.get(f"/{language}{path}")).text
    assert f'action="/{language}{path}/take-back"' in page
    answer = await service.http.post(f"/{language}{path}/take-back")
    assert answer.headers["location"] == f"/{language}{path}"
