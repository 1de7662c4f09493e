"""News by mail: who is told of an update, once, and how they end it; on both databases."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlmodel import col, select, update

from services.actions.news_mail import TEXT_CHARACTERS_MAX, shorten
from services.actions.news_tables import News
from services.actions.tables import Action, Outbox
from services.actions.telling_news import NewsTeller
from shared.clock import ManualClock
from shared.messages.actions_news import NewsCalledOffV1, NewsRequestedV1, NewsStoppedV1
from shared.messages.cases import CasePublishedV1, Protection, Verification
from shared.messages.delivery import NewsUndeliverableV1
from shared.messages.envelope import Event
from shared.messages.registry import read
from tests.support.actions_app import SITE, ActionsService, actions_service
from tests.support.actions_rows import an_action_row, put_actions
from tests.support.events import CASE_ID, NOW, a_closed_case, a_published_case, an_update, uuid_of
from tests.support.staff_sessions import BEARER, STAFF_TOKEN, log_in

WAIT = timedelta(seconds=300)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[ActionsService]:
    settings: dict[str, Any] = {"known_cases_seconds": 0, "staff_token": STAFF_TOKEN}
    async with actions_service(database_url, clock=ManualClock(NOW), **settings) as service:
        yield service


async def opted_in(service: ActionsService, *changes: dict[str, Any]) -> None:
    before = NOW - timedelta(days=1)
    rows = [an_action_row(before + timedelta(seconds=place)) | one for place, one in enumerate(changes)]
    every = {name: None for row in rows for name in row}
    await put_actions(service.wiring, [every | {"opt_in": True} | row | {"opt_in": True} for row in rows])


async def tell(service: ActionsService, by: timedelta = WAIT) -> None:
    clock: ManualClock = service.wiring.clock  # type: ignore[assignment]
    clock.advance(by)
    await service.wiring.news_teller.tell()


async def events(service: ActionsService, kind: type[Event]) -> list[Any]:
    rows = await service.rows(select(Outbox).where(Outbox.type == kind.wire_type).order_by(col(Outbox.created_at)))
    return [read(row.body).data for row in rows]


async def mails(service: ActionsService) -> list[NewsRequestedV1]:
    return await events(service, NewsRequestedV1)


async def asked(service: ActionsService) -> list[str]:
    return sorted(mail.mailbox for mail in await mails(service))


def link_of(mail: NewsRequestedV1) -> str:
    """Without its language: as a mail program's own button uses it, whatever page it leads to."""
    return re.sub(r"^https://[^/]+(?:/[a-z]{2})?/unsubscribe/", "/unsubscribe/", mail.stop_url)


async def test_who_asked_for_it_is_told_once_in_their_language(service: ActionsService) -> None:
    await opted_in(
        service,
        {"supporter_email": "ana@mail.example", "supporter_name": "Ana", "letter_language": "es"},
        {"supporter_email": "Ana+news@mail.example", "letter_language": "en"},
        {"supporter_email": "back@mail.example", "cancelled_at": NOW},
        {"supporter_email": "robot@mail.example", "invalidation_id": uuid_of(1)},
        {"supporter_email": "asked@mail.example", "verify_token": "unanswered"},
        {"supporter_email": "after@mail.example", "accepted_at": NOW + timedelta(seconds=1)},
        {"supporter_email": "other@mail.example", "case_id": uuid_of(2)},
    )
    await put_actions(service.wiring, [an_action_row(supporter_email="untold@mail.example")])
    await service.tell(an_update(), an_update())
    await tell(service, WAIT - timedelta(seconds=1))
    assert await mails(service) == [], "somebody may yet see a mistake"
    await tell(service, timedelta(seconds=1))
    await tell(service)
    (mail,) = await mails(service)
    assert (mail.mailbox, mail.name, mail.title) == ("ana@mail.example", "Ana", "Un caso de prueba")
    assert (mail.text, mail.discreet, mail.asked_at) == ("Les trasladaron.", False, NOW - timedelta(days=1))
    assert mail.case_url == f"{SITE}/es/cases/a-test-case"
    await service.tell(an_update())
    await tell(service)
    assert len(await mails(service)) == 1, "an update that is heard of again is no news"
    (news,) = await service.rows(select(News))
    assert (news.state, news.asked) == ("told", 1)


