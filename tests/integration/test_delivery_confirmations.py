"""Confirmation mail: delivered with a letter's care, in its own lane, and counted as no letter; on both databases."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from services.delivery.channels import Deferred, Phase, Refused
from services.delivery.kinds import LetterKind
from services.delivery.states import LetterState
from services.delivery.tables import Letter
from shared.messages.actions import VerificationRequestedV1
from shared.messages.envelope import derived_id
from tests.support.delivery_service import STAFF_TOKEN, DeliveryService, delivery_service, many_actions
from tests.support.events import CASE_ID, NOW, a_closed_case, an_accepted_action
from tests.support.until import until

LINK = "https://site.example/verify/"
MAILBOX = "supporter@mail.example"


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url) as service:
        yield service


def a_request(number: int = 1, **changes: Any) -> VerificationRequestedV1:
    values: dict[str, Any] = {
        "action_id": derived_id("action", "one"),
        "number": number,
        "case_id": CASE_ID,
        "case_slug": "a-test-case",
        "country": "PK",
        "mailbox": MAILBOX,
        "name": "A Supporter",
        "language": "en",
        "confirm_url": LINK + "a-token",
        "requested_at": NOW,
        "expires_at": NOW + timedelta(hours=72),
    }
    return VerificationRequestedV1(**(values | changes))


def many_requests(count: int) -> list[VerificationRequestedV1]:
    return [a_request(action_id=derived_id("waiting", number)) for number in range(count)]


async def confirmations(delivery: DeliveryService) -> list[Letter]:
    return [letter for letter in await delivery.letters() if letter.kind is LetterKind.CONFIRMATION]


async def sent(delivery: DeliveryService, kind: LetterKind) -> int:
    return sum(letter.kind is kind and letter.state is LetterState.SENT for letter in await delivery.letters())


async def test_a_request_is_one_mail_however_often_it_comes(delivery: DeliveryService) -> None:
    await delivery.tell(a_request(), a_request())
    await delivery.tell(a_request())
    await delivery.tell(a_request(2))
    assert len(await confirmations(delivery)) == 2
    async with delivery.sending():
        await until(lambda: len(delivery.channel.taken) == 2)
    assert {mail.recipient for mail in delivery.channel.taken} == {MAILBOX}
    assert all((LINK + "a-token").encode() in mail.content for mail in delivery.channel.taken)


async def test_nothing_is_reported_of_its_way(delivery: DeliveryService) -> None:
    await delivery.tell(*many_requests(3))
    delivery.channel.answers[MAILBOX] = [Refused(Phase.RCPT, 550, "no such user")]
    async with delivery.sending():
        await until(lambda: _all_done(delivery))
    assert await delivery.states() == {LetterState.SENT, LetterState.BOUNCED}
    assert await delivery.reports() == []


async def _all_done(delivery: DeliveryService) -> bool:
    return await delivery.states() <= {LetterState.SENT, LetterState.BOUNCED}


async def test_a_mail_put_off_comes_again(delivery: DeliveryService) -> None:
    await delivery.tell(a_request())
    delivery.channel.answers[MAILBOX] = [Deferred(Phase.RCPT, 451, "greylisted")]

    async def put_off() -> bool:
        return (await delivery.letter()).attempts == 1

    async with delivery.sending():
        await until(put_off)
        delivery.clock.advance(timedelta(minutes=2))
        await until(lambda: len(delivery.channel.taken) == 1)


async def test_a_withdrawn_case_asks_nobody(delivery: DeliveryService) -> None:
    await delivery.tell(a_request())
    await delivery.tell(a_closed_case())
    await delivery.tell(a_request(2))
    assert await delivery.states() == {LetterState.CANCELLED}
    assert await delivery.reports() == []
    assert await delivery.claims().claim(10, 10) == []


async def test_what_expired_is_not_sent(delivery: DeliveryService) -> None:
    await delivery.tell(a_request())
    delivery.clock.advance(timedelta(hours=72))
    assert await delivery.claims().claim(10, 10) == []
    await delivery.sweep().sweep()
    assert await delivery.states() == {LetterState.FAILED}
    assert await delivery.reports() == []


async def test_a_backlog_of_letters_does_not_delay_a_confirmation(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(2_000))
    delivery.clock.advance(timedelta(seconds=1))
    await delivery.tell(a_request(requested_at=NOW + timedelta(seconds=1)))
    async with delivery.sending():
        await until(lambda: _sent_to(delivery, MAILBOX))
        assert len(delivery.channel.taken) < 500, "it went past the letters that waited longer"


def _sent_to(delivery: DeliveryService, mailbox: str) -> bool:
    return any(mail.recipient == mailbox for mail in delivery.channel.taken)


async def test_a_flood_of_confirmations_does_not_hold_letters_up(delivery: DeliveryService) -> None:
    await delivery.tell(*many_requests(2_000))
    delivery.clock.advance(timedelta(seconds=1))
    await delivery.tell(*many_actions(30))

    async def letters_are_out() -> bool:
        return await sent(delivery, LetterKind.LETTER) == 30

    async with delivery.sending():
        await until(letters_are_out)
        assert await sent(delivery, LetterKind.CONFIRMATION) < 1_500


async def test_confirmations_alone_are_all_sent(delivery: DeliveryService) -> None:
    await delivery.tell(*many_requests(200))
    async with delivery.sending():
        await until(lambda: len(delivery.channel.taken) == 200)


async def test_a_claim_takes_confirmations_first_and_no_more_than_their_share(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(10), *many_requests(10))
    for share in (3, 0):
        kinds = [letter.composition.kind for letter in await delivery.claims().claim(5, share)]
        assert kinds.count(LetterKind.CONFIRMATION) == share
        assert len(kinds) == 5


async def test_the_console_marks_it_and_never_shows_the_link(delivery: DeliveryService) -> None:
    await delivery.tell(a_request())
    letter = await delivery.letter()
    staff = {"Authorization": f"Bearer {STAFF_TOKEN}"}
    shown = await delivery.http.get(f"/api/v1/letters/{letter.id}", headers=staff)
    assert shown.json()["kind"] == "confirmation"
    await delivery.http.post(
        "/ops/login", data={"token": STAFF_TOKEN, "who": "a test"}, headers={"Origin": "https://site.example"}
    )
    page, listed = [await delivery.http.get(f"/ops/letters{path}") for path in (f"/{letter.id}", "")]
    for answer in (shown, page, listed):
        assert answer.status_code == 200
        assert "verify/" not in answer.text
        assert "a-token" not in answer.text
    assert "confirmation" in page.text
    assert "confirmation" in listed.text
    assert "A Supporter" not in listed.text


async def test_a_written_mail_is_not_shown_from_its_file(database_url: str, tmp_path: Any) -> None:
    async with delivery_service(database_url, letters_folder=tmp_path / "letters") as delivery:
        await delivery.tell(a_request())
        assert delivery.wiring.channel is not None
        async with delivery.sending(delivery.wiring.channel):
            await until(lambda: sent_once(delivery))
        (path,) = (tmp_path / "letters").glob("*.eml")
        assert b"a-token" in path.read_bytes()
        letter = await delivery.letter()
        shown = await delivery.http.get(
            f"/api/v1/letters/{letter.id}", headers={"Authorization": f"Bearer {STAFF_TOKEN}"}
        )
        assert "a-token" not in shown.text


async def sent_once(delivery: DeliveryService) -> bool:
    return await delivery.states() == {LetterState.SENT}


async def test_a_letter_confirmed_late_still_has_its_five_days(delivery: DeliveryService) -> None:
    verified_at = NOW + timedelta(days=4)
    await delivery.tell(an_accepted_action(verified_at=verified_at))
    assert (await delivery.letter()).expires_at == verified_at + timedelta(days=5)
