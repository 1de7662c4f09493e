"""Where a campaign verifies mailboxes: what waits, what confirms, what expires, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlmodel import col, select

from services.actions.tables import Action, Outbox
from shared.clock import ManualClock
from shared.messages.actions import ActionAcceptedV1, ActionAwaitsVerificationV1, VerificationRequestedV1
from shared.messages.cases import CasePublishedV1, ClosedReason, Protection, Verification
from shared.messages.envelope import Event
from shared.messages.registry import read
from tests.support.actions_app import SITE, ActionsService, actions_service
from tests.support.actions_requests import a_form, a_supporter, an_action, another_supporter
from tests.support.events import EMBASSY, MINISTRY, NOW, a_closed_case, a_published_case

AT_ONCE = 10
DAY = timedelta(days=1)


def a_verifying_case(**changes: Any) -> CasePublishedV1:
    return a_published_case(protection=Protection(verification=Verification.BEFORE_DELIVERY), **changes)


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[ActionsService]:
    settings: dict[str, Any] = {"known_cases_seconds": 0}
    async with actions_service(database_url, clock=ManualClock(NOW), knows_case=False, **settings) as service:
        await service.tell(a_verifying_case())
        yield service


def advance(service: ActionsService, by: timedelta) -> None:
    clock: ManualClock = service.wiring.clock  # type: ignore[assignment]
    clock.advance(by)


async def events(service: ActionsService, kind: type[Event]) -> list[Any]:
    rows = await service.rows(select(Outbox).where(Outbox.type == kind.wire_type).order_by(col(Outbox.created_at)))
    return [read(row.body).data for row in rows]


async def mails(service: ActionsService) -> list[VerificationRequestedV1]:
    return await events(service, VerificationRequestedV1)


async def newest_link(service: ActionsService) -> str:
    return max(await mails(service), key=lambda mail: (mail.requested_at, mail.number)).confirm_url


async def accepted(service: ActionsService) -> list[ActionAcceptedV1]:
    return await events(service, ActionAcceptedV1)


async def receipt_of(service: ActionsService, answer: httpx.Response) -> Any:
    return (await service.http.get("/api/v1/receipts/" + answer.json()["receipt"].rsplit("/", 1)[-1])).json()


async def status_of(service: ActionsService, answer: httpx.Response) -> str:
    return str((await receipt_of(service, answer))["action"]["status"])


async def test_an_action_waits_and_a_mail_is_asked_for(service: ActionsService) -> None:
    answer = await service.post(an_action(source={"partner": "another-ngo"}))
    assert answer.status_code == 202
    assert await accepted(service) == [], "delivery must not hear of it"
    (waits,) = await events(service, ActionAwaitsVerificationV1)
    assert (str(waits.action_id), waits.country, waits.partner) == (answer.json()["id"], "DE", "another-ngo")
    assert not {"supporter", "letter", "mailbox", "name"} & set(type(waits).model_fields)
    (mail,) = await mails(service)
    assert (mail.number, mail.mailbox, mail.expires_at) == (1, "supporter@mail.example", NOW + timedelta(hours=72))
    assert mail.confirm_url.startswith(f"{SITE}/verify/")
    receipt = await receipt_of(service, answer)
    assert (receipt["action"]["status"], receipt["letters"]) == ("awaiting_verification", [])


async def test_the_same_key_again_asks_for_no_second_mail(service: ActionsService) -> None:
    answers = [await service.post(an_action()) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert len(await mails(service)) == 1


async def test_looking_at_the_link_confirms_nothing(service: ActionsService) -> None:
    answer = await service.post(an_action())
    link = await newest_link(service)
    for method in ("GET", "HEAD", "GET"):
        page = await service.http.request(method, link)
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-robots-tag"] == "noindex"
        assert page.headers["referrer-policy"] == "no-referrer"
    assert "A test case" in page.text
    assert "Please act" in page.text
    assert await status_of(service, answer) == "awaiting_verification"
    assert await accepted(service) == []


async def test_the_button_confirms_and_leads_to_the_receipt(service: ActionsService) -> None:
    answer = await service.post(an_action(hide_email=True, source={"partner": "another-ngo"}))
    advance(service, timedelta(hours=1))
    confirmed = await service.http.post(await newest_link(service))
    assert confirmed.status_code == 303
    assert SITE + confirmed.headers["location"] == answer.json()["receipt"]
    (event,) = await accepted(service)
    assert event.targets == (MINISTRY, EMBASSY)
    assert (event.accepted_at, event.verified_at) == (NOW, NOW + timedelta(hours=1))
    assert (event.supporter.name, event.supporter.email, event.partner) == ("A Supporter", None, "another-ngo")
    assert (event.case_title, event.letter.subject) == ("A test case", "Please act")
    receipt = await receipt_of(service, answer)
    assert receipt["action"]["status"] == "accepted"
    assert {letter["state"] for letter in receipt["letters"]} == {"queued"}
    told = {step["at"] for letter in receipt["letters"] for step in letter["history"]}
    assert told == {(NOW + timedelta(hours=1)).isoformat()}, "nothing joined the line before"


async def test_confirming_twice_or_twenty_times_at_once_is_one_letter(service: ActionsService) -> None:
    await service.post(an_action())
    link = await newest_link(service)
    answers = await asyncio.gather(*(service.http.post(link) for _ in range(AT_ONCE)))
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert len(await accepted(service)) == 1
    assert "confirmed" in (await service.http.get(link)).text


async def test_a_link_nobody_sent_is_unknown(service: ActionsService) -> None:
    answer = await service.post(an_action())
    receipt_token = answer.json()["receipt"].rsplit("/", 1)[-1]
    for token in ("x", "x" * 32, receipt_token, "asked%00"):
        assert (await service.http.get(f"/verify/{token}")).status_code == 404
        assert (await service.http.post(f"/verify/{token}")).status_code == 404
    assert await accepted(service) == []


async def test_the_receipt_does_not_tell_the_link(service: ActionsService) -> None:
    answer = await service.post(an_action())
    token = (await newest_link(service)).rsplit("/", 1)[-1]
    page = await service.http.get(answer.json()["receipt"])
    assert token not in page.text
    assert "the address you gave" in page.text
    assert "supporter@mail.example" not in page.text


async def test_nobody_keeps_another_from_writing(service: ActionsService) -> None:
    """Whoever typed a victim's name and address, and cannot confirm, does not hold their one letter."""
    await service.post(an_action(), key="an impostor")
    own = await service.post(an_action(), key="the victim")
    await service.http.post(await newest_link_of(service, own))
    assert [str(event.action_id) for event in await accepted(service)] == [own.json()["id"]]