async def test_many_are_told_in_batches_at_a_bounded_pace(service: ActionsService) -> None:
    """Whoever goes on finds what was reached in the row alone: each batch here is asked for by another worker."""
    people = [f"{number}@mail.example" for number in range(5)]
    await opted_in(service, *({"supporter_email": person, "accepted_at": NOW} for person in people))
    wiring = service.wiring
    await service.tell(an_update())
    clock: ManualClock = wiring.clock  # type: ignore[assignment]
    clock.advance(WAIT)
    counts = []
    for _ in range(4):
        rules = replace(wiring.news_rules, per_minute=24)
        teller = NewsTeller(wiring.database, wiring.outbox, clock, wiring.switches, rules, CollectorRegistry())
        await teller.tell()
        await teller.tell()
        counts.append(len(await mails(service)))
        clock.advance(timedelta(seconds=5))
    assert counts == [2, 4, 5, 5]
    assert await asked(service) == people


async def test_a_mail_programs_one_click_ends_all_news_and_looking_ends_none(service: ActionsService) -> None:
    await opted_in(service, {}, {"case_id": uuid_of(2), "supporter_email": "Supporter+two@mail.example"})
    await service.tell(an_update())
    await tell(service)
    (mail,) = await mails(service)
    link = link_of(mail)
    for method in ("HEAD", "GET"):
        looked = await service.http.request(method, link)
        assert (looked.status_code, looked.headers["referrer-policy"]) == (200, "no-referrer")
        assert "noindex" in looked.headers["x-robots-tag"]
    assert "test case" not in looked.text
    assert await events(service, NewsStoppedV1) == []
    for _ in range(2):
        ended = await service.http.post(link, data=ONE_CLICK)
        assert ended.status_code == 200
        assert "set-cookie" not in ended.headers
    (stopped,) = await events(service, NewsStoppedV1)
    assert stopped.reader_id == mail.reader_id, "so that delivery knows what not to send"
    later = [an_update(update_id=uuid_of(7)), an_update(update_id=uuid_of(8), case_id=uuid_of(2), slug="another")]
    await service.tell(a_published_case(case_id=uuid_of(2), slug="another"), *later)
    await opted_in(service, {"supporter_email": "supporter@mail.example"})
    await tell(service)
    assert len(await mails(service)) == 1, "a tick in a form is not enough any more"


async def test_the_link_lets_news_come_again(service: ActionsService) -> None:
    await opted_in(service, {})
    await service.tell(an_update())
    await tell(service)
    link = link_of((await mails(service))[0])
    await service.http.post(link)
    assert (await service.http.post(link + "/again")).headers["location"] == link
    await service.tell(an_update(update_id=uuid_of(7)))
    await tell(service)
    first, second = await mails(service)
    assert first.reader_id != second.reader_id, "what was stopped stays so"


async def test_a_mailbox_that_delivery_gave_up_is_asked_for_no_more_until_its_link_says_so(
    service: ActionsService,
) -> None:
    await opted_in(service, {})
    await service.tell(an_update())
    await tell(service)
    (mail,) = await mails(service)
    given_up = NewsUndeliverableV1(reader_id=mail.reader_id, action_id=mail.action_id, noticed_at=NOW)
    await service.tell(given_up, given_up)
    await service.tell(an_update(update_id=uuid_of(7)))
    await tell(service)
    assert len(await mails(service)) == 1
    link = link_of(mail)
    assert link + "/again" in (await service.http.get(link)).text, "the page says that it ended, and offers a way back"
    await service.http.post(link + "/again")
    await service.tell(given_up, an_update(update_id=uuid_of(8)))
    await tell(service)
    assert [one.update_id for one in await mails(service)] == [an_update().update_id, uuid_of(8)]


@pytest.mark.parametrize("token", ["x", "A" * 44, "ü" * 44])
async def test_a_link_that_is_none_of_ours_ends_nothing(service: ActionsService, token: str) -> None:
    answers = [await service.http.get(f"/unsubscribe/{token}"), await service.http.post(f"/unsubscribe/{token}")]
    assert {answer.status_code for answer in answers} == {404}


async def test_where_mailboxes_are_verified_only_those_that_answered_are_told(service: ActionsService) -> None:
    verifying: CasePublishedV1 = a_published_case(
        revision=2, protection=Protection(verification=Verification.BEFORE_DELIVERY)
    )
    await service.tell(verifying)
    yes = {"supporter_email": "yes@mail.example", "verify_token": "one", "verified_at": NOW}
    await opted_in(service, yes, {"supporter_email": "never-asked@mail.example"})
    await service.tell(an_update())
    await tell(service)
    assert await asked(service) == ["yes@mail.example"]


