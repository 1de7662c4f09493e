"""News by mail: after everything else, to nobody who does not want it; on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.delivery.cancelling import NEWS_LOCK, lock_cases
from services.delivery.channels import Dead, Phase, Refused
from services.delivery.claiming import HandoverResult
from services.delivery.kinds import LetterKind
from services.delivery.next_others import PAUSED_NEWS_WAITS
from services.delivery.pauses import Scope
from services.delivery.states import LetterState
from services.delivery.tables import Cancellation
from shared.audit import By
from shared.messages.actions import ActionCancelledV1, ActionInvalidatedV1, ActionReinstatedV1
from shared.messages.actions_news import NewsCalledOffV1, NewsRequestedV1, NewsStoppedV1
from shared.messages.cases import ClosedReason
from shared.messages.envelope import derived_id
from shared.web.problems import Problem
from tests.support.delivery_service import STAFF_TOKEN, DeliveryService, delivery_service, many_actions
from tests.support.events import (
    NOW,
    a_closed_case,
    a_decision,
    a_published_case,
    an_accepted_action,
    requested_news,
    uuid_of,
)
from tests.support.staff_sessions import log_in
from tests.support.until import until

READER = requested_news().reader_id
STOPPED = NewsStoppedV1(reader_id=READER, stopped_at=NOW)


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url) as service:
        yield service


def many_news(count: int) -> list[NewsRequestedV1]:
    """To as many readers."""
    return [
        requested_news(
            news_id=derived_id("news", number),
            reader_id=derived_id("reader", number),
            action_id=derived_id("opted in", number),
            mailbox=f"reader-{number}@mail.example",
        )
        for number in range(count)
    ]


async def taken(delivery: DeliveryService) -> list[LetterKind]:
    """What a claim brings that has room for ten, five of them for news."""
    return [one.composition.kind for one in await delivery.claims().claim(10, 4, news_max=5)]


async def test_a_request_is_one_mail_however_often_it_comes(delivery: DeliveryService) -> None:
    await delivery.tell(requested_news(), requested_news())
    await delivery.tell(requested_news())
    async with delivery.sending():
        await until(lambda: len(delivery.channel.taken) == 1)
    (mail,) = delivery.channel.taken
    assert b"They were moved." in mail.content
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in mail.content
    assert await delivery.reports() == [], "it is no letter"


async def test_news_goes_last_and_leaves_room(delivery: DeliveryService) -> None:
    await delivery.tell(*many_news(20), *many_actions(8))
    assert sorted(await taken(delivery)) == [LetterKind.LETTER] * 8 + [LetterKind.NEWS] * 2
    assert await taken(delivery) == [LetterKind.NEWS] * 5, "what comes meanwhile finds a free slot"
    assert [one.composition.kind for one in await delivery.claims().claim(10, 0, news_max=5)] == [], (
        "while confirmations are held to their share, news waits for them"
    )


async def test_a_flood_of_news_is_all_sent(delivery: DeliveryService) -> None:
    await delivery.tell(*many_news(100))
    async with delivery.sending():
        await until(lambda: len(delivery.channel.taken) == 100)


@pytest.mark.parametrize("first", [True, False])
async def test_who_wants_no_more_gets_nothing_also_not_what_is_queued(delivery: DeliveryService, first: bool) -> None:
    told = [requested_news(), requested_news(news_id=uuid_of(2), case_id=uuid_of(3))]
    for event in [STOPPED, *told] if first else [*told, STOPPED, STOPPED]:
        await delivery.tell(event)
    assert await delivery.states() == {LetterState.CANCELLED}
    await delivery.tell(requested_news(news_id=uuid_of(4), reader_id=uuid_of(5)))
    assert await taken(delivery) == [LetterKind.NEWS], "another reader, or one who wants it again"


@pytest.mark.parametrize("first", [True, False])
async def test_news_that_staff_called_off_goes_to_nobody_also_not_what_is_queued(
    delivery: DeliveryService, first: bool
) -> None:
    told, another = requested_news(), requested_news(news_id=uuid_of(2), update_id=uuid_of(3))
    called_off = NewsCalledOffV1(update_id=told.update_id, case_id=told.case_id, called_off_at=NOW)
    for event in [called_off, told, another] if first else [told, another, called_off, called_off]:
        await delivery.tell(event)
    assert (await delivery.letter(told.news_id)).state is LetterState.CANCELLED
    (claimed,) = await delivery.claims().claim(10, 4, news_max=5)
    assert claimed.id == another.news_id, "only the news of that update"


@pytest.mark.parametrize(
    "why",
    [
        a_closed_case(reason=ClosedReason.WITHDRAWN),
        ActionCancelledV1(
            action_id=requested_news().action_id, case_id=requested_news().case_id, reason="x", cancelled_at=NOW
        ),
    ],
)
async def test_what_was_withdrawn_or_taken_back_is_told_to_nobody(delivery: DeliveryService, why: Any) -> None:
    await delivery.tell(requested_news())
    await delivery.tell(why)
    await delivery.tell(requested_news(news_id=uuid_of(2)))
    assert await delivery.states() == {LetterState.CANCELLED}


async def test_a_case_that_was_won_is_still_told_of(delivery: DeliveryService) -> None:
    await delivery.tell(a_closed_case(reason=ClosedReason.WON), requested_news())
    assert await taken(delivery) == [LetterKind.NEWS]


async def test_a_dead_mailbox_gets_no_more_news_and_stands_on_no_list(delivery: DeliveryService) -> None:
    await delivery.tell(requested_news())
    delivery.channel.answers["supporter@mail.example"] = [Dead(Phase.RCPT, 550, "no such user")]

    async def bounced() -> bool:
        return await delivery.states() == {LetterState.BOUNCED}

    async with delivery.sending():
        await until(bounced)
    await delivery.tell(requested_news(news_id=uuid_of(2)))
    assert (await delivery.letter(uuid_of(2))).state is LetterState.CANCELLED
    assert list(await delivery.wiring.suppressions.list()) == []


@pytest.mark.parametrize("first", [True, False])
async def test_an_address_that_staff_suppressed_gets_none(delivery: DeliveryService, first: bool) -> None:
    if not first:
        await delivery.tell(requested_news())
    await delivery.wiring.suppressions.suppress("Supporter@mail.example", By("Amina", "asked by phone"), None)
    if first:
        await delivery.tell(requested_news())
    assert await taken(delivery) == []
    assert await delivery.states() == {LetterState.SUPPRESSED}


async def test_what_is_a_week_old_is_no_news(delivery: DeliveryService) -> None:
    await delivery.tell(requested_news())
    delivery.clock.advance(timedelta(days=7))
    await delivery.sweep().sweep()
    assert await delivery.states() == {LetterState.FAILED}


async def test_news_of_an_action_that_counts_again_is_sent_only_while_it_is_news(delivery: DeliveryService) -> None:
    await delivery.tell(requested_news())
    await delivery.tell(a_decision(ActionInvalidatedV1, an_accepted_action(), 1))
    assert await delivery.states() == {LetterState.CANCELLED}
    delivery.clock.advance(timedelta(days=60))
    await delivery.tell(a_decision(ActionReinstatedV1, an_accepted_action(), 2))
    assert await taken(delivery) == []
    await delivery.sweep().sweep()
    assert await delivery.states() == {LetterState.FAILED}


@pytest.mark.parametrize(
    ("scope", "subject"),
    [
        (Scope.CASE, str(requested_news().case_id)),
        (Scope.CHANNEL, "email"),
        (Scope.DESTINATION, "google"),
    ],
)
async def test_a_pause_holds_news_too_and_no_other(delivery: DeliveryService, scope: Scope, subject: str) -> None:
    held = requested_news(mailbox="Supporter@GoogleMail.com")
    other = requested_news(news_id=uuid_of(2), case_id=uuid_of(3), case_slug="another")
    await delivery.tell(a_published_case(), held, other)
    by = By("Amina", "a mistake in it")
    await delivery.wiring.steering.pause(scope, subject, by)
    assert await taken(delivery) == [LetterKind.NEWS] * (scope is not Scope.CHANNEL)
    waiting = await delivery.letter(held.news_id)
    assert waiting.state is LetterState.QUEUED
    assert "It is paused" in (await delivery.wiring.desk.read_letter(held.news_id))[2]
    await delivery.wiring.steering.resume(scope, subject, by)
    delivery.clock.advance(PAUSED_NEWS_WAITS)
    assert held.news_id in {one.id for one in await delivery.claims().claim(10, 4, news_max=5)}


async def test_news_is_not_sent_again_to_who_ends_it_meanwhile(delivery: DeliveryService) -> None:
    """Sending again waits for whoever is just writing down that a reader wants no more."""
    database = delivery.wiring.database
    if not database.is_postgresql:
        pytest.skip("on SQLite one transaction at a time writes")
    await delivery.tell(requested_news())
    claims = delivery.claims()
    (claimed,) = await claims.claim(10, 4, news_max=5)
    await claims.record([HandoverResult(claimed, Refused(Phase.RCPT, 550, "not today"), NOW, NOW)])

    async def is_waiting() -> bool:
        asked = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        async with database.transaction() as session:
            return bool((await (await session.connection()).execute(text(asked))).scalar_one())

    async with database.transaction() as session:
        await lock_cases(session, [NEWS_LOCK])
        session.add(Cancellation(subject=READER, reason="ended", at=NOW))
        again = asyncio.create_task(delivery.wiring.desk.retry_letter(claimed.id, By("Amina", "a test")))
        await until(is_waiting)
    with pytest.raises(Problem, match="must not be sent"):
        await again


async def test_staff_see_it_without_its_link_and_how_many_were_sent(delivery: DeliveryService) -> None:
    await delivery.tell(*many_news(3))
    await delivery.tell(NewsStoppedV1(reader_id=derived_id("reader", 0), stopped_at=NOW))
    letter = (await delivery.letters())[0]
    bearer = {"Authorization": f"Bearer {STAFF_TOKEN}"}
    log_in(delivery.http, delivery.wiring.staff)
    shown = [
        await delivery.http.get(f"/api/v1/letters/{letter.id}", headers=bearer),
        await delivery.http.get(f"/ops/letters/{letter.id}"),
    ]
    for answer in shown:
        assert answer.status_code == 200
        assert "a-token" not in answer.text
    assert "They were moved." in shown[1].text
    listed = {
        kind: (await delivery.http.get(f"/api/v1/letters?kind={kind}", headers=bearer)).json()
        for kind in ("letter", "news")
    }
    assert [len(one["letters"]) for one in listed.values()] == [0, 3], "among letters there is no news"
    assert [one["counts"]["queued"] for one in listed.values()] == [0, 2]
    assert str(letter.id) in (await delivery.http.get("/ops/letters?kind=news")).text
    assert str(letter.id) not in (await delivery.http.get("/ops/letters")).text
    page = (await delivery.http.get("/ops/news")).text
    assert "a-test-case" in page
    counted = (await delivery.http.get("/api/v1/delivery/news", headers=bearer)).json()["news"]
    assert [(one["case_slug"], one["counts"]) for one in counted] == [("a-test-case", {"queued": 2, "cancelled": 1})]