async def newest_link_of(service: ActionsService, answer: httpx.Response) -> str:
    own = [mail for mail in await mails(service) if str(mail.action_id) == answer.json()["id"]]
    return max(own, key=lambda mail: mail.number).confirm_url


async def test_a_second_confirmed_action_of_one_sender_leads_to_the_first_letter(service: ActionsService) -> None:
    answers = [await service.post(an_action(), key=f"key {number}") for number in range(2)]
    for answer in answers:
        assert (await service.http.post(await newest_link_of(service, answer))).status_code == 303
    assert len(await accepted(service)) == 1
    receipts = [await receipt_of(service, answer) for answer in answers]
    assert receipts[0]["letters"] == receipts[1]["letters"]


async def test_a_second_action_writes_to_the_targets_that_are_left(service: ActionsService) -> None:
    one = await service.post(an_action(targets=[str(MINISTRY.id)]), key="one")
    both = await service.post(an_action(), key="both")
    for answer in (one, both):
        await service.http.post(await newest_link_of(service, answer))
    assert [event.targets for event in await accepted(service)] == [(MINISTRY,), (EMBASSY,)]


async def test_actions_of_one_sender_confirmed_at_once_make_one_letter(service: ActionsService) -> None:
    answers = [await service.post(an_action(), key=f"key {number}") for number in range(3)]
    links = [await newest_link_of(service, answer) for answer in answers]
    confirmed = await asyncio.gather(*(service.http.post(link) for link in links))
    assert {answer.status_code for answer in confirmed} == {303}
    assert len(await accepted(service)) == 1
    actions: list[Action] = list(await service.rows(select(Action)))
    assert sum(action.sender_key is not None for action in actions) == 1
    assert all(action.verified_at for action in actions)


async def test_a_repeat_of_an_action_kept_before_verification_was_asked_for(service: ActionsService) -> None:
    await service.tell(a_published_case(revision=2))
    await service.post(an_action(), key="before")
    await service.tell(a_verifying_case(revision=3))
    later = await service.post(an_action(), key="after")
    await service.http.post(await newest_link_of(service, later))
    assert len(await accepted(service)) == 1


async def test_an_expired_link_confirms_nothing_and_offers_a_new_one(service: ActionsService) -> None:
    answer = await service.post(an_action())
    old = await newest_link(service)
    advance(service, timedelta(hours=72))
    assert (await service.http.post(old)).status_code == 410
    page = await service.http.get(old)
    assert page.status_code == 410
    assert "new link" in page.text
    assert await status_of(service, answer) == "expired"
    assert await accepted(service) == []
    await service.http.post(old + "/resend")
    assert (await service.http.post(old)).status_code == 404, "an old mail, found by somebody, stays worthless"
    assert await status_of(service, answer) == "awaiting_verification"
    assert (await service.http.post(await newest_link(service))).status_code == 303
    assert len(await accepted(service)) == 1