async def test_confirming_from_the_mailbox_lets_news_come_again(service: ActionsService) -> None:
    await opted_in(service, {})
    await service.tell(an_update())
    await tell(service)
    await service.http.post(link_of((await mails(service))[0]))
    token = "v" * 32
    await opted_in(service, {"verify_token": token, "verify_by": NOW + timedelta(days=9)})
    await service.http.post(f"/verify/{token}")
    await service.tell(an_update(update_id=uuid_of(7), published_at=NOW + timedelta(hours=1)))
    await tell(service)
    assert len(await mails(service)) == 2


async def test_a_withdrawn_case_a_switch_and_a_stop_hold_it_back(service: ActionsService) -> None:
    await opted_in(service, {})
    turn = "/api/v1/intake/switches/news"
    await service.http.put(turn, json={"state": "off", "why": "a test"}, headers=BEARER)
    await service.tell(an_update(), an_update(update_id=uuid_of(7)))
    await tell(service)
    assert await mails(service) == []
    log_in(service.http, service.wiring.staff)
    stop = f"/ops/intake/news/{uuid_of(7)}/stop"
    assert (await service.http.post(stop, data={"why": " "}, headers={"Origin": SITE})).status_code == 422
    assert (await service.http.post(stop, data={"why": "A mistake."}, headers={"Origin": SITE})).status_code == 303
    page = (await service.http.get("/ops/intake/news")).text
    assert "A mistake." in page
    assert "News is switched off" in page
    await service.tell(a_closed_case(revision=3))
    await service.http.put(turn, json={"state": "on", "why": "a test"}, headers=BEARER)
    await tell(service)
    assert await mails(service) == []
    listed = (await service.http.get("/api/v1/intake/news", headers=BEARER)).json()["news"]
    assert {(one["state"], one["asked"]) for one in listed} == {("stopped", 0)}


async def test_news_that_was_asked_for_whole_can_still_be_called_off_once(service: ActionsService) -> None:
    await opted_in(service, {})
    await service.tell(an_update())
    await tell(service)
    log_in(service.http, service.wiring.staff)
    stop = f"/ops/intake/news/{an_update().update_id}/stop"
    assert stop in (await service.http.get("/ops/intake/news")).text
    answers = [await service.http.post(stop, data={"why": "A mistake."}, headers={"Origin": SITE}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 409]
    (called_off,) = await events(service, NewsCalledOffV1)
    assert (called_off.update_id, called_off.case_id) == (an_update().update_id, CASE_ID)


async def test_a_receipt_stops_and_starts_news_of_its_own_action(service: ActionsService) -> None:
    await opted_in(service, {"token": "r" * 32})
    receipt = "/receipts/" + "r" * 32
    assert "Send me no news" in (await service.http.get(receipt)).text
    assert (await service.http.post(receipt + "/news", data={"wanted": "no"})).headers["location"] == receipt
    assert "Tell me when something changes" in (await service.http.get(receipt)).text
    await service.tell(an_update())
    await tell(service)
    assert await mails(service) == []
    await service.http.post(receipt + "/news", data={"wanted": "yes"})
    await service.tell(an_update(update_id=uuid_of(7)))
    await tell(service)
    assert await asked(service) == ["supporter@mail.example"]


async def test_a_receipt_offers_the_next_case(service: ActionsService) -> None:
    await service.tell(a_published_case(case_id=uuid_of(2), slug="the-next-one", title="Another case", discreet=False))
    await put_actions(service.wiring, [an_action_row(token="r" * 32)])
    receipt = "/receipts/" + "r" * 32
    assert 'href="/es/cases/the-next-one"' in (await service.http.get("/es" + receipt)).text
    async with service.wiring.database.transaction() as session:
        await session.exec(update(Action).where(col(Action.case_id) == CASE_ID).values(cancelled_at=NOW))
    assert "the-next-one" not in (await service.http.get(receipt)).text, "it is no time to ask for more"


def test_a_long_text_is_cut_between_words() -> None:
    short, long = "word " * 10, "word " * TEXT_CHARACTERS_MAX
    assert shorten(short) == short
    assert len(shorten(long)) <= TEXT_CHARACTERS_MAX
    assert shorten(long).endswith("word…")
