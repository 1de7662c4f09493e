"""What comes home over SMTP corrects letters, suppresses dead addresses, and brings answers to hidden supporters."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes
from typing import Any
from uuid import UUID

import aiosmtplib
import pytest
from sqlmodel import select

from services.delivery.cancelling import Canceller
from services.delivery.channels import Accepted, Dead, Phase, RenderedLetter, Unknown
from services.delivery.claiming import HandoverResult
from services.delivery.home.homecoming import Homecoming
from services.delivery.home.listening import CONNECTIONS_MAX, MAIL_BYTES_MAX
from services.delivery.kinds import LetterKind
from services.delivery.rendering import render
from services.delivery.states import LetterState
from services.delivery.tables import Destination, IncomingMail
from shared.db import DatabaseAway
from shared.messages.actions import AnswerForwardingRequestedV1, Supporter, VerificationRequestedV1
from shared.messages.delivery import AnswerReceivedV1, LetterBouncedV1, LetterSentV1, NewsUndeliverableV1
from tests.support.delivery_service import STAFF_TOKEN, DeliveryService, delivery_service, letter_of, many_actions
from tests.support.events import CASE_ID, MINISTRY, NOW, an_accepted_action, requested_news, uuid_of
from tests.support.incoming_mails import a_bounce, an_answer
from tests.support.staff_sessions import log_in
from tests.support.until import until

MAILBOX = "post@in.campaign.example"
RELAY = "mailer@relay.example"
BEARER = {"Authorization": f"Bearer {STAFF_TOKEN}", "Staff-Name": "Amina"}
HIDDEN = Supporter(name="A Supporter", email=None, country="PK")
OTHER = "office@parliament.example"


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    home = {"home_mailbox": MAILBOX, "home_secret": "a secret of the tests", "home_port": 0}
    async with delivery_service(database_url, **home) as service:
        yield service


@asynccontextmanager
async def listening(delivery: DeliveryService) -> AsyncIterator[int]:
    """The port."""
    listener, stop = delivery.wiring.listener(), asyncio.Event()
    assert listener is not None
    running = asyncio.create_task(listener.run(stop))
    await until(lambda: listener.port)
    try:
        yield listener.port
    finally:
        stop.set()
        await asyncio.wait_for(running, 10)


async def bring(port: int, address: str, content: bytes, sender: str = "") -> str:
    """What the other side said to the mail, or to its recipient."""
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, timeout=10) as smtp:
        try:
            _, said = await smtp.sendmail(sender, [address], content)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return f"{refused.recipients[0].code} {refused.recipients[0].message}"
        except aiosmtplib.SMTPResponseException as refused:
            return f"{refused.code} {refused.message}"
        return f"250 {said}"


async def send_all(delivery: DeliveryService) -> list[RenderedLetter]:
    """As a sender does, with a mail server that takes everything."""
    claims, sent = delivery.claims(), []
    for letter in await claims.claim(100, 100, news_max=100):
        rendered = render(letter.composition, delivery.wiring.campaign, NOW)
        assert isinstance(rendered, RenderedLetter)
        sent.append(rendered)
        await claims.record([HandoverResult(letter, Accepted(Phase.DOT, 250, "ok"), NOW, NOW)])
    return sent


async def told(delivery: DeliveryService, kind: type[Any]) -> list[Any]:
    return [event for event in await delivery._told() if isinstance(event, kind)]


async def kept(delivery: DeliveryService) -> list[IncomingMail]:
    async with delivery.wiring.database.transaction() as session:
        return list(await session.exec(select(IncomingMail)))


async def test_a_bounce_corrects_a_letter_that_was_called_sent_and_suppresses_its_address(
    delivery: DeliveryService,
) -> None:
    first, second = many_actions(2)
    await delivery.tell(first)
    [mail] = await send_all(delivery)
    await delivery.tell(second)
    async with listening(delivery) as port:
        for _ in range(2):
            assert (await bring(port, mail.sender, a_bounce())).startswith("250 ")
    bounced = await delivery.letter(letter_of(first))
    assert (bounced.state, bounced.last_code) == (LetterState.BOUNCED, 550)
    assert (await delivery.letter(letter_of(second))).state is LetterState.SUPPRESSED
    of_it = [report for report in await delivery.reports() if report.letter_id == bounced.id]
    assert [type(report) for report in of_it] == [LetterSentV1, LetterBouncedV1]
    assert len(await kept(delivery)) == 1, "the same again is kept once"
    [listed] = (await delivery.http.get("/api/v1/delivery/suppressions", headers=BEARER)).json()
    assert listed["address"] == MINISTRY.email


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (a_bounce("5.2.2", "552 5.2.2 mailbox full"), LetterState.BOUNCED),
        (a_bounce("4.4.1", "450 4.4.1 later", "delayed"), LetterState.SENT),
        (an_answer("I am away.", Auto_Submitted="auto-replied"), LetterState.SENT),
    ],
)
async def test_only_what_bounced_is_called_so(delivery: DeliveryService, content: bytes, state: LetterState) -> None:
    await delivery.tell(an_accepted_action())
    [mail] = await send_all(delivery)
    async with listening(delivery) as port:
        await bring(port, mail.sender, content)
    assert (await delivery.letter()).state is state
    assert (await delivery.http.get("/api/v1/delivery/suppressions", headers=BEARER)).json() == []


async def test_an_uncertain_letter_that_bounces_is_uncertain_no_more(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    claims = delivery.claims()
    [letter] = await claims.claim(1)
    await claims.record([HandoverResult(letter, Unknown(Phase.DOT), NOW, NOW)])
    async with listening(delivery) as port:
        await bring(port, delivery.wiring.campaign.return_path(letter.id), a_bounce())
    assert (await delivery.letter()).state is LetterState.BOUNCED


@pytest.mark.parametrize("is_letters", [True, False])
async def test_bounces_by_policy_hold_the_destination_behind_a_smarthost(
    delivery: DeliveryService, is_letters: bool
) -> None:
    asked = [a_verification(number, mailbox=MINISTRY.email) for number in range(1, 7)]
    await delivery.tell(*(many_actions(6) if is_letters else asked))
    mails = await send_all(delivery)
    async with listening(delivery) as port:
        for mail in mails:
            await bring(port, mail.sender, a_bounce("5.7.1", "550 5.7.1 looks like spam"))
    async with delivery.wiring.database.transaction() as session:
        destination = await session.get(Destination, "ministry.example")
    assert destination is not None
    assert destination.held_because is not None


async def test_an_answer_to_a_hidden_supporter_is_kept_with_the_case_and_forwarded(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action(supporter=HIDDEN))
    [mail] = await send_all(delivery)
    assert f"<{mail.sender}>" in mail.content.decode().replace("\r\n ", " ")
    async with listening(delivery) as port:
        assert (await bring(port, mail.sender, an_answer("We will look into it."), RELAY)).startswith("250 ")
    [received] = await told(delivery, AnswerReceivedV1)
    request = AnswerForwardingRequestedV1(
        answer_id=received.answer_id,
        action_id=received.action_id,
        case_id=CASE_ID,
        case_slug="a-test-case",
        country="PK",
        mailbox="supporter@mail.example",
        name="A Supporter",
        language="en",
        requested_at=NOW,
    )
    await delivery.tell(request, request)
    [forwarded] = await send_all(delivery)
    text = forwarded.content.decode()
    assert forwarded.recipient == "supporter@mail.example"
    assert "We will look into it." in text
    assert "Ministry of Examples" in text
    assert "Auto-Submitted: auto-generated" in text
    [answer] = [letter for letter in await delivery.letters() if letter.kind is LetterKind.ANSWER]
    assert answer.state is LetterState.SENT
    listed = (
        await delivery.http.get(f"/api/v1/delivery/incoming?kind=answer&case_id={CASE_ID}", headers=BEARER)
    ).json()
    assert [one["text"] for one in listed] == ["We will look into it."]
    [row] = await kept(delivery)
    assert row.content is not None
    assert b"We will look into it." in row.content
    log_in(delivery.http, delivery.wiring.staff)
    for path in (
        "/ops/incoming",
        "/ops/incoming?kind=answer",
        f"/ops/letters/{received.letter_id}",
        f"/ops/letters/{answer.id}",
    ):
        assert "We will look into it." in (await delivery.http.get(path)).text


async def test_an_answer_to_somebody_who_shows_their_address_is_kept_and_not_forwarded(
    delivery: DeliveryService,
) -> None:
    await delivery.tell(an_accepted_action())
    [mail] = await send_all(delivery)
    async with listening(delivery) as port:
        await bring(port, mail.sender, an_answer(), RELAY)
    assert await told(delivery, AnswerReceivedV1) == []
    assert len(await kept(delivery)) == 1


async def test_the_porter_knows_its_letters_and_its_bounds(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    known = delivery.wiring.campaign.return_path((await delivery.letter()).id)
    stranger = delivery.wiring.campaign.return_path(UUID(int=7))
    async with listening(delivery) as port:
        assert (await bring(port, MAILBOX, an_answer())).startswith("550 ")
        assert (await bring(port, "post+abc@in.campaign.example", an_answer())).startswith("550 ")
        assert (await bring(port, stranger, an_answer(), RELAY)).startswith("550 ")
        assert (await bring(port, known, an_answer("x" * MAIL_BYTES_MAX), RELAY)).startswith("552 ")
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, timeout=10) as smtp:
            errors, _ = await smtp.sendmail(RELAY, [known, known], an_answer())
        assert errors[known].code == 452
        open_ones = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS_MAX)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"421 ")
        for _, one in [*open_ones, (reader, writer)]:
            one.close()
    assert len(await kept(delivery)) == 1


async def test_with_no_database_the_mail_server_keeps_the_mail(
    delivery: DeliveryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise DatabaseAway("away")

    await delivery.tell(an_accepted_action())
    [mail] = await send_all(delivery)
    monkeypatch.setattr(delivery.wiring.homecoming, "take", away)
    async with listening(delivery) as port:
        assert (await bring(port, mail.sender, a_bounce())).startswith("451 ")


async def test_a_supporter_can_have_no_more_mail_by_the_header_that_says_how(delivery: DeliveryService) -> None:
    await delivery.tell(a_verification())
    [mail] = await send_all(delivery)
    told_how = message_from_bytes(mail.content)["List-Unsubscribe"].strip()
    assert told_how == f"<mailto:{mail.sender}?subject=unsubscribe>"
    await delivery.tell(an_accepted_action())
    [letter] = await send_all(delivery)
    assert "List-Unsubscribe" not in message_from_bytes(letter.content), "officials get no such thing"
    async with listening(delivery) as port:
        await bring(port, mail.sender, an_answer("", Subject="Unsubscribe"), "supporter@mail.example")
    await delivery.tell(a_verification(number=2))
    assert await send_all(delivery) == []


@pytest.mark.parametrize("came", [a_bounce(), an_answer("", Subject="Unsubscribe")], ids=["bounce", "unsubscribe"])
async def test_a_reader_whose_mailbox_is_dead_or_who_writes_back_gets_no_more_news(
    delivery: DeliveryService, came: bytes
) -> None:
    await delivery.tell(requested_news())
    [mail] = await send_all(delivery)
    async with listening(delivery) as port:
        await bring(port, mail.sender, came, "supporter@mail.example")
    await delivery.tell(requested_news(news_id=uuid_of(2), action_id=uuid_of(3), case_id=uuid_of(4)))
    assert await send_all(delivery) == []
    (given_up,) = await told(delivery, NewsUndeliverableV1)
    assert (given_up.reader_id, given_up.action_id) == (requested_news().reader_id, requested_news().action_id)
    await delivery.tell(requested_news(news_id=uuid_of(5), reader_id=uuid_of(6)))
    assert len(await send_all(delivery)) == 1, "who wants it again is another reader"


async def test_what_a_mail_means_is_not_lost_when_its_process_dies_over_it(delivery: DeliveryService) -> None:
    class DiesOnce(Canceller):
        deaths = 1

        async def cancel_reader(self, *about: Any) -> int:
            if self.deaths:
                self.deaths = 0
                raise DatabaseAway("died")
            return await super().cancel_reader(*about)

    wiring = delivery.wiring
    edges = (wiring.sender_wake, wiring.settings.bearing())
    canceller = DiesOnce(wiring.database, wiring.outbox, delivery.clock)
    home = Homecoming(wiring.database, wiring.outbox, delivery.clock, wiring.suppressions, canceller, *edges)
    await delivery.tell(requested_news())
    await send_all(delivery)
    unsubscribe = an_answer("", Subject="Unsubscribe")
    with pytest.raises(DatabaseAway):
        await home.take(requested_news().news_id, unsubscribe, "supporter@mail.example")
    await home.take(requested_news().news_id, unsubscribe, "supporter@mail.example")
    await delivery.tell(requested_news(news_id=uuid_of(2)))
    assert await send_all(delivery) == []
    assert len(await kept(delivery)) == 1


def a_verification(number: int = 1, mailbox: str | None = "supporter@mail.example") -> VerificationRequestedV1:
    return VerificationRequestedV1(
        action_id=an_accepted_action().action_id,
        number=number,
        case_id=CASE_ID,
        case_slug="a-test-case",
        country="PK",
        mailbox=mailbox or "",
        name="A Supporter",
        language="en",
        confirm_url="https://site.example/verify/x",
        requested_at=NOW,
        expires_at=NOW + timedelta(days=3),
    )


class TestSeveralAddresses:
    TARGET = MINISTRY.model_copy(update={"other_emails": (OTHER, "last@ministry.example")})

    async def test_a_dead_one_sends_its_letter_and_all_that_wait_to_the_next(self, delivery: DeliveryService) -> None:
        await delivery.tell(*many_actions(3, targets=(self.TARGET,)))
        claims = delivery.claims()
        [letter] = await claims.claim(1)
        await claims.record([HandoverResult(letter, Dead(Phase.RCPT, 550, "5.1.1 nobody"), NOW, NOW)])
        assert {one.to_address for one in await delivery.letters()} == {OTHER}
        assert await delivery.states() == {LetterState.QUEUED}
        assert {mail.recipient for mail in await send_all(delivery)} == {OTHER}
        await delivery.tell(*many_actions(4, targets=(self.TARGET,)))
        assert {mail.recipient for mail in await send_all(delivery)} == {OTHER}

    async def test_a_letter_that_bounces_later_goes_to_the_next_and_the_last_one_bounces(
        self, delivery: DeliveryService
    ) -> None:
        await delivery.tell(an_accepted_action(targets=(self.TARGET,)))
        async with listening(delivery) as port:
            for expected in (MINISTRY.email, OTHER, "last@ministry.example"):
                [mail] = await send_all(delivery)
                assert mail.recipient == expected
                await bring(port, mail.sender, a_bounce(diagnosis=f"550 5.1.1 {expected} is not there"))
        assert (await delivery.letter()).state is LetterState.BOUNCED
        assert [type(report) for report in await delivery.reports()] == [LetterSentV1, LetterBouncedV1]

    async def test_one_that_the_campaign_no_longer_names_is_not_written_to(self, delivery: DeliveryService) -> None:
        await delivery.tell(an_accepted_action(targets=(self.TARGET,)))
        fewer = MINISTRY.model_copy(update={"email": OTHER, "other_emails": ("new@ministry.example",)})
        second = many_actions(1, targets=(fewer,))
        await delivery.tell(*second)
        assert (await delivery.letter(letter_of(second[0]))).to_address == OTHER