async def test_mails_are_few_and_far_between_and_the_answer_is_always_the_same(service: ActionsService) -> None:
    receipt = (await service.post(an_action())).json()["receipt"]
    link = await newest_link(service)
    heard = [await service.http.post("/verify/" + "x" * 32 + "/resend")]
    heard.append(await service.http.post(receipt + "/resend"))
    assert len(await mails(service)) == 1, "too soon"
    for number in range(4):
        advance(service, timedelta(minutes=5))
        heard.append(await service.http.post((link if number % 2 else receipt) + "/resend"))
    assert [mail.number for mail in await mails(service)] == [1, 2, 3]
    await service.http.post(link)
    heard.append(await service.http.post(receipt + "/resend"))
    assert {(answer.status_code, answer.headers["location"]) for answer in heard} == {(303, "/verify/asked")}
    assert "at most 3" in (await service.http.get("/verify/asked")).text


async def test_a_later_mail_has_the_same_link_and_more_time(service: ActionsService) -> None:
    await service.post(an_action())
    advance(service, timedelta(hours=1))
    await service.http.post(await newest_link(service) + "/resend")
    first, second = await mails(service)
    assert first.confirm_url == second.confirm_url
    assert second.expires_at == first.expires_at + timedelta(hours=1)


async def test_who_has_not_confirmed_is_reminded_after_a_day_and_once(service: ActionsService) -> None:
    await service.post(an_action())
    confirmed = await service.post(an_action(supporter=another_supporter(1)), key="confirmed")
    await service.http.post(await newest_link_of(service, confirmed))
    remind = service.wiring.asking_again.remind
    advance(service, DAY - timedelta(minutes=1))
    await remind()
    assert len(await mails(service)) == 2
    advance(service, timedelta(minutes=1))
    await asyncio.gather(*(remind() for _ in range(3)))
    assert sorted(mail.number for mail in await mails(service)) == [1, 1, 2]
    advance(service, DAY)
    await remind()
    assert len(await mails(service)) == 3


async def test_the_reminder_is_not_one_of_those_that_may_be_asked_for(service: ActionsService) -> None:
    await service.post(an_action())
    advance(service, DAY)
    await service.wiring.asking_again.remind()
    for _ in range(4):
        advance(service, timedelta(minutes=5))
        await service.http.post(await newest_link(service) + "/resend")
    assert [mail.number for mail in await mails(service)] == [1, 2, 3, 4]


async def test_who_came_too_late_is_not_reminded(service: ActionsService) -> None:
    await service.post(an_action())
    advance(service, timedelta(hours=73))
    await service.wiring.asking_again.remind()
    assert len(await mails(service)) == 1


async def test_a_link_lasts_no_longer_than_the_case_takes_letters(service: ActionsService) -> None:
    await service.tell(a_verifying_case(revision=2, closes_at=NOW + timedelta(hours=2)))
    await service.post(an_action())
    (mail,) = await mails(service)
    assert mail.expires_at == NOW + timedelta(hours=2)
    advance(service, timedelta(hours=2))
    assert (await service.http.post(mail.confirm_url)).status_code == 410
    await service.http.post(mail.confirm_url + "/resend")
    assert len(await mails(service)) == 1, "there is nothing left to confirm for"


async def test_a_withdrawn_case_is_not_confirmed_nor_named(service: ActionsService) -> None:
    answer = await service.post(an_action())
    link = await newest_link(service)
    await service.tell(a_closed_case())
    assert (await service.http.post(link)).status_code == 410
    page = await service.http.get(link)
    assert "withdrawn" in page.text
    assert "A test case" not in page.text
    advance(service, timedelta(hours=1))
    await service.http.post(answer.json()["receipt"] + "/resend")
    assert len(await mails(service)) == 1
    assert await accepted(service) == []


async def test_what_was_written_before_a_case_was_won_is_confirmed_all_the_same(service: ActionsService) -> None:
    await service.post(an_action())
    await service.tell(a_closed_case(reason=ClosedReason.WON))
    assert (await service.http.post(await newest_link(service))).status_code == 303
    assert len(await accepted(service)) == 1


async def test_the_form_leads_to_a_receipt_that_waits(service: ActionsService) -> None:
    answer = await service.http.post("/actions", data=a_form())
    assert answer.status_code == 303
    page = await service.http.get(answer.headers["location"])
    assert "look at your mail" in page.text


async def test_batches_hold_actions_of_both_kinds(service: ActionsService) -> None:
    await service.tell(a_published_case(case_id=UUID(int=7), slug="another-case"))
    posts = [
        service.post(an_action(case=case, supporter=a_supporter(name=f"Person {number}")), key=f"{case} {number}")
        for number in range(AT_ONCE)
        for case in ("a-test-case", "another-case")
    ]
    assert {answer.status_code for answer in await asyncio.gather(*posts)} == {202}
    assert len(await mails(service)) == AT_ONCE
    assert {event.case_slug for event in await accepted(service)} == {"another-case"}
    assert len(await accepted(service)) == AT_ONCE
