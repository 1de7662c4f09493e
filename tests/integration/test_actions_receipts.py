"""The receipt tells the truth about each letter, whatever order reports come in."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlmodel import func, select

from services.actions.handlers import subscriptions
from services.actions.settings import ActionsSettings
from services.actions.tables import LetterReport
from services.actions.wiring import build
from shared.bus import Halt
from shared.messages.cases import Channel
from shared.messages.delivery import (
    ActionsRegisteredV1,
    AnswerReceivedV1,
    FailureReason,
    LetterBouncedV1,
    LetterCancelledV1,
    LetterEvent,
    LetterFailedV1,
    LetterPrintedV1,
    LetterSentV1,
    LetterUncertainV1,
    NewsUndeliverableV1,
    TargetForecastV1,
    letter_id,
)
from tests.support.actions_app import ActionsService, actions_service, opened
from tests.support.actions_receipts import acted, report
from tests.support.actions_requests import a_letter
from tests.support.events import CASE_ID, EMBASSY, MINISTRY, NOW, a_closed_case, a_published_case


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[ActionsService]:
    async with actions_service(database_url) as service:
        yield service


async def letters(service: ActionsService, path: str) -> dict[str, dict[str, Any]]:
    answer = await service.http.get(f"/api/v1{path}")
    assert answer.status_code == 200
    return {letter["target"]["name"]: letter for letter in answer.json()["letters"]}


async def test_before_any_report_letters_wait_in_line(service: ActionsService) -> None:
    action_id, path = await acted(service)
    receipt = (await service.http.get(f"/api/v1{path}")).json()
    assert receipt["action"]["id"] == str(action_id)
    assert (receipt["action"]["case"], receipt["action"]["channel"]) == ("a-test-case", "email")
    assert receipt["action"]["status"] == "accepted"
    assert [letter["state"] for letter in receipt["letters"]] == ["queued", "queued"]
    [step] = receipt["letters"][0]["history"]
    assert step == {"state": "queued", "at": receipt["action"]["accepted_at"]}
    assert receipt["letters"][0]["id"] == str(letter_id(action_id, MINISTRY.id, Channel.EMAIL))


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_what_happened_last_counts_and_not_what_was_heard_last(
    service: ActionsService, order: tuple[int, ...]
) -> None:
    action_id, path = await acted(service)
    story = [
        report(LetterUncertainV1, action_id, MINISTRY, 1),
        report(LetterSentV1, action_id, MINISTRY, 2),
        report(LetterBouncedV1, action_id, MINISTRY, 3, code=550),
    ]
    for number in order:
        await service.tell(story[number])
    ministry = (await letters(service, path))["Ministry of Examples"]
    assert ministry["state"] == "bounced"
    assert [step["state"] for step in ministry["history"]] == ["queued", "uncertain", "sent", "bounced"]


async def test_a_report_heard_twice_is_one(service: ActionsService) -> None:
    action_id, path = await acted(service)
    sent = report(LetterSentV1, action_id, MINISTRY, 1)
    await service.tell(sent, sent)
    await service.tell(sent, report(LetterSentV1, action_id, EMBASSY, 2))
    assert [letter["state"] for letter in (await letters(service, path)).values()] == ["sent", "sent"]
    assert await service.rows(select(func.count()).select_from(LetterReport)) == [2]


async def test_a_report_on_an_action_not_ours_is_kept_and_shown_to_nobody(service: ActionsService) -> None:
    action_id, path = await acted(service)
    await service.tell(report(LetterSentV1, CASE_ID, MINISTRY, 1))
    assert {letter["state"] for letter in (await letters(service, path)).values()} == {"queued"}
    assert action_id != CASE_ID


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [
        (LetterSentV1, {}, "Their mail server took it"),
        (LetterUncertainV1, {}, "It may have arrived, or not."),
        (LetterBouncedV1, {"code": 550}, "refused it for good.\nIt did not arrive."),
        (LetterFailedV1, {"reason": FailureReason.EXPIRED}, "stopped trying"),
        (LetterPrintedV1, {}, "It is on paper"),
        (LetterCancelledV1, {"reason": "operator"}, "It was stopped before it went out.\nIt did not arrive."),
    ],
)
async def test_the_page_says_what_happened_in_words(
    service: ActionsService, kind: type[LetterEvent], more: dict[str, Any], words: str
) -> None:
    action_id, path = await acted(service, targets=[str(MINISTRY.id)])
    await service.tell(report(kind, action_id, MINISTRY, 5, **more))
    assert words in (await service.http.get(path)).text


async def test_a_refused_letter_shows_where_to_write_oneself(service: ActionsService) -> None:
    action_id, path = await acted(service, targets=[str(MINISTRY.id)])
    assert "minister@ministry.example" not in (await service.http.get(path)).text
    await service.tell(report(LetterBouncedV1, action_id, MINISTRY, 1))
    page = (await service.http.get(path)).text
    assert "mailto:minister@ministry.example" in page
    assert "1 Example Street" in page


async def test_an_answer_is_told_after_the_letter_that_it_answers(service: ActionsService) -> None:
    action_id, path = await acted(service, hide_email=True)
    sent = report(LetterSentV1, action_id, MINISTRY, 1)
    about = {"action_id": action_id, "case_id": CASE_ID, "case_slug": "a-test-case", "letter_id": sent.letter_id}
    answered = AnswerReceivedV1(
        answer_id=CASE_ID, target_id=MINISTRY.id, received_at=NOW + timedelta(minutes=9), **about
    )
    await service.tell(sent, answered)
    await service.tell(answered)
    (letter, _) = (await service.http.get(f"/api/v1{path}")).json()["letters"]
    assert [step["state"] for step in letter["history"]] == ["queued", "sent", "answered"]
    assert "They answered:" in (await service.http.get(path)).text


async def test_a_letter_stopped_by_withdrawal_says_so(service: ActionsService) -> None:
    action_id, path = await acted(service)
    await service.tell(a_closed_case(), report(LetterCancelledV1, action_id, MINISTRY, 1, reason="withdrawn"))
    assert "because the case was withdrawn" in (await service.http.get(path)).text


async def test_a_letter_given_up_after_silence_is_not_said_to_be_lost(service: ActionsService) -> None:
    action_id, path = await acted(service, targets=[str(MINISTRY.id)])
    await service.tell(
        report(LetterUncertainV1, action_id, MINISTRY, 1),
        report(LetterFailedV1, action_id, MINISTRY, 2, reason=FailureReason.UNKNOWN_OUTCOME),
    )
    page = (await service.http.get(path)).text
    assert "it may still have arrived" in page
    assert "did not arrive" not in page


async def test_a_target_the_case_dropped_is_still_named(service: ActionsService) -> None:
    _, path = await acted(service)
    await service.tell(a_published_case(revision=2, targets=(EMBASSY,)))
    assert set(await letters(service, path)) == {"Ministry of Examples", "Embassy of Examples"}


async def test_the_page_is_for_its_owner_alone(service: ActionsService) -> None:
    _, path = await acted(service)
    for answer in (await service.http.get(path), await service.http.get(f"/api/v1{path}")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex"
    page = await service.http.get(path)
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "supporter@mail.example" not in page.text
    assert "A Supporter" not in page.text


async def test_own_words_are_shown_and_never_run(service: ActionsService) -> None:
    _, path = await acted(service, letter=a_letter(subject="<b>Act</b>", body="<script>alert(1)</script>\n\nyours"))
    page = (await service.http.get(path)).text
    assert "&lt;b&gt;Act&lt;/b&gt;" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\n\nyours" in page


async def test_the_page_looks_again_only_while_something_is_to_come(service: ActionsService) -> None:
    action_id, path = await acted(service, targets=[str(MINISTRY.id)])
    waiting = (await service.http.get(path)).text
    assert "receipt.js" in waiting
    assert '<noscript><meta http-equiv="refresh"' in waiting
    await service.tell(report(LetterSentV1, action_id, MINISTRY, 1))
    done = (await service.http.get(path)).text
    assert "receipt.js" not in done
    assert "http-equiv" not in done


@pytest.mark.parametrize("token", ["x", "0" * 32, "A" * 31, "%2e%2e", "' OR 1=1 --", "\u0665" * 32])
async def test_an_unknown_token_is_not_found(service: ActionsService, token: str) -> None:
    answer = await service.http.get(f"/api/v1/receipts/{token}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    page = await service.http.get(f"/receipts/{token}", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")


async def test_a_database_that_is_away_halts_the_queue_and_loses_nothing() -> None:
    unreachable = "postgresql+asyncpg://nobody:nothing@127.0.0.1:1/none"
    wiring = build(ActionsSettings(database_url=unreachable))
    try:
        registered = ActionsRegisteredV1(action_ids=(CASE_ID,), registered_at=NOW)
        answered = AnswerReceivedV1(
            answer_id=CASE_ID,
            letter_id=CASE_ID,
            action_id=CASE_ID,
            case_id=CASE_ID,
            case_slug="a-test-case",
            target_id=MINISTRY.id,
            received_at=NOW,
        )
        foreseen = TargetForecastV1(target_id=MINISTRY.id, noticed_at=NOW)
        sent = report(LetterSentV1, CASE_ID, MINISTRY, 1)
        given_up = NewsUndeliverableV1(reader_id=CASE_ID, action_id=CASE_ID, noticed_at=NOW)
        events = (a_published_case(), sent, registered, answered, foreseen, given_up)
        for subscription, event in zip(subscriptions(wiring), events, strict=True):
            with pytest.raises(Halt):
                await subscription.handle([opened(event)])
    finally:
        await wiring.close()
