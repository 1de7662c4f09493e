"""Accepting an action, from the request to the disk, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlmodel import col, func, select

from services.actions.entries import make_entry
from services.actions.schemas import ACTION_REQUEST
from services.actions.tables import Action, Outbox
from shared.messages.actions import ActionAcceptedV1
from shared.messages.cases import Channel, ClosedReason
from shared.messages.envelope import derived_id
from shared.messages.registry import read
from tests.support.actions_app import SITE, ActionsService, actions_service
from tests.support.actions_requests import a_letter, a_supporter, an_action, an_action_by
from tests.support.events import EMBASSY, MINISTRY, NOW, a_closed_case, a_published_case

COUNT = 50


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[ActionsService]:
    async with actions_service(database_url) as service:
        yield service


async def events_of(service: ActionsService) -> list[Any]:
    return [read(row.body).data for row in await service.rows(select(Outbox).order_by(col(Outbox.created_at)))]


async def count(service: ActionsService, table: type[Any]) -> int:
    return int((await service.rows(select(func.count()).select_from(table)))[0])


async def test_an_action_is_kept_with_its_event(service: ActionsService) -> None:
    letter = a_letter(subject="عرض حال", body="محترم وزیر،\n\nبراہِ کرم", language="ur")
    answer = await service.post(an_action(letter=letter, source={"partner": "good-ngo", "utm_source": "mail"}))
    assert answer.status_code == 202
    assert answer.json()["status"] == "accepted"
    assert answer.headers["location"] == answer.json()["receipt"]
    [action] = await service.rows(select(Action))
    assert answer.json() == {
        "id": str(action.id),
        "status": "accepted",
        "receipt": f"{SITE}/receipts/{action.token}",
    }
    assert (action.letter_subject, action.letter_body) == ("عرض حال", "محترم وزیر،\n\nبراہِ کرم")
    [event] = await events_of(service)
    assert isinstance(event, ActionAcceptedV1)
    assert event.action_id == action.id
    assert event.partner == "good-ngo"
    assert event.targets == (MINISTRY, EMBASSY)
    assert (event.case_title, event.campaign_name, event.channel) == ("A test case", "Write for Rights", Channel.EMAIL)
    assert event.letter.body == "محترم وزیر،\n\nبراہِ کرم"
    assert event.supporter.email == "supporter@mail.example"


async def test_a_hidden_address_does_not_travel(service: ActionsService) -> None:
    await service.post(an_action(hide_email=True))
    [event] = await events_of(service)
    assert event.supporter.email is None
    [action] = await service.rows(select(Action))
    assert action.supporter_email == "supporter@mail.example"


async def test_the_same_key_and_body_get_the_same_answer(service: ActionsService) -> None:
    first, again = await service.post(an_action()), await service.post(an_action())
    assert (first.status_code, first.content, first.headers) == (again.status_code, again.content, again.headers)
    assert await count(service, Action) == await count(service, Outbox) == 1


async def test_the_same_key_with_another_body_is_refused(service: ActionsService) -> None:
    await service.post(an_action())
    again = await service.post(an_action(supporter=a_supporter(name="Another")))
    assert again.status_code == 422
    assert again.json()["type"].endswith("/idempotency-key-reused")
    assert await count(service, Action) == 1


async def test_fifty_at_once_with_one_key_are_one_action(service: ActionsService) -> None:
    answers = await asyncio.gather(*(service.post(an_action()) for _ in range(COUNT)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert await count(service, Action) == await count(service, Outbox) == 1


async def test_fifty_at_once_with_one_key_and_two_bodies_are_one_action(service: ActionsService) -> None:
    answers = await asyncio.gather(*(service.post(an_action(opt_in=number % 2 == 0)) for number in range(COUNT)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [202] * (COUNT // 2) + [422] * (COUNT // 2)
    assert await count(service, Action) == 1


async def test_fifty_at_once_with_fifty_keys_are_fifty_actions(service: ActionsService) -> None:
    posts = (service.post(an_action_by(n), key=f"key-{n}") for n in range(COUNT))
    answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["receipt"] for answer in answers}) == COUNT
    assert await count(service, Action) == await count(service, Outbox) == COUNT
    metrics = (await service.http.get("/metrics")).text
    assert f'actions_accepted_total{{channel="email"}} {float(COUNT)}' in metrics
    assert "actions_commit_rows_count" in metrics
    assert "actions_intake_queue_depth 0.0" in metrics


async def test_two_processes_with_the_same_keys_keep_each_once(database_url: str) -> None:
    async with actions_service(database_url) as one, actions_service(database_url) as two:
        pairs = [(one, two)[number % 2].post(an_action(), key=f"key-{number // 2}") for number in range(COUNT)]
        answers = await asyncio.gather(*pairs)
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.content for answer in answers}) == COUNT // 2
        assert await count(one, Action) == COUNT // 2


async def test_a_repeat_after_the_case_closed_still_gets_its_receipt(service: ActionsService) -> None:
    first = await service.post(an_action())
    await service.tell(a_closed_case(reason=ClosedReason.WITHDRAWN))
    service.wiring.cases.forget()
    assert (await service.post(an_action())).content == first.content
    assert (await service.post(an_action(opt_in=True))).status_code == 422
    assert (await service.post(an_action(), key="a-new-key")).status_code == 410


async def test_a_row_the_database_cannot_take_harms_no_other(database_url: str) -> None:
    """PostgreSQL takes no NUL in a text. Requests are checked for it; this one is smuggled past the check."""
    if not database_url.startswith("postgresql"):
        pytest.skip("SQLite takes any text")
    async with actions_service(database_url) as service:
        case = a_published_case()
        wishes = [ACTION_REQUEST.validate_python(an_action_by(n)) for n in range(10)]
        entries = [
            make_entry(wish, derived_id("action", "test", n), "hash", f"token-{n}", case, case.targets, NOW)
            for n, wish in enumerate(wishes)
        ]
        entries[4].row["letter_body"] = "\0"  # type: ignore[index]
        puts = (service.wiring.commit.put(entry, 5) for entry in entries)
        answers = await asyncio.gather(*puts, return_exceptions=True)
        assert [number for number, answer in enumerate(answers) if isinstance(answer, Exception)] == [4]
        assert await count(service, Action) == await count(service, Outbox) == 9
