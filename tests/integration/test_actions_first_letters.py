"""One letter from each sender to each target of a case, whatever they press, on both databases."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, func, select

from services.actions.tables import Action, Outbox
from shared.clock import ManualClock
from shared.messages.actions import ActionAcceptedV1
from shared.messages.cases import Target
from shared.messages.delivery import letter_id
from shared.messages.registry import read
from tests.support.actions_app import ActionsService, actions_service
from tests.support.actions_requests import a_letter, a_supporter, an_action
from tests.support.events import EMBASSY, MINISTRY, NOW, a_sent_letter

AGAIN = an_action(letter=a_letter(body="Dear Minister,\n\nI ask you once more."))
AT_ONCE = 20


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[ActionsService]:
    async with actions_service(database_url, clock=ManualClock(NOW)) as service:
        yield service


async def letters_announced(service: ActionsService) -> list[Target]:
    rows = await service.rows(select(Outbox).order_by(col(Outbox.created_at)))
    events: list[ActionAcceptedV1] = [read(row.body).data for row in rows]
    return [target for event in events for target in event.targets]


async def count_actions(service: ActionsService) -> int:
    return int((await service.rows(select(func.count()).select_from(Action)))[0])


async def receipt_of(service: ActionsService, answer: Any) -> Any:
    return (await service.http.get("/api/v1/receipts/" + answer.json()["receipt"].rsplit("/", 1)[-1])).json()


def letter_ids(receipt: Any) -> Sequence[UUID]:
    return [UUID(letter["id"]) for letter in receipt["letters"]]


async def test_a_second_letter_is_answered_like_the_first_and_not_sent(service: ActionsService) -> None:
    first = await service.post(an_action(), key="one")
    again = await service.post(AGAIN, key="two")
    assert (first.status_code, first.headers.keys()) == (again.status_code, again.headers.keys())
    assert first.json().keys() == again.json().keys()
    assert first.json()["receipt"] != again.json()["receipt"]
    assert await letters_announced(service) == [MINISTRY, EMBASSY]
    assert await count_actions(service) == 2, "both are kept"


async def test_the_second_receipt_leads_to_the_first_letter_and_keeps_its_own_words(service: ActionsService) -> None:
    first, again = await service.post(an_action(), key="one"), await service.post(AGAIN, key="two")
    receipts = [await receipt_of(service, answer) for answer in (first, again)]
    assert letter_ids(receipts[0]) == letter_ids(receipts[1])
    page = await service.http.get(again.json()["receipt"])
    assert "I ask you once more." in page.text
    assert "please act." not in page.text, "whoever only claims to be the sender learns nothing of what they wrote"


async def test_the_second_receipt_tells_nothing_as_older_than_itself(service: ActionsService) -> None:
    first = await service.post(an_action(), key="one")
    action_id = UUID(first.json()["id"])
    sent = a_sent_letter(action_id=action_id, letter_id=letter_id(action_id, MINISTRY.id, a_sent_letter().channel))
    await service.tell(sent.model_copy(update={"occurred_at": NOW + timedelta(minutes=1)}))
    clock: ManualClock = service.wiring.clock  # type: ignore[assignment]
    clock.advance(timedelta(days=3))
    again = await receipt_of(service, await service.post(AGAIN, key="two"))
    assert [letter["state"] for letter in again["letters"]] == ["sent", "queued"]
    told = {step["at"] for letter in again["letters"] for step in letter["history"]}
    assert told == {(NOW + timedelta(days=3)).isoformat()}


async def test_a_repeat_of_the_second_key_gets_the_second_receipt(service: ActionsService) -> None:
    await service.post(an_action(), key="one")
    answers = [await service.post(AGAIN, key="two") for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert (await service.post(an_action(), key="two")).status_code == 422
    assert await count_actions(service) == 2


async def test_another_spelling_of_the_address_is_the_same_sender(service: ActionsService) -> None:
    await service.post(an_action(), key="one")
    await service.post(an_action(supporter=a_supporter(email="Supporter+again@mail.example")), key="two")
    assert await letters_announced(service) == [MINISTRY, EMBASSY]


async def test_two_people_with_one_mailbox_both_write(service: ActionsService) -> None:
    await service.post(an_action(), key="one")
    await service.post(an_action(supporter=a_supporter(name="Another Person")), key="two")
    assert await letters_announced(service) == [MINISTRY, EMBASSY, MINISTRY, EMBASSY]


async def test_a_target_not_written_to_yet_gets_its_letter(service: ActionsService) -> None:
    first = await service.post(an_action(targets=[str(MINISTRY.id)]), key="one")
    both = await service.post(an_action(), key="two")
    third = await service.post(AGAIN, key="three")
    assert await letters_announced(service) == [MINISTRY, EMBASSY]
    ids = [letter_ids(await receipt_of(service, answer)) for answer in (first, both, third)]
    assert ids[0] == ids[1][:1]
    assert ids[1] == ids[2]


async def test_many_at_once_from_one_sender_are_one_letter(service: ActionsService) -> None:
    answers = await asyncio.gather(*(service.post(an_action(), key=f"key-{n}") for n in range(AT_ONCE)))
    assert {answer.status_code for answer in answers} == {202}
    assert await letters_announced(service) == [MINISTRY, EMBASSY]
    assert await count_actions(service) == AT_ONCE


async def test_two_processes_at_once_send_one_letter(database_url: str) -> None:
    async with actions_service(database_url) as one, actions_service(database_url) as two:
        answers = [(one, two)[n % 2].post(an_action(), key=f"key-{n}") for n in range(AT_ONCE)]
        assert {answer.status_code for answer in await asyncio.gather(*answers)} == {202}
        assert await letters_announced(one) == [MINISTRY, EMBASSY]


async def test_whether_a_letter_was_edited_is_kept(service: ActionsService) -> None:
    await service.post(an_action(), key="one")
    await service.post(an_action(supporter=a_supporter(name="B"), letter=a_letter(body="My own words.")), key="two")
    edited = await service.rows(select(Action.edited).order_by(col(Action.supporter_name)))
    assert edited == [False, True]
